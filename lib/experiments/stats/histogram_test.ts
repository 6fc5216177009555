import assert from "node:assert/strict";
import fc from "fast-check";
import { LatencyRecorder, RECORDED_MS_MAX } from "./histogram.ts";

const latencies = fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), {
  minLength: 1,
  maxLength: 200,
});

function recorded(values: readonly number[]): LatencyRecorder {
  const recorder = new LatencyRecorder();
  for (const value of values) recorder.record(value);
  return recorder;
}

const near = (measured: number, expected: number, relative: number, absolute = 1e-9) =>
  assert.ok(
    Math.abs(measured - expected) <= Math.abs(expected) * relative + absolute,
    `${measured} is not within ${relative} of ${expected}`,
  );

Deno.test("percentiles equal those of the sorted latencies, to 0.1% and a microsecond", () => {
  fc.assert(fc.property(latencies, fc.integer({ min: 0, max: 1_000 }), (values, permille) => {
    const percent = permille / 10;
    const sorted = values.toSorted((a, b) => a - b);
    const rank = Math.max(1, Math.ceil(percent / 100 * sorted.length - 1e-9));
    near(recorded(values).percentileMs(percent), sorted[rank - 1] as number, 0.001, 0.001);
  }));
});

Deno.test("mean and standard deviation are exact", () => {
  fc.assert(fc.property(latencies, (values) => {
    const recorder = recorded(values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    near(recorder.meanMs, mean, 1e-9);
    near(recorder.sdMs, Math.sqrt(variance), 1e-6, 1e-6);
    assert.equal(recorder.minMs, Math.min(...values));
    assert.equal(recorder.maxMs, Math.max(...values));
  }));
});

Deno.test("adding a recorder, sent as JSON, equals recording everything in one", () => {
  fc.assert(fc.property(latencies, latencies, (first, second) => {
    const sum = recorded(first);
    sum.add(LatencyRecorder.from(JSON.parse(JSON.stringify(recorded(second).snapshot()))));
    const whole = recorded([...first, ...second]);
    assert.equal(sum.count, whole.count);
    near(sum.meanMs, whole.meanMs, 1e-9);
    near(sum.sdMs, whole.sdMs, 1e-6, 1e-6);
    for (const percent of [0, 50, 99.9, 100]) {
      near(sum.percentileMs(percent), whole.percentileMs(percent), 0.001, 0.001);
    }
    assert.equal(sum.maxMs, whole.maxMs);
  }));
});

Deno.test("buckets are contiguous, equally wide except the last, and hold every latency", () => {
  fc.assert(fc.property(latencies, (values) => {
    const recorder = recorded(values);
    const buckets = recorder.buckets(20);
    assert.ok(buckets.length <= 21);
    assert.equal(buckets.reduce((sum, bucket) => sum + bucket.count, 0), values.length);
    buckets.forEach((bucket, i) => {
      assert.ok(bucket.toMs >= bucket.fromMs);
      if (i > 0) assert.equal(bucket.fromMs, buckets[i - 1]?.toMs);
    });
  }));
});

Deno.test("a single outlier does not flatten the plot", () => {
  const recorder = recorded([...new Array(9_999).fill(0).map((_, i) => 1 + i / 10_000), 5_000]);
  const buckets = recorder.buckets();
  assert.equal(buckets[0]?.toMs, 0.05);
  assert.deepEqual(buckets.at(-1), { fromMs: 3, toMs: 5_000, count: 1 });
});

Deno.test("an empty recorder is all zeros", () => {
  const recorder = new LatencyRecorder();
  assert.deepEqual(recorder.summary(), {
    meanMs: 0,
    sdMs: 0,
    p50Ms: 0,
    p90Ms: 0,
    p99Ms: 0,
    p999Ms: 0,
  });
  assert.deepEqual(recorder.buckets(), []);
  recorder.add(new LatencyRecorder());
  assert.equal(recorder.count, 0);
  assert.equal(recorder.minMs, 0);
});

Deno.test("invalid latencies are rejected, and very long ones count as an hour", () => {
  const recorder = new LatencyRecorder();
  assert.throws(() => recorder.record(-1), /latency of -1 ms: it must be 0 or more/);
  assert.throws(() => recorder.record(NaN), /latency of NaN ms/);
  assert.throws(() => recorder.percentileMs(101), /percentile 101: it must be from 0 to 100/);
  recorder.record(RECORDED_MS_MAX * 2);
  assert.equal(recorder.percentileMs(100), RECORDED_MS_MAX);
});
