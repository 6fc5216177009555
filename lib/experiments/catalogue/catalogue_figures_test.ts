/** The formulas of single experiments, against cases that can be calculated by hand. */
import assert from "node:assert/strict";
import { boundaryOf } from "../../dynamo/ring/position.ts";
import { Ring } from "../../dynamo/ring/ring.ts";
import type { RingMember, RingState } from "../../dynamo/ring/ring_state.ts";
import { servedStrictly } from "./availability.ts";
import { efficiencyOf } from "./load_balance.ts";
import { isOnFront } from "./tuning.ts";

Deno.test("availability: the closed form agrees with counting", () => {
  const owners = { n: 3, r: 1, w: 1 };
  assert.equal(servedStrictly(8, 0, owners, 3), 1);
  // All three of one key's owners among six of eight: 20 of 56 choices.
  assert.ok(Math.abs(servedStrictly(8, 6, owners, 1) - (1 - 20 / 56)) < 1e-12);
  // Both running nodes are owners: 6 of 56.
  assert.ok(Math.abs(servedStrictly(8, 6, owners, 2) - 6 / 56) < 1e-12);
  assert.equal(servedStrictly(8, 6, owners, 3), 0);
  assert.equal(servedStrictly(3, 1, owners, 2), 1);
});

Deno.test("load-balance: efficiency is the mean load divided by the largest", () => {
  const members: RingMember[] = ["a", "b"].map((id) => ({ id, weight: 1 }));
  const ringOf = (owners: readonly string[], n: number) => {
    const tokens: RingState["tokens"] = owners.map((owner, i) => ({
      owner,
      epoch: 1,
      position: boundaryOf(i, owners.length),
    }));
    const partitions = owners.length;
    return new Ring({ partitioning: "equal-partitions", partitions, tokens, members }, n);
  };
  assert.equal(efficiencyOf(ringOf(["a", "b", "a", "b"], 1)), 1);
  // Three quarters on one of two nodes: 1/2 over 3/4.
  assert.ok(Math.abs(efficiencyOf(ringOf(["a", "a", "a", "b"], 1)) - 2 / 3) < 1e-9);
  // With two replicas on two nodes, each node has everything.
  assert.ok(Math.abs(efficiencyOf(ringOf(["a", "a", "a", "b"], 2)) - 1) < 1e-9);
});

Deno.test("tuning: a row on the Pareto front is not beaten by any other row", () => {
  const row = (p99: number, stale: number, served: number) => ({ p99, stale, served });
  const quick = row(1, 5, 99);
  const fresh = row(9, 0, 99);
  const beaten = row(9, 5, 99);
  const available = row(9, 5, 100);
  const rows = [quick, fresh, beaten, available, { ...quick }];
  assert.deepEqual(rows.map((each) => isOnFront(each, rows)), [true, true, false, true, true]);
});
