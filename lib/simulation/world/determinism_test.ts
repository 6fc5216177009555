import assert from "node:assert/strict";
import { TraceMemory } from "../report/trace.ts";
import { Run, runScenario } from "../run.ts";
import { swarmScenario } from "../scenario/swarm.ts";

const SEEDS = [1, 2, 5, 12, 17, 33];

function finish(run: Run): Run {
  while (!run.advance(10_000));
  return run;
}

Deno.test("a seed gives the same run every time, to the last event", () => {
  for (const seed of SEEDS) {
    const one = runScenario(swarmScenario(seed));
    const two = runScenario(swarmScenario(seed));
    assert.deepEqual(two, one);
  }
  const hashes = SEEDS.map((seed) => runScenario(swarmScenario(seed)).traceHash);
  assert.equal(new Set(hashes).size, SEEDS.length, "different seeds, different runs");
});

Deno.test("copying through JSON and tracing do not change the trace hash", () => {
  for (const seed of SEEDS) {
    const { traceHash, events } = runScenario(swarmScenario(seed));
    const direct = runScenario(swarmScenario(seed), { json: false });
    assert.deepEqual([direct.traceHash, direct.events], [traceHash, events], `seed ${seed}`);
    const tracer = new TraceMemory(1_000_000);
    assert.equal(runScenario(swarmScenario(seed), { tracer }).traceHash, traceHash);
    assert.ok(tracer.entries.length > events, "every step is in the trace");
  }
});

Deno.test("a run can be cloned at any time, and both copies reach the same end", () => {
  for (const seed of SEEDS) {
    const expected = runScenario(swarmScenario(seed));
    for (const share of [0, 0.1, 0.37, 0.5, 0.81, 0.99]) {
      const run = Run.start(swarmScenario(seed), { json: seed % 2 === 0 });
      run.advance(Math.floor(expected.events * share));
      const copy = run.clone();
      const where = `seed ${seed}, cloned after ${Math.floor(share * 100)}%`;
      assert.equal(copy.simulation.traceHash, run.simulation.traceHash, where);
      // The copy runs first, and must not change the original.
      assert.deepEqual(finish(copy).result(), expected, where);
      assert.deepEqual(finish(run).result(), expected, where);
    }
  }
});

Deno.test("a clone with one more fault runs differently from the original", () => {
  const run = Run.start(swarmScenario(5));
  run.advance(400);
  const other = run.clone();
  other.simulation.inject({ kind: "crash", atMs: 0, node: "n1", downMs: 50 });
  assert.notEqual(finish(other).result().traceHash, finish(run).result().traceHash);
  assert.ok(other.result().ok);
});
