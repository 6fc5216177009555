/**
 * Clocks: what a version has seen.
 *
 * A clock is a list of entries (actor, counter), one an actor, sorted by actor, so that two equal
 * clocks are equal as JSON and iteration never depends on arrival order. An entry (a, n) promises
 * that *all* dots 1 … n of actor a were seen. That promise is what makes two integers enough, and
 * every rule about sending whole records (`put_coordinator.ts`) exists to keep it.
 *
 * DeCandia et al., SOSP 2007, section 4.4; Preguiça et al., "Dotted Version Vectors", 2012.
 */

/**
 * Who issues dots: node id, data directory, incarnation and boot number in one string (see
 * `NodeContext.nextActor`).
 */
export type Actor = string;

/** One event: the n-th write that an actor coordinated for a key. Counters start at 1. */
export type Dot = readonly [actor: Actor, counter: number];

/** A clock entry; `stampUs`, the time of its last advance, is kept in `vector-clock` mode only. */
export type ClockEntry = readonly [actor: Actor, counter: number, stampUs?: number];

/** Entries sorted by actor, at most one an actor. */
export type Clock = readonly ClockEntry[];

type ClockOrder = "equal" | "before" | "after" | "concurrent";

export const EMPTY_CLOCK: Clock = [];

/** The actor's counter in the clock, 0 where it has no entry. */
export function counterOf(clock: Clock, actor: Actor): number {
  for (const entry of clock) {
    if (entry[0] === actor) return entry[1];
  }
  return 0;
}

/** Whether the clock has seen the dot. */
export function covers(clock: Clock, dot: Dot): boolean {
  return counterOf(clock, dot[0]) >= dot[1];
}

/** Entrywise maximum: the least clock that has seen all that either has. */
export function mergeClocks(a: Clock, b: Clock): Clock {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const merged: ClockEntry[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (right === undefined || (left !== undefined && left[0] < right[0])) {
      merged.push(left as ClockEntry);
      i++;
    } else if (left === undefined || right[0] < left[0]) {
      merged.push(right);
      j++;
    } else {
      merged.push(laterEntry(left, right));
      i++;
      j++;
    }
  }
  return merged;
}

function laterEntry(a: ClockEntry, b: ClockEntry): ClockEntry {
  if (a[1] !== b[1]) return a[1] > b[1] ? a : b;
  return (a[2] ?? 0) >= (b[2] ?? 0) ? a : b;
}

/** The clock with the actor's entry raised to the entry's counter (never lowered). */
export function withEntry(clock: Clock, entry: ClockEntry): Clock {
  for (let i = 0; i < clock.length; i++) {
    const present = clock[i] as ClockEntry;
    if (present[0] < entry[0]) continue;
    if (present[0] > entry[0]) return [...clock.slice(0, i), entry, ...clock.slice(i)];
    if (laterEntry(present, entry) === present) return clock;
    const raised = clock.slice();
    raised[i] = entry;
    return raised;
  }
  return [...clock, entry];
}

/** How a stands to b: `before` when b has seen all that a has, and more. */
export function compareClocks(a: Clock, b: Clock): ClockOrder {
  const aInB = isCoveredBy(a, b);
  const bInA = isCoveredBy(b, a);
  if (aInB) return bInA ? "equal" : "before";
  return bInA ? "after" : "concurrent";
}

/** Whether `outer` has seen everything that `inner` has. */
export function isCoveredBy(inner: Clock, outer: Clock): boolean {
  return inner.every((entry) => counterOf(outer, entry[0]) >= entry[1]);
}

/**
 * The clock cut to its `entriesMax` most recently advanced entries, as the paper's section 4.4
 * describes. Forgetting entries makes old versions look concurrent, never new ones obsolete.
 */
export function truncateClock(clock: Clock, entriesMax: number): Clock {
  if (clock.length <= entriesMax) return clock;
  const newestFirst = [...clock].sort((a, b) =>
    (b[2] ?? 0) - (a[2] ?? 0) || compareActors(a[0], b[0])
  );
  return newestFirst.slice(0, entriesMax).sort((a, b) => compareActors(a[0], b[0]));
}

/** Code-unit order, the same on every machine (unlike localeCompare). */
function compareActors(a: Actor, b: Actor): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareDots(a: Dot, b: Dot): number {
  return compareActors(a[0], b[0]) || a[1] - b[1];
}
