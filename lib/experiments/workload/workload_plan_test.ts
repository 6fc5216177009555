/** One plan on two engines, and the meaning of its parameters. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { modelWorkload } from "../engines/modelled_workload.ts";
import { SimulatedCluster } from "../engines/simulated_cluster.ts";
import { simulateWorkload } from "../engines/simulated_workload.ts";
import { readParameters } from "../parameters.ts";
import { Tally } from "./tally.ts";
import { modified } from "./values.ts";
import { WORKLOAD_PARAMETERS, workloadOf, type WorkloadPlan } from "./workload_plan.ts";

const LATENCY = "uniform(0,20);other=uniform(0,10)";

function planOf(given: Record<string, string>): WorkloadPlan {
  const values = readParameters(WORKLOAD_PARAMETERS, given);
  const quorums = { n: 3, r: 2, w: 2 };
  return { ...workloadOf(values), nodes: 6, quorums, latency: LATENCY };
}

function simulated(plan: WorkloadPlan) {
  const cluster = new SimulatedCluster({
    nodes: plan.nodes,
    latency: plan.latency,
    seed: 5,
    config: { ...plan.quorums, timeoutMs: 60_000, patienceMs: 60_000, siblingsMax: 10_000 },
  });
  const random = SeededRandom.from("workload");
  return simulateWorkload(cluster, plan, { random, onProgress: () => {} });
}

Deno.test("workload plan: a YCSB mix has its own key pattern unless another one is given", () => {
  const own = planOf({ workload: "D" });
  assert.equal(own.pattern, "latest");
  assert.deepEqual(own.phases.flat().map(({ operation }) => operation), ["get", "insert"]);
  assert.ok(own.fill);
  assert.equal(planOf({ workload: "D", pattern: "hot-set" }).pattern, "hot-set");
  const original = planOf({ operations: "40" });
  assert.deepEqual(original.phases.map((mix) => mix.map(({ operation }) => operation)), [
    ["put"],
    ["get"],
  ]);
  assert.deepEqual(original.arrivals, { kind: "closed", concurrency: 10 });
  const open = planOf({ arrivals: "open", ratePerSecond: "50" });
  assert.deepEqual(open.arrivals, { kind: "open", ratePerSecond: 50 });
});

for (const arrivals of ["closed", "open"]) {
  Deno.test(`workload plan: simulation and model agree, ${arrivals} arrivals`, () => {
    const plan = planOf({ workload: "F", arrivals, operations: "4000", keys: "300", warmUp: "50" });
    const [found, model] = [simulated(plan), modelWorkload(plan, SeededRandom.from("model"))];
    let measured = 0;
    for (const [operation, { ok, failed, indeterminate, latency }] of found) {
      assert.deepEqual([failed, indeterminate], [0, 0]);
      measured += ok;
      const expected = model.get(operation)?.latency ?? new Tally().latency;
      // With some 2,000 operations, the mean is accurate to 1%.
      const error = Math.abs(latency.meanMs / expected.meanMs - 1);
      assert.ok(error < 0.05, `${operation}: ${latency.meanMs}, model ${expected.meanMs}`);
    }
    assert.equal(measured, 4_000);
    assert.deepEqual([...found.keys()], ["get", "read-modify-write"]);
  });
}

Deno.test("workload plan: open arrivals do not wait for a slow store", () => {
  // Each leg takes 100 ms. A thousand operations arrive per second all the same.
  const own = planOf({ workload: "C", arrivals: "open", ratePerSecond: "1000" });
  const plan = { ...own, latency: "100", operations: 500, warmUp: 0, keys: 50 };
  const cluster = new SimulatedCluster({
    nodes: plan.nodes,
    latency: plan.latency,
    seed: 5,
    config: { ...plan.quorums, timeoutMs: 60_000, patienceMs: 60_000 },
  });
  const tallies = simulateWorkload(cluster, plan, {
    random: SeededRandom.from("open"),
    onProgress: () => {},
  });
  assert.equal(tallies.get("get")?.ok, 500);
  // The fill, half a second of arrivals and one operation. A single client would take 500
  // operations.
  assert.ok(cluster.nowMs < 3_000, `${cluster.nowMs} ms`);
});

Deno.test("a read-modify-write keeps half of the value read, of siblings the longest", () => {
  assert.equal(modified([], "1234"), "1234");
  assert.equal(modified(["abcd"], "1234"), "12cd");
  assert.equal(modified(["ab", "abcdef", "zzzzzz"], "1234"), "12zzzz");
});
