import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import type { Operation } from "../workload/mixes.ts";
import type { WorkloadPlan } from "../workload/workload_plan.ts";
import { modelWorkload } from "./modelled_workload.ts";

const LEGS = "W=10;A=1;R=5;S=2;other=3";
const [GET, PUT] = [7, 11];
const FORWARD = 6;

function planOf(changes: Partial<WorkloadPlan>): WorkloadPlan {
  return {
    nodes: 3,
    quorums: { n: 3, r: 2, w: 3 },
    latency: LEGS,
    operations: 10,
    warmUp: 0,
    phases: [],
    arrivals: { kind: "closed", concurrency: 1 },
    pattern: "uniform",
    keys: 1,
    fill: false,
    valueBytes: 1,
    ...changes,
  };
}

function latencyOf(plan: WorkloadPlan, operation: Operation) {
  const alone = { ...plan, phases: [[{ operation, share: 1 }]] };
  const latency = modelWorkload(alone, SeededRandom.from("model")).get(operation)?.latency;
  assert.ok(latency !== undefined);
  return latency;
}

Deno.test("modelled workload: constant legs add up when every node owns the key", () => {
  const plan = planOf({});
  for (const [operation, ms] of [["get", GET], ["put", PUT]] as const) {
    const { minMs, maxMs } = latencyOf(plan, operation);
    assert.deepEqual([minMs, maxMs], [ms, ms]);
  }
  assert.equal(latencyOf(plan, "read-modify-write").minMs, GET + PUT);
});

Deno.test("modelled workload: the coordinator's own copy takes no time", () => {
  const plan = planOf({ quorums: { n: 3, r: 1, w: 1 } });
  assert.equal(latencyOf(plan, "get").maxMs, 0);
  assert.equal(latencyOf(plan, "put").maxMs, 0);
  const alone = planOf({ nodes: 1, quorums: { n: 1, r: 1, w: 1 } });
  assert.equal(latencyOf(alone, "read-modify-write").maxMs, 0);
});

Deno.test("modelled workload: a node that is not an owner forwards once, in both directions", () => {
  const plan = planOf({ nodes: 6 });
  const { minMs, maxMs, meanMs } = latencyOf(plan, "read-modify-write");
  // The same node serves both halves of a read-modify-write.
  assert.deepEqual([minMs, maxMs], [GET + PUT, GET + PUT + 2 * FORWARD]);
  // With 200,000 trials, the standard error of the mean is 0.013 ms.
  assert.ok(Math.abs(meanMs - (GET + PUT + FORWARD)) < 0.06, `${meanMs}`);
});

Deno.test("modelled workload: there is a tally for each operation of the plan and no other", () => {
  const plan = planOf({
    phases: [[{ operation: "put", share: 1 }], [{ operation: "get", share: 1 }]],
  });
  assert.deepEqual([...modelWorkload(plan, SeededRandom.from("kinds")).keys()], ["put", "get"]);
});
