/**
 * Measures staleness from a history of writes and reads, on a simulated or a live cluster.
 *
 * The versions of a key are numbered in the order in which their writes were acknowledged. Each one
 * replaces the one before. A read is compared with the newest write acknowledged before the read
 * *began*. It is *latest* when it returned that version or a newer one, and *k behind* when the
 * newest version that it returned is k older. This is P(consistent) of PBS (VLDB 2012, sections 3
 * and 4).
 */
import type { Row } from "../experiment.ts";

interface ReadSeen {
  readonly key: string;
  readonly startedMs: number;
  /** The numbers of the versions returned; empty for an absent key. */
  readonly versions: readonly number[];
  /** The R replies that the read waited for. */
  readonly replies?: Replies;
}

export interface Replies {
  readonly count: number;
  /** How many held the newest version returned. */
  readonly withNewest: number;
}

/** What is known of one read. */
export interface Judged {
  /** From the acknowledgement of the newest earlier write to the start of the read, ms. */
  readonly ageMs: number;
  /** How many versions the newest one returned is behind; 0 means latest. */
  readonly behind: number;
  /** The share of the R replies that held the latest version; null when they are not known. */
  readonly latestReplies: number | null;
}

interface Written {
  readonly version: number;
  readonly ackedMs: number;
}

export class StalenessHistory {
  private readonly writes = new Map<string, Written[]>();

  /** Notes an acknowledged write. The writes of a key must come in the order of acknowledgement. */
  acknowledged(key: string, version: number, ackedMs: number): void {
    let written = this.writes.get(key);
    if (written === undefined) this.writes.set(key, written = []);
    const last = written.at(-1);
    if (last !== undefined && (last.version >= version || last.ackedMs > ackedMs)) {
      throw new RangeError(`version ${version} of '${key}' was acknowledged out of order`);
    }
    written.push({ version, ackedMs });
  }

  /** Judges a read that has ended; null when no write of its key had been acknowledged before. */
  read({ key, startedMs, versions, replies }: ReadSeen): Judged | null {
    const written = this.writes.get(key) ?? [];
    const latest = written.findLast(({ ackedMs }) => ackedMs <= startedMs);
    if (latest === undefined) return null;
    const newest = versions.reduce((most, version) => Math.max(most, version), 0);
    const behind = Math.max(0, latest.version - newest);
    // The result of a read merges its replies. If it is not the latest, no reply held the latest.
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
  /** The share of reads at most k versions behind, for several k. */
  readonly withinVersions: readonly { readonly k: number; readonly p: number }[];
  /** The mean share of the R replies that hold the latest version; null when not known. */
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

/** P(latest) by age of the read. `edgesMs` are the starts of the bins, ascending from 0. */
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
 * t-visibility: the age from which a share `p` of reads is latest. It interpolates between the
 * points of a curve P(latest | t); null when the curve stays below `p`.
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
