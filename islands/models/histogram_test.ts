import assert from "node:assert/strict";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { runOf } from "../../tests/page_examples.ts";
import { BINS_MAX, overlayOf } from "./histogram.ts";

function draws(seed: string, count: number, scaleMs: number): number[] {
  const random = SeededRandom.from(seed);
  return Array.from({ length: count }, () => -Math.log(1 - random.float()) * scaleMs);
}

Deno.test("the shares of each run add up to 1, in common bins of round width", () => {
  const overlay = overlayOf([
    runOf(1, "put", draws("put", 1_000, 12)),
    runOf(2, "get", draws("get", 300, 3)),
  ]);
  assert.ok(overlay);
  assert.ok(overlay.bins.length <= BINS_MAX + 2);
  assert.match(overlay.binMs.toExponential(), /^[125]e/);
  for (const series of overlay.series) {
    const sum = series.shares.reduce((total, share) => total + share, 0);
    assert.ok(Math.abs(sum - 1) < 1e-9, `${series.label}: ${sum}`);
  }
  assert.deepEqual(overlay.series.map((series) => series.label), ["put #1", "get #2"]);
});

Deno.test("the slowest run keeps the bins of its own histogram", () => {
  const run = runOf(1, "put", draws("x", 2_000, 20));
  const overlay = overlayOf([run]);
  assert.ok(overlay && run.result);
  assert.equal(overlay.binMs, run.result.histogram[0]?.toMs);
  const [first] = run.result.histogram;
  assert.ok(Math.abs((overlay.series[0]?.shares[0] ?? 0) - (first?.count ?? 0) / 2_000) < 1e-9);
});

Deno.test("requests slower than the axis are counted in the last bin", () => {
  const overlay = overlayOf([runOf(1, "get", [...new Array(5_000).fill(1), 5_000])]);
  assert.ok(overlay);
  assert.equal(overlay.bins.at(-1)?.toMs, Infinity);
  assert.ok(overlay.endMs < 5);
  assert.ok(Math.abs((overlay.series[0]?.shares.at(-1) ?? 0) - 1 / 5_001) < 1e-6);
});

Deno.test("runs without a result are left out", () => {
  const run = { ...runOf(1, "get", []), result: null };
  assert.equal(overlayOf([run]), null);
  assert.equal(overlayOf([]), null);
});
