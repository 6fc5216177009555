/** Membership changes of a scenario file, in virtual time and on real processes. */
import assert from "node:assert/strict";
import { runScenario } from "../lib/simulation/run.ts";
import { parseScenario } from "../lib/simulation/scenario/scenario.ts";
import { runScenarioLive } from "../nodes/live_scenario/run.ts";

const BACKGROUND = { gossipIntervalMs: 200, handoffIntervalMs: 200, antiEntropyIntervalMs: 300 };

const SCENARIO = parseScenario({
  name: "membership changes",
  seed: 5,
  nodes: 4,
  spares: [{ id: "s1" }, { id: "s2", weight: 2 }],
  config: { sloppy: true, hintedHandoff: true, timeoutMs: 500, partitions: 32, ...BACKGROUND },
  network: { latency: "uniform(0,1)", clients: "0.2" },
  workload: { clients: 6, operations: 800, keys: 24, think: "20" },
  convergeWithinMs: 120_000,
  faults: [
    { kind: "join", atMs: 200, node: "s1" },
    // Before other nodes know it, and while it receives its ranges.
    { kind: "loss", atMs: 100, forMs: 1_500, from: ["s1"], probability: 0.05 },
    { kind: "kill", atMs: 600, node: "s1", downMs: 300 },
    // The node that the harness asks first.
    { kind: "leave", atMs: 1_200, node: "n1" },
    { kind: "replace", atMs: 1_800, node: "n2", by: "s2" },
    // Already a member, so this has no effect.
    { kind: "join", atMs: 1_900, node: "n3" },
  ],
});

Deno.test("membership changes lose no write and complete, in virtual time and on real processes", async () => {
  const simulated = runScenario(SCENARIO);
  const live = await runScenarioLive(SCENARIO);
  const details = JSON.stringify(live, null, 1);
  for (const result of [simulated, live]) {
    assert.deepEqual(result.violations, [], details);
    assert.equal(result.ok, true);
    assert.deepEqual(result.faults, { join: 2, loss: 1, kill: 1, leave: 1, replace: 1 });
  }
  assert.deepEqual(live.skipped, []);
  assert.deepEqual(live.committed, { join: 1, leave: 1, replace: 1 }, details);
  assert.equal(live.convergence.converged, true, details);
  assert.equal(live.convergence.hintsLeft, 0);
  assert.ok(live.operations.ok > 100, details);
  const examined = new Map(live.checks.map(({ name, examined }) => [name, examined]));
  for (const name of ["no-lost-write", "convergence", "ownership"]) {
    assert.ok((examined.get(name) ?? 0) > 0, `${name} must examine something`);
  }
  // n3, n4, s1 and s2 are members in the end.
  assert.equal(examined.get("membership-settles"), 4, details);
});

Deno.test("a node that cannot leave stays, and one that cannot be removed returns with an empty disk", async () => {
  const live = await runScenarioLive(parseScenario({
    nodes: 3,
    config: { r: 1, w: 3, sloppy: true, timeoutMs: 500, partitions: 8, ...BACKGROUND },
    workload: { clients: 2, operations: 120, keys: 8, think: "20" },
    convergeWithinMs: 120_000,
    faults: [
      { kind: "leave", atMs: 100, node: "n1" },
      { kind: "remove", atMs: 400, node: "n2" },
    ],
  }));
  const details = JSON.stringify(live, null, 1);
  assert.deepEqual(live.violations, [], details);
  assert.deepEqual(live.faults, { leave: 1, remove: 1 });
  assert.deepEqual(live.committed, {}, "W = 3 needs three nodes");
  assert.equal(live.convergence.converged, true, details);
  const settles = live.checks.find(({ name }) => name === "membership-settles");
  assert.equal(settles?.examined, 3, "all three nodes are running members");
});
