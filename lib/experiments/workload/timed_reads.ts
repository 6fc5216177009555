/**
 * The experiment behind P(consistent at t): write a key, and so many milliseconds after the answer read
 * it; once for each t, of every trial. Every trial has a key of its own and every read a coordinator of
 * its own, drawn among the key's replicas, so nothing is measured twice. With several writes a trial,
 * each over the one before, a read can also be several versions behind.
 *
 * Here is what both engines share: the plan, and what the judged reads come to. `simulated_timed_reads.ts`
 * and `live_timed_reads.ts` carry it out.
 */
import type { ReplicaTrace } from "../../dynamo/types/client_messages.ts";
import { LatencyRecorder } from "../stats/histogram.ts";
import type { Judged, Replies } from "../stats/staleness.ts";

/** What was seen at one t. */
export interface AtTime {
  readonly t: number;
  reads: number;
  /** Reads by how many versions they were behind; the first are latest. */
  readonly behind: number[];
  /** The sum, over the reads whose replies are known, of the share that held the latest. */
  latestReplies: number;
  repliesKnown: number;
  /** What t really came to, read by read, ms. */
  readonly agesMs: number[];
}

export class TimedReads {
  readonly times: readonly AtTime[];
  readonly readMs = new LatencyRecorder();
  readonly writeMs = new LatencyRecorder();
  /** Operations that did not succeed. */
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

/** The share of reads that returned one of the last `k` versions; 0 where there are no reads. */
export function shareWithin({ reads, behind }: AtTime, k: number): number {
  let within = 0;
  for (let i = 0; i < k; i++) within += behind[i] ?? 0;
  return reads === 0 ? 0 : within / reads;
}

/** The mean share of the R replies that held the latest; 0 where none is known. */
export function latestReplyShare({ latestReplies, repliesKnown }: AtTime): number {
  return repliesKnown === 0 ? 0 : latestReplies / repliesKnown;
}

/** A version that a read returned: its number, and the dot by which replicas know it. */
interface Returned {
  readonly version: number;
  readonly dot: readonly [string, number];
}

/** Of the first R replicas to answer, how many held the newest version returned. */
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
