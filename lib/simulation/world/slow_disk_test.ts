/** Background work yields to clients, but makes progress even if they use the disk all the time. */
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
    const joined = replica("n5");
    const isOwner = joined?.membership.memberStatus("n5") === "member" &&
      joined.ring.steps.length === 0;
    if (isOwner) joinedAt ??= simulation.now;
  }
  assert.deepEqual(run.result().violations, []);
  // In virtual time. The new node soon owns some ranges, and from then on clients use its disk too.
  assert.ok(joinedAt !== null && joinedAt < 10 * US_PER_S, `joined at ${joinedAt} µs`);
});
