/**
 * Versions, and the three ways to tell which of them is obsolete.
 *
 * A record holds the siblings of one key: versions none of which supersedes another. The modes
 * differ in how they know:
 *
 * - `dvv`, dotted version vectors: each version names its own dot and the clock it was written
 *   over. A version is obsolete when another's clock covers its dot. Exact: concurrent writes
 *   through one coordinator stay siblings, and nothing superseded survives.
 * - `vector-clock`, the paper's: a version is known by its clock alone. One server's counter cannot
 *   tell two concurrent writers apart, so a coordinator that is given a stale context must keep
 *   everything it has, and siblings multiply. Clocks are truncated, as in section 4.4.
 * - `lww`, last writer wins: a wall-clock stamp decides, and concurrent writes are lost. It is the
 *   negative control of the checkers.
 */
import {
  type Actor,
  type Clock,
  compareClocks,
  compareDots,
  counterOf,
  covers,
  type Dot,
  EMPTY_CLOCK,
  isCoveredBy,
  mergeClocks,
  truncateClock,
  withEntry,
} from "./clock.ts";

export type VersionMode = "dvv" | "vector-clock" | "lww";
export const VERSION_MODES: readonly VersionMode[] = ["dvv", "vector-clock", "lww"];

/** The vector clock's length limit, the paper's suggested 10 (section 4.4). */
export const CLOCK_ENTRIES_MAX = 10;

/** Dots that a context may hold outside its clock; past it the oldest are forgotten (see below). */
export const DETACHED_DOTS_MAX = 32;

/** What one write made. Plain JSON: it travels and is stored as it is. */
export interface Version {
  /** The value's bytes in base64; null is a tombstone. The core never looks inside. */
  readonly value: string | null;
  readonly contentType: string;
  readonly dot: Dot;
  /** What the writer had seen (`dvv`), or the version's own clock (`vector-clock`); empty in `lww`. */
  readonly clock: Clock;
  /** `dvv`: dots that the writer had seen beyond `clock`, sorted; left out when there are none. */
  readonly dots?: readonly Dot[];
  /** The coordinator's time when it made the version, µs since 1970. Orders versions in `lww`. */
  readonly stampUs: number;
}

/** The siblings of a key, sorted by dot. */
export type Siblings = readonly Version[];

/** What a client has seen of a key: a read or a write gives it, the next write carries it back. */
export interface CausalContext {
  readonly clock: Clock;
  /**
   * Dots seen beyond `clock`, sorted. A *write* returns one: its client has seen its own dot (a, 5),
   * but not (a, 4), which may be another concurrent write through the same coordinator. A clock
   * entry (a, 5) would claim both, and the client's next write would silently destroy the other's.
   */
  readonly dots?: readonly Dot[];
  /** The greatest `stampUs` seen: `lww` keeps its stamps above it. */
  readonly stampUs: number;
}

export const EMPTY_CONTEXT: CausalContext = { clock: EMPTY_CLOCK, stampUs: 0 };

/** A write as its coordinator applies it. */
export interface Write {
  readonly actor: Actor;
  /** What its client has seen; {@link EMPTY_CONTEXT} where it has read nothing. */
  readonly context: CausalContext;
  readonly value: string | null;
  readonly contentType: string;
  readonly nowUs: number;
}

export interface Written {
  readonly siblings: Siblings;
  readonly version: Version;
  /** For the writer: covers this version and what its context covered, nothing that it never saw. */
  readonly context: CausalContext;
}

export interface Versioning {
  /** Whether the results must be sound (`sound.ts`): the other modes promise less. */
  readonly isExact: boolean;
  /** Applies a write to the coordinator's own siblings. */
  write(siblings: Siblings, write: Write): Written;
  /** The maxima of both sides: commutative, associative, idempotent. */
  merge(a: Siblings, b: Siblings): Siblings;
}

const dvv: Versioning = {
  isExact: true,
  write(siblings, { actor, context, value, contentType, nowUs }) {
    const counter = 1 + highestCounterIn(siblings, actor, highestSeen(context, actor));
    const { clock, dots } = context;
    const dot: Dot = [actor, counter];
    const version: Version = dots === undefined
      ? { value, contentType, dot, clock, stampUs: nowUs }
      : { value, contentType, dot, clock, dots, stampUs: nowUs };
    const survivors = siblings.filter((sibling) => !hasSeen(context, sibling.dot));
    return {
      siblings: sorted([...survivors, version]),
      version,
      context: withDot(context, dot, nowUs),
    };
  },
  merge(a, b) {
    if (a === b || b.length === 0) return a;
    if (a.length === 0) return b;
    const kept = filtered(a, (version) => !isObsolete(version, b));
    const added = filtered(b, (version) => !holds(kept, version.dot) && !isObsolete(version, a));
    // Most often one side has nothing that the other lacks.
    if (added.length === 0) return kept;
    return kept.length === 0 ? added : sorted([...kept, ...added]);
  },
};

const vectorClock: Versioning = {
  isExact: false,
  write(siblings, { actor, context, value, contentType, nowUs }) {
    const survivors = siblings.filter((sibling) => !isCoveredBy(sibling.clock, context.clock));
    const known = siblings.reduce((clock, s) => mergeClocks(clock, s.clock), context.clock);
    const counter = counterOf(known, actor) + 1;
    // With survivors the new clock must not dominate them, and one counter cannot say so: they all
    // take the new clock. That is the sibling explosion.
    const base = survivors.length === 0 ? context.clock : known;
    const clock = truncateClock(withEntry(base, [actor, counter, nowUs]), CLOCK_ENTRIES_MAX);
    const version: Version = { value, contentType, dot: [actor, counter], clock, stampUs: nowUs };
    const restamped = survivors.map((survivor) => ({ ...survivor, clock }));
    return {
      siblings: sorted([...restamped, version]),
      version,
      // Among survivors the new clock covers what the writer never saw, so it keeps its old context:
      // its next write will leave this one as a sibling rather than destroy another's.
      context: { clock: survivors.length === 0 ? clock : context.clock, stampUs: nowUs },
    };
  },
  merge(a, b) {
    if (a === b || b.length === 0) return a;
    if (a.length === 0) return b;
    const all = [...a];
    for (const version of b) {
      if (!a.some((other) => sameVersion(other, version))) all.push(version);
    }
    return sorted(
      all.filter((v) => !all.some((other) => compareClocks(v.clock, other.clock) === "before")),
    );
  },
};

const lww: Versioning = {
  isExact: false,
  write(siblings, { actor, context, value, contentType, nowUs }) {
    const stored = siblings[0]?.stampUs ?? 0;
    const stampUs = Math.max(nowUs, stored + 1, context.stampUs + 1);
    const counter = 1 + highestCounterIn(siblings, actor, 0);
    const version: Version = {
      value,
      contentType,
      dot: [actor, counter],
      clock: EMPTY_CLOCK,
      stampUs,
    };
    return { siblings: [version], version, context: { clock: EMPTY_CLOCK, stampUs } };
  },
  merge(a, b) {
    return sorted([...a, ...b])
      .reduce<Siblings>((best, version) => laterWriter(best[0], version), []);
  },
};

function laterWriter(best: Version | undefined, candidate: Version): Siblings {
  if (best === undefined) return [candidate];
  const order = candidate.stampUs - best.stampUs || compareDots(candidate.dot, best.dot);
  return [order > 0 ? candidate : best];
}

const MODES: Record<VersionMode, Versioning> = { dvv, "vector-clock": vectorClock, lww };

/** The rules of a mode. */
export function versioning(mode: VersionMode): Versioning {
  return MODES[mode];
}

/**
 * What a reader of these siblings has seen. A version's own dot (a, n) stands for all of a's dots up
 * to n, because records travel whole (`put_coordinator.ts`). A dot that a writer brought along in
 * its context does not: this replica may never have met its neighbours, so it stays detached.
 */
export function contextOf(siblings: Siblings): CausalContext {
  let clock = EMPTY_CLOCK;
  let stampUs = 0;
  for (const version of siblings) {
    clock = mergeClocks(clock, version.clock);
    // Under `vector-clock` the clock holds the dot already, unless truncation forgot it on purpose.
    if (!isStamped(version.clock)) clock = withEntry(clock, version.dot);
    stampUs = Math.max(stampUs, version.stampUs);
  }
  let context: CausalContext = { clock, stampUs };
  for (const { dots } of siblings) {
    if (dots === undefined) continue;
    for (const dot of dots) context = withDot(context, dot);
  }
  return context;
}

function isStamped(clock: Clock): boolean {
  return clock[0]?.[2] !== undefined;
}

/** Whether the context, or the writer of the version, had seen the dot. */
export function hasSeen(seen: Pick<CausalContext, "clock" | "dots">, dot: Dot): boolean {
  if (covers(seen.clock, dot)) return true;
  if (seen.dots === undefined) return false;
  return seen.dots.some((other) => sameDot(other, dot));
}

/** The versions that are left; the same array when all are. */
function filtered(siblings: Siblings, isLeft: (version: Version) => boolean): Siblings {
  return siblings.every(isLeft) ? siblings : siblings.filter(isLeft);
}

/** Whether the writer of one of them had seen the version. */
function isObsolete({ dot }: Version, siblings: Siblings): boolean {
  for (const sibling of siblings) {
    if (hasSeen(sibling, dot)) return true;
  }
  return false;
}

function holds(siblings: Siblings, dot: Dot): boolean {
  for (const sibling of siblings) {
    if (sameDot(sibling.dot, dot)) return true;
  }
  return false;
}

/**
 * The context with one more dot, folded into the clock where no gap is left. Past
 * {@link DETACHED_DOTS_MAX} the lowest counters are forgotten: that can make an obsolete version
 * reappear as a sibling, but never lets a write destroy what its client had not seen. `seenUs` is the
 * time of the dot's version.
 */
export function withDot(context: CausalContext, dot: Dot, seenUs = 0): CausalContext {
  const stampUs = Math.max(context.stampUs, seenUs);
  let clock = context.clock;
  if (context.dots === undefined && counterOf(clock, dot[0]) === dot[1] - 1) {
    return { clock: withEntry(clock, dot), stampUs };
  }
  const detached: Dot[] = [];
  for (const next of [...(context.dots ?? []), dot].sort(compareDots)) {
    const last = detached.at(-1);
    if (covers(clock, next) || (last !== undefined && sameDot(last, next))) continue;
    if (counterOf(clock, next[0]) === next[1] - 1) clock = withEntry(clock, next);
    else detached.push(next);
  }
  const dots = detached.length > DETACHED_DOTS_MAX
    ? detached.sort((a, b) => a[1] - b[1]).slice(-DETACHED_DOTS_MAX).sort(compareDots)
    : detached;
  return dots.length === 0 ? { clock, stampUs } : { clock, stampUs, dots };
}

/** The siblings that are values: a tombstone is not one. */
export function valuesOf(siblings: Siblings): Siblings {
  return filtered(siblings, (version) => version.value !== null);
}

/** Whether both sides hold the same versions under the same clocks. */
export function sameSiblings(a: Siblings, b: Siblings): boolean {
  return a === b ||
    (a.length === b.length && a.every((version, i) => sameVersion(version, b[i] as Version)));
}

function sameVersion(a: Version, b: Version): boolean {
  return a === b ||
    (sameDot(a.dot, b.dot) && sameClock(a.clock, b.clock) && a.stampUs === b.stampUs);
}

function sameClock(a: Clock, b: Clock): boolean {
  return a.length === b.length &&
    a.every((entry, i) => entry[0] === b[i]?.[0] && entry[1] === b[i]?.[1]);
}

export function sameDot(a: Dot, b: Dot): boolean {
  return a[1] === b[1] && a[0] === b[0];
}

/** The actor's highest counter that any of the siblings names, and at least `least`. */
export function highestCounterIn(siblings: Siblings, actor: Actor, least: number): number {
  let highest = least;
  for (const version of siblings) {
    const own = version.dot[0] === actor ? version.dot[1] : 0;
    highest = Math.max(highest, own, highestSeen(version, actor));
  }
  return highest;
}

function highestSeen({ clock, dots }: Pick<CausalContext, "clock" | "dots">, actor: Actor): number {
  let highest = counterOf(clock, actor);
  if (dots === undefined) return highest;
  for (const dot of dots) {
    if (dot[0] === actor) highest = Math.max(highest, dot[1]);
  }
  return highest;
}

function sorted(versions: Version[]): Siblings {
  if (versions.length < 2) return versions;
  return versions.sort((a, b) =>
    compareDots(a.dot, b.dot) ||
    compareStrings(JSON.stringify(a.clock), JSON.stringify(b.clock))
  );
}

function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
