/**
 * The k-th smallest of N replicas' times, from the distribution of a single replica's time.
 *
 * Replicas are independent and alike, so the time of the k-th answer follows from the time of a
 * single one. If F(x) is the share of single answers within x, the number of answers within x is
 * binomial with N and F(x). Each trial gives N samples of F. So the percentiles of the k-th answer
 * are several times as accurate as those taken from the k-th answer of each trial.
 */
import type { QuantileSketch } from "../stats/quantile_sketch.ts";

/** N replicas, of which one may be nearer than the others. */
export interface Replicas {
  readonly n: number;
  /** The round trip to one replica, without `remoteMs`. */
  readonly one: QuantileSketch;
  /** What the round trip to all replicas but one takes in addition, ms. */
  readonly remoteMs: number;
  /** The near replica is the coordinator itself and takes no time. */
  readonly ownIsFree: boolean;
}

/** The time by which at least `k` replicas have answered with probability `p`, ms. */
export function kthQuantile(replicas: Replicas, k: number, p: number): number {
  const answered = answeredBy(replicas, k);
  if (answered(0) >= p) return 0;
  let high = 1;
  while (answered(high) < p && high < Number.MAX_VALUE / 4) high *= 2;
  let low = 0;
  for (let i = 0; i < 100 && high - low > high * 1e-9; i++) {
    const middle = (low + high) / 2;
    if (answered(middle) < p) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The mean time until `k` have answered, ms: the integral of the probability that they have not.
 */
export function kthMean(replicas: Replicas, k: number): number {
  const answered = answeredBy(replicas, k);
  const edges = replicas.one.edges();
  const all = replicas.remoteMs > 0
    ? [...edges, ...edges.map((edge) => edge + replicas.remoteMs)].sort((a, b) => a - b)
    : edges;
  let from = 0;
  let sum = 0;
  let late = 1 - answered(0);
  for (const to of all) {
    if (to <= from) continue;
    const lateThen = 1 - answered(to);
    sum += (to - from) * (late + 4 * (1 - answered((from + to) / 2)) + lateThen) / 6;
    from = to;
    late = lateThen;
  }
  return sum;
}

/** The probability that at least `k` have answered within x. */
function answeredBy({ n, one, remoteMs, ownIsFree }: Replicas, k: number): (x: number) => number {
  const within = one.distribution();
  return (x) => {
    const others = Math.min(1, within(x - remoteMs));
    const near = ownIsFree ? 1 : Math.min(1, within(x));
    return near * atLeast(k - 1, n - 1, others) + (1 - near) * atLeast(k, n - 1, others);
  };
}

/** The probability of at least `k` successes in `n` trials with probability `p` each. */
function atLeast(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  let sum = 0;
  for (let count = k; count <= n; count++) {
    sum += choose(n, count) * p ** count * (1 - p) ** (n - count);
  }
  return Math.min(1, sum);
}

function choose(n: number, count: number): number {
  let ways = 1;
  for (let i = 0; i < count; i++) ways *= (n - i) / (count - i);
  return ways;
}
