/**
 * Ring position, then key. The database orders keys that share a position by a digest, so those,
 * rare as they are, are put in order here.
 */
import type { KeyPlace } from "../../lib/dynamo/types/records.ts";

/** Whether `place` comes after `other`. */
export function isAfter(place: KeyPlace, other: KeyPlace): boolean {
  if (place.position !== other.position) return place.position > other.position;
  return place.key > other.key;
}

/** Places that come ordered by position, ordered by key too. */
export async function* inRingOrder<T extends KeyPlace>(
  places: AsyncIterable<T>,
): AsyncGenerator<T> {
  let together: T[] = [];
  for await (const place of places) {
    if (together[0] !== undefined && together[0].position !== place.position) {
      yield* byKey(together);
      together = [];
    }
    together.push(place);
  }
  yield* byKey(together);
}

function byKey<T extends KeyPlace>(places: T[]): T[] {
  return places.length < 2 ? places : places.sort((a, b) => isAfter(a, b) ? 1 : -1);
}
