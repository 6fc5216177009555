/**
 * Explains a choice of N, R and W to a person who has not read the paper (SOSP 2007, sections 4.5 and
 * 6: N, R, W "impact object availability, durability and consistency").
 */

interface QuorumMeaning {
  /** Whether every read quorum overlaps every write quorum. */
  readonly overlapping: boolean;
  readonly rule: string;
  readonly meaning: string;
  readonly failures: string;
}

/** Explains whole numbers 1 ≤ R, W ≤ N; null for others. */
export function explainQuorum(n: number, r: number, w: number): QuorumMeaning | null {
  if (![n, r, w].every((x) => Number.isInteger(x) && x >= 1) || r > n || w > n) return null;
  const overlapping = r + w > n;
  return {
    overlapping,
    rule: `R + W = ${r + w} ${overlapping ? ">" : "≤"} N = ${n}`,
    meaning: overlapping
      ? "Every read has an answer from a replica that stored the last acknowledged write, as long as the key’s own replicas are up."
      : "A read can miss the last acknowledged write for a while: faster, but sometimes stale.",
    failures: `Of a key’s ${n} ${n === 1 ? "replica" : "replicas"}, ${
      spare(n - r)
    } can be down for reads and ${spare(n - w)} for writes before fallback nodes are needed.`,
  };
}

function spare(count: number): string {
  return count === 0 ? "none" : String(count);
}
