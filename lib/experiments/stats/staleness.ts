/**
 * Staleness as it was measured: from a history of writes and reads, whoever made it, a simulated
 * cluster or a live one.
 *
 * Versions of a key are numbered in the order their writes were acknowledged (each written over the one
 * before). A read is judged by the newest write acknowledged before it *began*: it is *latest* when it
 * returned that or a newer one, and *k behind* when the newest that it returned is k older. That is
 * P(consistent) of PBS (VLDB 2012, sections 3 and 4): what a client may hold against the store.
 */
import type { Row } from "../experiment.ts";

interface ReadSeen {
  readonly key: string;
  readonly startedMs: number;
  /** Numbers of the versions returned; none for an absent key. */
  readonly versions: readonly number[];
  /** Of the R replies that were waited for: how many there were, and how many held the newest returned. */
  readonly replies?: Replies;
}

export interface Replies {
  readonly count: number;
  readonly withNewest: number;
}

/** One read, judged. */
export interface Judged {
  /** From the acknowledgement of the newest earlier write to the read's beginning, ms. */
  readonly ageMs: number;
  /** Versions that the newest returned one is behind; 0 is latest. */
  readonly behind: number;
  /** The share of the R replies that held the latest; null when they are not known. */
  readonly latestReplies: number | null;
}

interface Written {
  readonly version: number;
  readonly ackedMs: number;
}

export class StalenessHistory {
  private readonly writes = new Map<string, Written[]>();

  /** A write was acknowledged. Those of one key come in the order of their acknowledgements. */
  acknowledged(key: string, version: number, ackedMs: number): void {
    let written = this.writes.get(key);
    if (written === undefined) this.writes.set(key, written = []);
    const last = written.at(-1);
    if (last !== undefined && (last.version >= version || last.ackedMs > ackedMs)) {
      throw new RangeError(`version ${version} of '${key}' was acknowledged out of order`);
    }
    written.push({ version, ackedMs });
  }

  /** Judges a read that has ended; null before the first acknowledgement of its key: that says nothing. */
  read({ key, startedMs, versions, replies }: ReadSeen): Judged | null {
    const written = this.writes.get(key) ?? [];
    const latest = written.findLast(({ ackedMs }) => ackedMs <= startedMs);
    if (latest === undefined) return null;
    const newest = versions.reduce((most, version) => Math.max(most, version), 0);
    const behind = Math.max(0, latest.version - newest);
    // What was returned merges the replies: if it is not the latest, none of them held that.
    const fresh = behind === 0 ? replies?.withNewest ?? 0 : 0;
    return {
      ageMs: startedMs - latest.ackedMs,
      behind,
      latestReplies: replies === undefined || replies.count === 0 ? null : fresh / replies.count,
    };
  }
}

/** Shares of reads. */
interface StalenessSummary {
  readonly reads: number;
  readonly pLatest: number;
  /** The share that is at most k versions behind, by k. */
  readonly withinVersions: readonly { readonly k: number; readonly p: number }[];
  /** Over all reads, the mean share of the R replies that hold the latest; null when not known. */
  readonly latestReplies: number | null;
}

const BEHIND: readonly number[] = [0, 1, 2, 3, 5, 10];

export function summarise(reads: readonly Judged[]): StalenessSummary {
  const share = (count: number) => reads.length === 0 ? 0 : count / reads.length;
  const within = (k: number) => share(reads.filter(({ behind }) => behind <= k).length);
  const known = reads.flatMap(({ latestReplies }) => latestReplies ?? []);
  return {
    reads: reads.length,
    pLatest: within(0),
    withinVersions: BEHIND.map((k) => ({ k, p: within(k) })),
    latestReplies: known.length === 0
      ? null
      : known.reduce((sum, each) => sum + each, 0) / known.length,
  };
}

/** P(latest) by the reads' age: `edgesMs` are where bins begin, ascending from 0; the last is open. */
export function pLatestByAge(reads: readonly Judged[], edgesMs: readonly number[]): Row[] {
  const bins = edgesMs.map((t) => ({ t, reads: 0, latest: 0 }));
  for (const { ageMs, behind } of reads) {
    const bin = bins.findLast(({ t }) => ageMs >= t);
    if (bin === undefined) continue;
    bin.reads++;
    if (behind === 0) bin.latest++;
  }
  return bins.filter((bin) => bin.reads > 0)
    .map(({ t, reads, latest }) => ({ t, reads, p: latest / reads }));
}

/**
 * t-visibility: the age from which on a share `p` of reads is latest, by interpolation between points
 * of a curve P(latest | t); null when the curve ends below.
 */
export function tVisibilityMs(
  curve: readonly { readonly t: number; readonly p: number }[],
  p: number,
): number | null {
  const after = curve.findLastIndex((point) => point.p < p);
  if (after === -1) return curve[0]?.t ?? null;
  const below = curve[after];
  const above = curve[after + 1];
  if (below === undefined || above === undefined) return null;
  return below.t + (p - below.p) / (above.p - below.p) * (above.t - below.t);
}
