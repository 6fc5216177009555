/**
 * The order by ring position, then key. The database orders keys with the same position by a digest.
 * Such keys are rare; they are sorted here.
 */
import type { KeyPlace } from "../../lib/dynamo/types/records.ts";

/** Whether `place` comes after `other`. */
export function isAfter(place: KeyPlace, other: KeyPlace): boolean {
  if (place.position !== other.position) return place.position > other.position;
  return place.key > other.key;
}

/** Sorts places that are ordered by position by their key as well. */
export async function* inRingOrder<T extends KeyPlace>(
  places: AsyncIterable<T>,
): AsyncGenerator<T> {
  let samePosition: T[] = [];
  for await (const place of places) {
    if (samePosition[0] !== undefined && samePosition[0].position !== place.position) {
      yield* byKey(samePosition);
      samePosition = [];
    }
    samePosition.push(place);
  }
  yield* byKey(samePosition);
}

function byKey<T extends KeyPlace>(places: T[]): T[] {
  return places.length < 2 ? places : places.sort((a, b) => isAfter(a, b) ? 1 : -1);
}
