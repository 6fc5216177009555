/**
 * "Which R and W suit my latencies?" Lists the latency and the consistency of every quorum, and
 * which of them meet a target such as "99.9% consistent after 10 ms, p99.9 read under 5 ms".
 */
import { allQuorums, type Quorum, type WarsTally } from "./wars.ts";

export interface Target {
  /** The share of reads that must be consistent … */
  readonly consistent: number;
  /** … when they begin this long after the answer to the write, ms. */
  readonly afterMs: number;
  /** Limits on the latency at `latencyShare`, ms; no limit by default. */
  readonly readMs?: number;
  readonly writeMs?: number;
  /** The 99.9th percentile by default. */
  readonly latencyShare?: number;
}

export interface QuorumFigures extends Quorum {
  readonly readMs: number;
  readonly writeMs: number;
  /** The time until the target's share of reads is consistent. */
  readonly tVisibilityMs: number;
  /** The share of reads that are consistent after `afterMs`. */
  readonly pConsistent: number;
  readonly meets: boolean;
}

/** All quorums of a tally, those that meet the target first, and of these the fastest first. */
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
