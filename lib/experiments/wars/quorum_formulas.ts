/**
 * Staleness of partial quorums in closed form: PBS (Bailis et al., VLDB 2012), section 3. The
 * formulas draw quorums uniformly and assume that a write never spreads beyond its quorum. A store
 * that goes on replicating is less stale. How long it is stale is the subject of WARS (`wars.ts`).
 */
import { requireWhole, WARS_N_MAX } from "./wars.ts";

/** The probability that a read quorum misses a write quorum: C(N - W, R) / C(N, R) (equation 1). */
export function missProbability(n: number, r: number, w: number): number {
  requireWhole("n", n, 1, WARS_N_MAX);
  requireWhole("r", r, 1, n);
  requireWhole("w", w, 1, n);
  let probability = 1;
  for (let i = 0; i < r; i++) probability *= Math.max(0, n - w - i) / (n - i);
  return probability;
}

/** The probability that a read returns one of the last `k` versions, k ≥ 1 (equation 2). */
export function kFreshness(n: number, r: number, w: number, k: number): number {
  requireWhole("k", k, 1, Number.MAX_SAFE_INTEGER);
  return 1 - missProbability(n, r, w) ** k;
}

/**
 * The probability that a client's next read of a key is not older than its last (equation 3).
 * `writesPerRead` is the number of writes to the key, by any client, for each read by this client.
 */
export function monotonicReads(n: number, r: number, w: number, writesPerRead: number): number {
  if (!(writesPerRead >= 0)) {
    throw new RangeError(`writesPerRead must be 0 or more: it is ${writesPerRead}`);
  }
  return 1 - missProbability(n, r, w) ** (1 + writesPerRead);
}
