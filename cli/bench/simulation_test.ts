import assert from "node:assert/strict";
import { runSimulationBench } from "./simulation_process.ts";

Deno.test("the simulator's benchmark completes every operation and repeats the same run", async () => {
  const [small, large] = await runSimulationBench(true);
  assert.ok(small !== undefined && large !== undefined);
  assert.deepEqual([small.nodes, large.nodes], [5, 1_000]);
  for (const row of [small, large]) {
    assert.equal(row.failed, 0, row.name);
    assert.ok(row.events > 9 * row.operations, "a request takes a dozen events or so");
    assert.ok(row.eventsPerSecond > 0 && row.elapsedMs > 0);
  }
  const [again] = await runSimulationBench(true);
  assert.equal(again?.traceHash, small.traceHash);
});
