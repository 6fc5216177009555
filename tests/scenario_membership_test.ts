/** Nodes join, leave, are replaced and removed as one scenario file says, in virtual time and on real processes. */
import assert from "node:assert/strict";
import { runScenario } from "../lib/simulation/run.ts";
import { parseScenario } from "../lib/simulation/scenario/scenario.ts";
import { runScenarioLive } from "../nodes/live_scenario/run.ts";

const BACKGROUND = { gossipIntervalMs: 200, handoffIntervalMs: 200, antiEntropyIntervalMs: 300 };

const SCENARIO = parseScenario({
  name: "comings and goings",
  seed: 5,
  nodes: 4,
  spares: [{ id: "s1" }, { id: "s2", weight: 2 }],
  config: { sloppy: true, hintedHandoff: true, timeoutMs: 500, partitions: 32, ...BACKGROUND },
  network: { latency: "uniform(0,1)", clients: "0.2" },
  workload: { clients: 6, operations: 800, keys: 24, think: "20" },
  convergeWithinMs: 120_000,
  faults: [
    { kind: "join", atMs: 200, node: "s1" },
    // Before anybody knows it, and while it takes its ranges over.
    { kind: "loss", atMs: 100, forMs: 1_500, from: ["s1"], probability: 0.05 },
    { kind: "kill", atMs: 600, node: "s1", downMs: 300 },
    // The node that others ask first.
    { kind: "leave", atMs: 1_200, node: "n1" },
    { kind: "replace", atMs: 1_800, node: "n2", by: "s2" },
    // A member already: nothing is to be done.
    { kind: "join", atMs: 1_900, node: "n3" },
  ],
});

Deno.test("nodes come and go as a scenario says, on either clock: nothing is lost and all has moved", async () => {
  const simulated = runScenario(SCENARIO);
  const live = await runScenarioLive(SCENARIO);
  const told = JSON.stringify(live, null, 1);
  for (const result of [simulated, live]) {
    assert.deepEqual(result.violations, [], told);
    assert.equal(result.ok, true);
    assert.deepEqual(result.faults, { join: 2, loss: 1, kill: 1, leave: 1, replace: 1 });
  }
  assert.deepEqual(live.skipped, []);
  assert.deepEqual(live.committed, { join: 1, leave: 1, replace: 1 }, told);
  assert.equal(live.convergence.converged, true, told);
  assert.equal(live.convergence.hintsLeft, 0);
  assert.ok(live.operations.ok > 100, told);
  const looked = new Map(live.checks.map(({ name, examined }) => [name, examined]));
  for (const name of ["no-lost-write", "convergence", "ownership"]) {
    assert.ok((looked.get(name) ?? 0) > 0, `${name} had nothing to look at`);
  }
  // n3, n4, s1 and s2 are members in the end.
  assert.equal(looked.get("membership-settles"), 4, told);
});

Deno.test("who cannot be taken out stays: one that leaves goes on, one that was destroyed comes back empty", async () => {
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
  const told = JSON.stringify(live, null, 1);
  assert.deepEqual(live.violations, [], told);
  assert.deepEqual(live.faults, { leave: 1, remove: 1 });
  assert.deepEqual(live.committed, {}, "three nodes are needed for W = 3");
  assert.equal(live.convergence.converged, true, told);
  const settles = live.checks.find(({ name }) => name === "membership-settles");
  assert.equal(settles?.examined, 3, "all three are members, and run");
});
