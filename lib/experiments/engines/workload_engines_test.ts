import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import type { Engine, PointContext } from "../experiment.ts";
import { readParameters } from "../parameters.ts";
import { WORKLOAD_PARAMETERS, workloadOf, type WorkloadPlan } from "../workload/workload_plan.ts";
import type { LiveClusterPlan } from "./live_cluster.ts";
import { ONE_LEG, runPlan } from "./workload_engines.ts";

const PLAN: WorkloadPlan = {
  ...workloadOf(readParameters(WORKLOAD_PARAMETERS, { operations: "4000", keys: "200" })),
  nodes: 8,
  quorums: { n: 4, r: 1, w: 3 },
  latency: ONE_LEG,
};

function contextOf(engine: Engine, more: Partial<PointContext> = {}): PointContext {
  const { signal } = new AbortController();
  const random = SeededRandom.from("engines");
  return { engine, random, seed: 3, signal, onProgress: () => {}, ...more };
}

Deno.test("workload engines: the model and the simulation agree about a plan", async () => {
  const model = await runPlan(PLAN, contextOf("model"));
  const simulated = await runPlan(PLAN, contextOf("simulated"));
  assert.deepEqual([...model.keys()], ["put", "get"]);
  assert.deepEqual([...simulated.keys()], ["put", "get"]);
  for (const [operation, { ok, attempted, latency }] of simulated) {
    assert.deepEqual([ok, attempted], [4_000, 4_000]);
    const expected = model.get(operation)?.latency;
    assert.ok(expected !== undefined);
    // The deviation of gets is above their mean: with 4,000 gets, its standard error is 2%.
    for (
      const [found, modelled] of [
        [latency.meanMs, expected.meanMs],
        [latency.percentileMs(90), expected.percentileMs(90)],
      ] as const
    ) {
      assert.ok(Math.abs(found / modelled - 1) < 0.08, `${operation}: ${found}, not ${modelled}`);
    }
  }
});

Deno.test("workload engines: live clusters are started without background work", async () => {
  const launched: LiveClusterPlan[] = [];
  const launch = (plan: LiveClusterPlan) => {
    launched.push(plan);
    return Promise.reject(new Error("a deliberate failure"));
  };
  await assert.rejects(runPlan(PLAN, contextOf("live", { launch })), /a deliberate failure/);
  await assert.rejects(runPlan(PLAN, contextOf("live")), /needs a launcher/);
  const { n, r, w, sloppy, readRepair, hintedHandoff, antiEntropyIntervalMs } =
    launched[0]?.config ?? {};
  assert.deepEqual([n, r, w], [4, 1, 3]);
  assert.deepEqual([sloppy, readRepair, hintedHandoff, antiEntropyIntervalMs], [
    false,
    false,
    false,
    0,
  ]);
});
