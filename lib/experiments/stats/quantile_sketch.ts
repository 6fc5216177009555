/**
 * The distribution of hundreds of millions of times in a fixed array. It counts by the leading bits
 * of the double, so finding a bucket is a shift. A bucket is 1/512 of its octave wide and quantiles
 * interpolate within a bucket, so they are accurate to a thousandth. Values of 0 or less count as
 * 0. Merging sketches gives the same result in any order.
 */

/** Bits of the fraction that select a bucket. */
const FRACTION_BITS = 9;
/** The range of times, from 2^-20 ms (a nanosecond) to 2^36 ms (two years). Shorter ones are 0. */
const OCTAVE_LEAST = -20;
const OCTAVE_MOST = 36;
const LEAST = 2 ** OCTAVE_LEAST;
const MOST = 2 ** OCTAVE_MOST * (1 - 2 ** -52);
const BUCKETS = (OCTAVE_MOST - OCTAVE_LEAST) << FRACTION_BITS;
const SHIFT = 20 - FRACTION_BITS;
const FIRST = (1023 + OCTAVE_LEAST) << FRACTION_BITS;

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
/** Which half of a double holds its exponent. */
const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

export class QuantileSketch {
  /** Plain counts, which can be posted to another thread and merged there ({@link merge}). */
  readonly counts = new Uint32Array(BUCKETS);

  /** Adds one value, without a branch: a run adds some 200 million. */
  add(value: number): void {
    const bucket = bucketOf(value);
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
  }

  get count(): number {
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) total += this.counts[bucket] as number;
    return total;
  }

  /** The mean, accurate to a thousandth. */
  get mean(): number {
    let total = 0;
    let sum = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const here = this.counts[bucket] as number;
      total += here;
      sum += here * (edgeOf(bucket) + edgeOf(bucket + 1)) / 2;
    }
    return total === 0 ? 0 : sum / total;
  }

  /** The edges of the buckets that are not empty, ascending: where the distribution bends. */
  edges(): number[] {
    const edges = new Set<number>();
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.counts[bucket] === 0) continue;
      edges.add(edgeOf(bucket)).add(edgeOf(bucket + 1));
    }
    return [...edges];
  }

  /** The smallest value that a share `p` of all values does not exceed; 0 for an empty sketch. */
  quantile(p: number): number {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`a quantile must be from 0 to 1: it is ${p}`);
    const wanted = p * this.count;
    let below = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const here = this.counts[bucket] as number;
      if (below + here >= wanted) {
        if (here === 0 || bucket === 0) return edgeOf(bucket);
        const from = edgeOf(bucket);
        return from + (wanted - below) / here * (edgeOf(bucket + 1) - from);
      }
      below += here;
    }
    return edgeOf(BUCKETS);
  }

  /** The share of values that are at most `value`. */
  shareUpTo(value: number): number {
    return this.distribution()(value);
  }

  /** The same for many values; it adds up the counts only once. */
  distribution(): (value: number) => number {
    const upTo = new Float64Array(BUCKETS + 1);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      upTo[bucket + 1] = (upTo[bucket] as number) + (this.counts[bucket] as number);
    }
    const total = upTo[BUCKETS] as number;
    return (value) => {
      if (total === 0 || !(value >= 0)) return 0;
      const bucket = bucketOf(value);
      const below = upTo[bucket] as number;
      const here = (upTo[bucket + 1] as number) - below;
      const from = edgeOf(bucket);
      // The first bucket stands for 0, the last for everything beyond.
      const part = bucket === 0 || value >= MOST ? 1 : (value - from) / (edgeOf(bucket + 1) - from);
      return (below + here * part) / total;
    };
  }

  merge(counts: Uint32Array): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      this.counts[bucket] = (this.counts[bucket] as number) + (counts[bucket] as number);
    }
  }
}

function bucketOf(value: number): number {
  double[0] = Math.min(Math.max(value, LEAST), MOST);
  return ((halves[HIGH] as number) >>> SHIFT) - FIRST;
}

/** The lower edge of a bucket. The first bucket stands for 0. */
function edgeOf(bucket: number): number {
  if (bucket === 0) return 0;
  const octave = (bucket >> FRACTION_BITS) + OCTAVE_LEAST;
  const fraction = (bucket & ((1 << FRACTION_BITS) - 1)) / (1 << FRACTION_BITS);
  return 2 ** octave * (1 + fraction);
}
