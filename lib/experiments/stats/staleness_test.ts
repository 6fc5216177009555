import assert from "node:assert/strict";
import { pLatestByAge, StalenessHistory, summarise, tVisibilityMs } from "./staleness.ts";

Deno.test("staleness: a read is compared with the newest write acknowledged before it began", () => {
  const history = new StalenessHistory();
  history.acknowledged("k", 1, 10);
  history.acknowledged("k", 2, 20);
  assert.equal(history.read({ key: "k", startedMs: 5, versions: [] }), null);
  assert.equal(history.read({ key: "k", startedMs: 15, versions: [1] })?.behind, 0);
  // Version 3 is being written: seeing it early is not stale.
  assert.equal(history.read({ key: "k", startedMs: 25, versions: [3] })?.behind, 0);
  const replies = { count: 3, withNewest: 2 };
  const stale = history.read({ key: "k", startedMs: 26, versions: [1], replies });
  assert.deepEqual(stale, { ageMs: 6, behind: 1, latestReplies: 0 });
  const fresh = history.read({ key: "k", startedMs: 26, versions: [2], replies });
  assert.deepEqual(fresh, { ageMs: 6, behind: 0, latestReplies: 2 / 3 });
  assert.equal(history.read({ key: "k", startedMs: 30, versions: [] })?.behind, 2);
});

Deno.test("staleness: of siblings, the newest counts", () => {
  const history = new StalenessHistory();
  history.acknowledged("k", 1, 0);
  assert.equal(history.read({ key: "k", startedMs: 1, versions: [0, 1] })?.behind, 0);
});

Deno.test("staleness: acknowledgements out of order are rejected", () => {
  const history = new StalenessHistory();
  history.acknowledged("k", 2, 10);
  assert.throws(() => history.acknowledged("k", 1, 11), RangeError);
  assert.throws(() => history.acknowledged("k", 3, 9), RangeError);
});

Deno.test("staleness: shares, by age and overall", () => {
  const reads = [
    { ageMs: 0, behind: 1, latestReplies: 0 },
    { ageMs: 0.5, behind: 0, latestReplies: 1 },
    { ageMs: 3, behind: 0, latestReplies: null },
    { ageMs: 12, behind: 4, latestReplies: 0.5 },
  ];
  assert.deepEqual(pLatestByAge(reads, [0, 1, 5, 10]), [
    { t: 0, reads: 2, p: 0.5 },
    { t: 1, reads: 1, p: 1 },
    { t: 10, reads: 1, p: 0 },
  ]);
  const summary = summarise(reads);
  assert.equal(summary.pLatest, 0.5);
  assert.deepEqual(summary.withinVersions.find(({ k }) => k === 1), { k: 1, p: 0.75 });
  assert.equal(summary.latestReplies, 0.5);
});

Deno.test("staleness: t-visibility is where the curve crosses for the last time", () => {
  const curve = [{ t: 0, p: 0.5 }, { t: 1, p: 0.9 }, { t: 2, p: 1 }];
  assert.equal(tVisibilityMs(curve, 0.95)?.toFixed(6), "1.500000");
  assert.equal(tVisibilityMs(curve, 0.2), 0);
  assert.equal(tVisibilityMs(curve.slice(0, 2), 0.95), null);
});
