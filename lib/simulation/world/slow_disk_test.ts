/** Background work yields to clients, and still gets on where they never leave the disk alone. */
import assert from "node:assert/strict";
import { Run } from "../run.ts";
import { parseScenario } from "../scenario/scenario.ts";

const US_PER_S = 1_000_000;

Deno.test("a node joins although every disk is slow and clients never pause", () => {
  const run = Run.start(parseScenario({
    seed: 1,
    nodes: 4,
    spares: [{ id: "n5" }],
    config: { partitions: 16, gossipIntervalMs: 200, timeoutMs: 2_000 },
    disk: { load: "60", store: "60" },
    workload: { operations: 8_000, clients: 8, keys: 40 },
    faults: [{ kind: "join", atMs: 2_000, node: "n5" }],
  }));
  const { simulation } = run;
  const replica = (id: string) => simulation.machines.find((each) => each.id === id)?.replica;
  let joinedAt: number | null = null;
  while (!run.isDone) {
    run.step();
    const newcomer = replica("n5");
    const isOwner = newcomer?.membership.memberStatus("n5") === "member" &&
      newcomer.ring.steps.length === 0;
    if (isOwner) joinedAt ??= simulation.now;
  }
  assert.deepEqual(run.result().violations, []);
  // Virtual time. The newcomer is an owner of some ranges soon, and its disk is then used for ever.
  assert.ok(joinedAt !== null && joinedAt < 10 * US_PER_S, `joined at ${joinedAt} µs`);
});
