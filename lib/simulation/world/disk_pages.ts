/**
 * Pages of a range of the ring: what a scan of a disk goes through, by position, then key.
 */
import type { Position } from "../../dynamo/ring/position.ts";
import type { Effect } from "../../dynamo/types/events.ts";
import type { KeyPlace } from "../../dynamo/types/records.ts";

type Scan = Pick<Extract<Effect, { kind: "scan" }>, "from" | "to" | "after" | "limit">;

/** The places of one page, and where the next one goes on; null when the range is done. */
export function pageOf(
  sorted: readonly KeyPlace[],
  { from, to, after, limit }: Scan,
): { readonly places: readonly KeyPlace[]; readonly next: KeyPlace | null } {
  const start = from ?? "";
  const clockwise = [
    ...sorted.filter(({ position }) => position >= start),
    ...sorted.filter(({ position }) => position < start),
  ];
  const inside = clockwise.filter(({ position }) => isWithin(position, from, to));
  const begun = after === null
    ? 0
    : 1 + inside.findLastIndex((place) => isAtOrBefore(place, after, start));
  const places = inside.slice(begun, begun + limit);
  const isDone = begun + limit >= inside.length;
  return { places, next: isDone ? null : places.at(-1) ?? null };
}

export function comparePlaces(a: KeyPlace, b: KeyPlace): number {
  return compareText(a.position, b.position) || compareText(a.key, b.key);
}

/** Whether a scan that began at `start` has passed the place when it was at `after`. */
function isAtOrBefore(place: KeyPlace, after: KeyPlace, start: Position): boolean {
  const wrapped = Number(place.position < start) - Number(after.position < start);
  return (wrapped || comparePlaces(place, after)) <= 0;
}

/** Clockwise from `from` to, not including, `to`: all of the ring when they are equal. */
function isWithin(
  position: Position,
  from: Position | undefined,
  to: Position | undefined,
): boolean {
  if (from === undefined || to === undefined) {
    return position >= (from ?? "") && (to === undefined || position < to);
  }
  if (from === to) return true;
  return from < to ? position >= from && position < to : position >= from || position < to;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
