import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { QuantileSketch } from "../stats/quantile_sketch.ts";
import { kthMean, kthQuantile } from "./order_statistics.ts";

const COUNT = 200_000;

/** Times of single answers: exponential with rate 1, plus a constant. */
function answers(random: SeededRandom): Float64Array {
  return Float64Array.from({ length: COUNT }, () => 2 - Math.log(1 - random.float()));
}

function sketchOf(values: Float64Array): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

Deno.test("the k-th of N answers agrees with trials: near, far and the coordinator's own", () => {
  const values = answers(SeededRandom.from("single"));
  const one = sketchOf(values);
  const random = SeededRandom.from("draws");
  for (
    const { n, remoteMs, ownIsFree } of [
      { n: 3, remoteMs: 0, ownIsFree: false },
      { n: 5, remoteMs: 1.5, ownIsFree: false },
      { n: 4, remoteMs: 0, ownIsFree: true },
      { n: 3, remoteMs: 20, ownIsFree: true },
    ]
  ) {
    const drawn = Array.from({ length: n }, () => new Float64Array(COUNT));
    for (let i = 0; i < COUNT; i++) {
      const times = Array.from({ length: n }, (_, replica) => {
        const time = values[Math.floor(random.float() * COUNT)] as number;
        if (replica > 0) return time + remoteMs;
        return ownIsFree ? 0 : time;
      }).sort((a, b) => a - b);
      times.forEach((time, k) => (drawn[k] as Float64Array)[i] = time);
    }
    for (let k = 1; k <= n; k++) {
      const sorted = (drawn[k - 1] as Float64Array).sort();
      const what = `${k} of ${n}, remote ${remoteMs}, own ${ownIsFree}`;
      for (const p of [0.1, 0.5, 0.99]) {
        const found = kthQuantile({ n, one, remoteMs, ownIsFree }, k, p);
        const expected = sorted[Math.floor(p * COUNT)] as number;
        assert.ok(Math.abs(found - expected) <= 0.02 * expected, `${what}: ${found}, ${expected}`);
      }
      const mean = sorted.reduce((sum, time) => sum + time, 0) / COUNT;
      const found = kthMean({ n, one, remoteMs, ownIsFree }, k);
      assert.ok(Math.abs(found - mean) <= 0.005 * mean, `${what}: mean ${found}, ${mean}`);
    }
  }
});

Deno.test("zero latencies stay zero, and a constant stays constant", () => {
  const one = sketchOf(new Float64Array(10).fill(8));
  const own = { n: 3, one, remoteMs: 0, ownIsFree: true };
  assert.equal(kthQuantile(own, 1, 0.999), 0);
  assert.equal(kthMean(own, 1), 0);
  assert.ok(Math.abs(kthQuantile(own, 2, 0.5) / 8 - 1) < 0.002);
  assert.ok(Math.abs(kthMean(own, 3) / 8 - 1) < 0.002);
});
