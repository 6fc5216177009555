/**
 * Measures P(consistent at t). A trial writes a key and reads it once for each t, t milliseconds
 * after the answer to the write. Every trial has its own key, and every read a coordinator drawn
 * among the key's replicas, so the reads are independent. A trial may write several versions, each
 * replacing the one before, so that a read can be several versions behind.
 *
 * This module collects the results. `simulated_timed_reads.ts` and `live_timed_reads.ts` run the
 * trials.
 */
import type { ReplicaTrace } from "../../dynamo/types/client_messages.ts";
import { LatencyRecorder } from "../stats/histogram.ts";
import type { Judged, Replies } from "../stats/staleness.ts";

/** The reads at one t. */
export interface AtTime {
  readonly t: number;
  reads: number;
  /** The number of reads by how many versions they were behind, from 0. */
  readonly behind: number[];
  /**
   * The sum of the shares of replies that held the latest version, over reads with known replies.
   */
  latestReplies: number;
  repliesKnown: number;
  /** The actual t of each read, ms. */
  readonly agesMs: number[];
}

export class TimedReads {
  readonly times: readonly AtTime[];
  readonly readMs = new LatencyRecorder();
  readonly writeMs = new LatencyRecorder();
  /** The number of operations that did not succeed. */
  failed = 0;

  constructor(timesMs: readonly number[]) {
    this.times = timesMs.map((t) => ({
      t,
      reads: 0,
      behind: [],
      latestReplies: 0,
      repliesKnown: 0,
      agesMs: [],
    }));
  }

  note(at: AtTime, { ageMs, behind, latestReplies }: Judged): void {
    at.reads++;
    at.behind[behind] = (at.behind[behind] ?? 0) + 1;
    at.agesMs.push(ageMs);
    if (latestReplies === null) return;
    at.repliesKnown++;
    at.latestReplies += latestReplies;
  }
}

/** The share of reads that returned one of the last `k` versions; 0 without reads. */
export function shareWithin({ reads, behind }: AtTime, k: number): number {
  let within = 0;
  for (let i = 0; i < k; i++) within += behind[i] ?? 0;
  return reads === 0 ? 0 : within / reads;
}

/** The mean share of the R replies that held the latest version; 0 when none are known. */
export function latestReplyShare({ latestReplies, repliesKnown }: AtTime): number {
  return repliesKnown === 0 ? 0 : latestReplies / repliesKnown;
}

/** A version that a read returned: its number and its dot. */
interface Returned {
  readonly version: number;
  readonly dot: readonly [string, number];
}

/** How many of the first R replicas to answer held the newest version returned. */
export function repliesOf(
  traces: readonly ReplicaTrace[],
  returned: readonly Returned[],
  r: number,
): Replies {
  const first = traces.filter(({ outcome }) => outcome === "answered")
    .toSorted((a, b) => (a.answeredUs ?? 0) - (b.answeredUs ?? 0)).slice(0, r);
  const newest = returned.toSorted((a, b) => b.version - a.version)[0];
  const holds = ({ dots }: ReplicaTrace) =>
    newest !== undefined &&
    (dots ?? []).some(([actor, counter]) => actor === newest.dot[0] && counter === newest.dot[1]);
  return { count: first.length, withNewest: first.filter(holds).length };
}
