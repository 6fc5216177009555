import assert from "node:assert/strict";
import fc from "fast-check";
import { QuantileSketch } from "./quantile_sketch.ts";

const values = fc.array(
  fc.oneof(fc.constant(0), fc.double({ min: -10, max: 1e6, noNaN: true })),
  { minLength: 1, maxLength: 300 },
);

function sketchOf(given: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const value of given) sketch.add(value);
  return sketch;
}

Deno.test("quantiles equal those of the sorted values, to a bucket's width; below 0 is 0", () => {
  fc.assert(fc.property(values, fc.integer({ min: 1, max: 1_000 }), (given, permille) => {
    const sorted = given.map((value) => Math.max(0, value)).sort((a, b) => a - b);
    const rank = Math.ceil(permille / 1_000 * sorted.length);
    const expected = sorted[rank - 1] as number;
    const found = sketchOf(given).quantile(permille / 1_000);
    assert.ok(Math.abs(found - expected) <= expected / 256 + 1e-5, `${found}, not ${expected}`);
  }));
});

Deno.test("the share up to a value is correct, and exact at 0", () => {
  fc.assert(fc.property(values, fc.double({ min: 0, max: 1e6, noNaN: true }), (given, at) => {
    const sketch = sketchOf(given);
    const shareUpTo = (limit: number) =>
      given.filter((value) => value <= limit).length / given.length;
    assert.equal(sketch.shareUpTo(0), shareUpTo(2 ** -20));
    assert.ok(sketch.shareUpTo(at) <= shareUpTo(at * 1.01 + 1e-5) + 1e-9);
    assert.ok(sketch.shareUpTo(at) >= shareUpTo(at * 0.99 - 1e-5) - 1e-9);
    assert.equal(sketch.shareUpTo(-1), 0);
    assert.equal(sketch.shareUpTo(Infinity), 1);
  }));
});

Deno.test("sketches merge in any order", () => {
  fc.assert(fc.property(values, values, (a, b) => {
    const sum = sketchOf(a);
    sum.merge(sketchOf(b).counts);
    const other = sketchOf(b);
    other.merge(sketchOf(a).counts);
    assert.deepEqual(sum.counts, other.counts);
    assert.deepEqual(sum.counts, sketchOf([...a, ...b]).counts);
    assert.equal(sum.count, a.length + b.length);
  }));
});

Deno.test("the mean is accurate to a thousandth, and 0 for an empty sketch", () => {
  const given = Array.from({ length: 10_000 }, (_, i) => 1 + i / 100);
  const mean = given.reduce((sum, value) => sum + value, 0) / given.length;
  assert.ok(Math.abs(sketchOf(given).mean / mean - 1) < 0.001);
  assert.equal(new QuantileSketch().mean, 0);
  assert.equal(new QuantileSketch().quantile(0.5), 0);
  assert.equal(new QuantileSketch().shareUpTo(1), 0);
  assert.throws(() => new QuantileSketch().quantile(1.5), /from 0 to 1: it is 1.5/);
});
