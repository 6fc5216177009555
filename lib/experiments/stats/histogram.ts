/**
 * Latencies of many operations in little memory: an HDR histogram (Gil Tene's) of whole
 * microseconds with three significant digits, so every percentile is accurate to 0.1%. Mean and
 * standard deviation are exact.
 */
import { Int32Histogram } from "hdr-histogram-js";

/** Counts of latencies in [fromMs, toMs). */
export interface Bucket {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** All figures are 0 when nothing was recorded. */
export interface LatencySummary {
  readonly meanMs: number;
  readonly sdMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** A recorder as plain data, to pass between workers and processes. */
export interface RecorderSnapshot {
  readonly count: number;
  readonly meanMs: number;
  readonly squaresMs2: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Pairs of a latency in microseconds and its count. */
  readonly counts: readonly (readonly [number, number])[];
}

/** Longer latencies are recorded as this one: an hour. */
export const RECORDED_MS_MAX = 3_600_000;
export const BUCKETS_MAX = 60;

export class LatencyRecorder {
  private readonly histogram = new Int32Histogram(1, RECORDED_MS_MAX * 1_000, 3);
  private mean = 0;
  /** Sum of squared distances from the mean (Welford 1962), which does not lose precision. */
  private squares = 0;
  private least = Infinity;
  private most = 0;
  private recorded = 0;

  static from(snapshot: RecorderSnapshot): LatencyRecorder {
    const recorder = new LatencyRecorder();
    recorder.add(snapshot);
    return recorder;
  }

  get count(): number {
    return this.recorded;
  }

  get meanMs(): number {
    return this.mean;
  }

  /** The standard deviation. */
  get sdMs(): number {
    return this.recorded === 0 ? 0 : Math.sqrt(this.squares / this.recorded);
  }

  get minMs(): number {
    return this.recorded === 0 ? 0 : this.least;
  }

  get maxMs(): number {
    return this.most;
  }

  /** Throws {@link RangeError} when the latency is negative or not a number. */
  record(ms: number): void {
    if (!(ms >= 0)) {
      throw new RangeError(`Cannot record a latency of ${ms} ms: it must be 0 or more`);
    }
    const kept = Math.min(ms, RECORDED_MS_MAX);
    this.histogram.recordValue(Math.round(kept * 1_000));
    this.recorded++;
    const distance = kept - this.mean;
    this.mean += distance / this.recorded;
    this.squares += distance * (kept - this.mean);
    this.least = Math.min(this.least, kept);
    this.most = Math.max(this.most, kept);
  }

  /** The latency that `percent` of all do not exceed; 0 when there are none. */
  percentileMs(percent: number): number {
    if (!(percent >= 0 && percent <= 100)) {
      throw new RangeError(`Cannot take percentile ${percent}: it must be from 0 to 100`);
    }
    if (this.recorded === 0) return 0;
    // The histogram returns the upper end of a bucket, which may exceed the longest latency.
    return Math.min(this.histogram.getValueAtPercentile(percent) / 1_000, this.most);
  }

  summary(): LatencySummary {
    return {
      meanMs: this.meanMs,
      sdMs: this.sdMs,
      p50Ms: this.percentileMs(50),
      p90Ms: this.percentileMs(90),
      p99Ms: this.percentileMs(99),
      p999Ms: this.percentileMs(99.9),
    };
  }

  /**
   * At most `most` + 1 buckets for a plot. They have an equal, round width and reach from 0 to the
   * 99.9th percentile. One more holds the rest, so that a single outlier does not flatten the plot.
   * Pass `widthMs` to compare several recorders in one plot.
   */
  buckets(most = BUCKETS_MAX, widthMs = this.bucketWidthMs(most)): Bucket[] {
    const counts: number[] = new Array(most).fill(0);
    let beyond = 0;
    for (const [us, count] of this.counts()) {
      const index = Math.floor(us / 1_000 / widthMs + 1e-9);
      if (index < most) counts[index] = (counts[index] ?? 0) + count;
      else beyond += count;
    }
    while (beyond === 0 && counts.at(-1) === 0) counts.pop();
    const buckets = counts.map((count, i) => ({
      fromMs: rounded(i * widthMs),
      toMs: rounded((i + 1) * widthMs),
      count,
    }));
    const end = rounded(most * widthMs);
    if (beyond > 0) buckets.push({ fromMs: end, toMs: Math.max(end, this.most), count: beyond });
    return buckets;
  }

  /** The smallest of 1, 2 or 5 times a power of ten µs that needs at most `most` buckets. */
  bucketWidthMs(most = BUCKETS_MAX): number {
    const needed = Math.max(this.percentileMs(99.9) * (1 + 1e-9) / most, 0.001);
    const power = 10 ** Math.floor(Math.log10(needed));
    const step = [1, 2, 5, 10].find((candidate) => candidate * power >= needed * (1 - 1e-9)) ?? 10;
    return rounded(step * power);
  }

  /** Adds what another recorder has recorded. */
  add(other: LatencyRecorder | RecorderSnapshot): void {
    const { count, meanMs, squaresMs2, minMs, maxMs, counts } = other instanceof LatencyRecorder
      ? other.snapshot()
      : other;
    if (count === 0) return;
    for (const [us, times] of counts) this.histogram.recordValueWithCount(us, times);
    const total = this.recorded + count;
    const distance = meanMs - this.mean;
    this.squares += squaresMs2 + distance * distance * this.recorded * count / total;
    this.mean += distance * count / total;
    this.recorded = total;
    this.least = Math.min(this.least, minMs);
    this.most = Math.max(this.most, maxMs);
  }

  snapshot(): RecorderSnapshot {
    return {
      count: this.recorded,
      meanMs: this.mean,
      squaresMs2: this.squares,
      minMs: this.minMs,
      maxMs: this.most,
      counts: this.counts(),
    };
  }

  private counts(): [number, number][] {
    const found: [number, number][] = [];
    const top = this.histogram.countsArrayIndex(this.histogram.maxValue);
    for (let i = 0; i <= top; i++) {
      const count = this.histogram.getCountAtIndex(i);
      if (count > 0) found.push([this.histogram.valueFromIndex(i), count]);
    }
    return found;
  }
}

/** Removes the error of binary fractions: 0.1 * 3 becomes 0.3. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(10));
}
