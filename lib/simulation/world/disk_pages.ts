/** The pages of a disk scan over a range of the ring, ordered by position and then key. */
import type { Position } from "../../dynamo/ring/position.ts";
import type { Effect } from "../../dynamo/types/events.ts";
import type { KeyPlace } from "../../dynamo/types/records.ts";

type Scan = Pick<Extract<Effect, { kind: "scan" }>, "from" | "to" | "after" | "limit">;

/** The places of one page, and where the next page starts; null after the last page. */
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
  const passed = after === null
    ? 0
    : 1 + inside.findLastIndex((place) => isAtOrBefore(place, after, start));
  const places = inside.slice(passed, passed + limit);
  const isDone = passed + limit >= inside.length;
  return { places, next: isDone ? null : places.at(-1) ?? null };
}

export function comparePlaces(a: KeyPlace, b: KeyPlace): number {
  return compareText(a.position, b.position) || compareText(a.key, b.key);
}

/** Whether a scan that began at `start` and has reached `after` has passed the place. */
function isAtOrBefore(place: KeyPlace, after: KeyPlace, start: Position): boolean {
  const wrapped = Number(place.position < start) - Number(after.position < start);
  return (wrapped || comparePlaces(place, after)) <= 0;
}

/** Whether the position is in [from, to), clockwise. Equal ends mean the whole ring. */
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
