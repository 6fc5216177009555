import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { QuantileSketch } from "../stats/quantile_sketch.ts";
import { firstCrossingMs } from "./first_crossing.ts";

/** Exponential with mean 10 ms. */
function exponential(): QuantileSketch {
  const sketch = new QuantileSketch();
  const random = SeededRandom.from("exponential");
  for (let i = 0; i < 1_000_000; i++) sketch.add(-10 * Math.log(1 - random.float()));
  return sketch;
}

Deno.test("first crossing: it is below the quantile, and lower for a finer sweep", () => {
  const sketch = exponential();
  const crossing = (stepMs: number) =>
    firstCrossingMs(sketch, { share: 0.999, stepMs }, SeededRandom.from(1));
  const quantile = sketch.quantile(0.999);
  assert.ok(crossing(0.01) < crossing(0.1));
  assert.ok(crossing(0.1) < crossing(1));
  assert.ok(crossing(0.1) < quantile);
  assert.ok(crossing(0.1) > 0.9 * quantile);
});

Deno.test("first crossing: it agrees with a sweep carried out read by read", () => {
  const sketch = exponential();
  const options = { share: 0.99, trials: 2_000, stepMs: 1, sweeps: 400 };
  const played = firstCrossingMs(sketch, options, SeededRandom.from(2));
  const random = SeededRandom.from(3);
  let sum = 0;
  for (let sweep = 0; sweep < 100; sweep++) {
    let t = 0;
    for (;; t++) {
      let stale = 0;
      for (let i = 0; i < 2_000; i++) if (-10 * Math.log(1 - random.float()) > t) stale++;
      if (stale <= 20) break;
    }
    sum += t / 100;
  }
  assert.ok(Math.abs(played - sum) < 0.04 * sum, `${played} against ${sum}`);
});

Deno.test("first crossing: it is 0 for strict quorums and when all reads are consistent", () => {
  const random = SeededRandom.from(4);
  assert.equal(firstCrossingMs(null, { share: 0.999 }, random), 0);
  const always = new QuantileSketch();
  for (let i = 0; i < 100; i++) always.add(-1);
  assert.equal(firstCrossingMs(always, { share: 0.999 }, random), 0);
  assert.throws(() => firstCrossingMs(null, { share: 1 }, random), /share must be .*: it is 1/);
});
