/** With constant legs, no model is needed to know which replicas have a put at t. */
import assert from "node:assert/strict";
import { latestReplyShare, shareWithin } from "../workload/timed_reads.ts";
import { type SimulatedTimedReadsPlan, simulateTimedReads } from "./simulated_timed_reads.ts";

const PLAN: SimulatedTimedReadsPlan = {
  nodes: 5,
  quorums: { n: 3, r: 1, w: 1 },
  latency: "W=10;A=1;R=5;S=1",
  seed: 3,
  timesMs: [0, 9, 11],
  trials: 900,
};
/** Three standard errors of a share of 1/3 over 900 reads. */
const MARGIN = 0.048;

function sharesOf(plan: SimulatedTimedReadsPlan): number[] {
  return simulateTimedReads(plan).times.map((at) => shareWithin(at, 1));
}

Deno.test("simulated timed reads: until the put arrives, one replica of three has it", () => {
  const [atOnce = 0, before = 0, after] = sharesOf(PLAN);
  assert.ok(Math.abs(atOnce - 1 / 3) < MARGIN, `${atOnce}`);
  assert.ok(Math.abs(before - 1 / 3) < MARGIN, `${before}`);
  assert.equal(after, 1);
});

Deno.test("simulated timed reads: overlapping quorums see the put at every t", () => {
  assert.deepEqual(sharesOf({ ...PLAN, quorums: { n: 3, r: 3, w: 1 }, trials: 50 }), [1, 1, 1]);
  assert.deepEqual(sharesOf({ ...PLAN, quorums: { n: 3, r: 1, w: 3 }, trials: 50 }), [1, 1, 1]);
});

Deno.test("simulated timed reads: at t = 0, one of three replies holds the put", () => {
  const plan = { ...PLAN, quorums: { n: 3, r: 3, w: 1 }, timesMs: [0, 11], trials: 50 };
  const { times: [atOnce, after], readMs, writeMs, failed } = simulateTimedReads(plan);
  assert.ok(atOnce !== undefined && after !== undefined);
  assert.ok(Math.abs(latestReplyShare(atOnce) - 1 / 3) < 1e-9);
  assert.equal(latestReplyShare(after), 1);
  assert.deepEqual([readMs.minMs, readMs.maxMs], [6, 6]);
  assert.deepEqual([writeMs.maxMs, writeMs.count, failed], [0, 50, 0]);
});

Deno.test("simulated timed reads: a read that misses the last put may miss earlier ones too", () => {
  const plan = { ...PLAN, versions: 3, timesMs: [0, 11] };
  const { times: [atOnce, after] } = simulateTimedReads(plan);
  assert.ok(atOnce !== undefined && after !== undefined);
  const within = [1, 2, 3].map((k) => shareWithin(atOnce, k));
  // The coordinator is drawn for each put. A replica has the newest put that it coordinated.
  for (const [i, share] of within.entries()) {
    const expected = 1 - (2 / 3) ** (i + 1);
    assert.ok(Math.abs(share - expected) < MARGIN + 0.01, `k=${i + 1}: ${share}, not ${expected}`);
  }
  assert.equal(shareWithin(after, 1), 1);
});

Deno.test("simulated timed reads: a seed repeats the results", () => {
  const plan = { ...PLAN, latency: "exp(0.1)", trials: 100 };
  assert.deepEqual(sharesOf(plan), sharesOf(plan));
  assert.notDeepEqual(sharesOf(plan), sharesOf({ ...plan, seed: 4 }));
});
