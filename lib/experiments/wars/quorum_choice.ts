/**
 * "Which R and W for my latencies?": every quorum's price and what it buys, and which of them meet a
 * target such as "99.9% consistent after 10 ms, p99.9 read under 5 ms".
 */
import { allQuorums, type Quorum, type WarsTally } from "./wars.ts";

export interface Target {
  /** So large a share of reads must be consistent … */
  readonly consistent: number;
  /** … when begun so long after the write was answered, ms. */
  readonly afterMs: number;
  /** Limits on the latency at `latencyShare`, ms; none unless given. */
  readonly readMs?: number;
  readonly writeMs?: number;
  /** Unless given, the 99.9th percentile. */
  readonly latencyShare?: number;
}

export interface QuorumFigures extends Quorum {
  readonly readMs: number;
  readonly writeMs: number;
  /** How long until the target's share of reads is consistent. */
  readonly tVisibilityMs: number;
  /** The share of reads that is consistent after `afterMs`. */
  readonly pConsistent: number;
  readonly meets: boolean;
}

/** Every quorum of a tally of all pairs: those that meet the target first, the quickest first. */
export function rankQuorums(tally: WarsTally, target: Target): QuorumFigures[] {
  requireShare("consistent", target.consistent);
  const share = target.latencyShare ?? 0.999;
  requireShare("latencyShare", share);
  const figures = allQuorums(tally.n).map((quorum) => {
    const readMs = tally.readMs(quorum.r, share);
    const writeMs = tally.writeMs(quorum.w, share);
    const pConsistent = tally.pConsistent(quorum, target.afterMs);
    return {
      ...quorum,
      readMs,
      writeMs,
      tVisibilityMs: tally.tVisibilityMs(quorum, target.consistent),
      pConsistent,
      meets: pConsistent >= target.consistent && readMs <= (target.readMs ?? Infinity) &&
        writeMs <= (target.writeMs ?? Infinity),
    };
  });
  const costMs = (quorum: QuorumFigures) => quorum.readMs + quorum.writeMs;
  return figures.sort((a, b) => Number(b.meets) - Number(a.meets) || costMs(a) - costMs(b));
}

function requireShare(name: string, value: number): void {
  if (!(value > 0 && value <= 1)) {
    throw new RangeError(`${name} must be above 0 and at most 1: it is ${value}`);
  }
}
