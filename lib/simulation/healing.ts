/**
 * The end of every run: heal everything, then demand that the replicas become equal.
 *
 * Where anti-entropy runs it has to do so by itself, but for damaged records where no scrub looks for
 * them: then a read has to find them. Where it does not run, healing ends by reading every
 * key with R = all its owners, again and again, within the same bound (`convergeWithinMs`).
 */
import type { Siblings } from "../dynamo/versions/versions.ts";
import type { World } from "./world/world.ts";

/** What one owner holds of a key: `undefined` nothing, `null` a record that cannot be read. */
export interface Holding {
  readonly node: string;
  readonly siblings: Siblings | null | undefined;
}

/** What every owner of the key holds. */
export function holdingsOf(world: World, key: string): Holding[] {
  return world.ring.primariesOfKey(key).map((node) => {
    const record = world.machine(world.indexOf(node)).disk.peek(key);
    return { node, siblings: record === null ? null : record?.siblings };
  });
}

/** Whether all hold the same, and all of it can be read. */
export function areEqual(holdings: readonly Holding[]): boolean {
  const first = JSON.stringify(holdings[0]?.siblings ?? []);
  return holdings.every(({ siblings }) =>
    siblings !== null && JSON.stringify(siblings ?? []) === first
  );
}

/** The keys whose owners differ. */
export function divergentKeys(world: World, keys: Iterable<string>): string[] {
  return [...keys].filter((key) => !areEqual(holdingsOf(world, key)));
}

/** The keys of which an owner has a record that it cannot read. */
export function unreadableKeys(world: World, keys: Iterable<string>): string[] {
  return [...keys].filter((key) =>
    holdingsOf(world, key).some(({ siblings }) => siblings === null)
  );
}

/** The hints that every node holds. */
export function hintsHeld(world: World) {
  return world.machines.flatMap(({ id, replica }) =>
    Object.entries(replica?.stats().hints ?? {})
      .filter(([, count]) => count > 0)
      .map(([target, count]) => ({ node: id, target, count }))
  );
}

/** Copies of keys that a node does not own, hints left aside, once ranges have moved. */
export function leftBehind(world: World): { readonly node: string; readonly key: string }[] {
  const { ring } = world;
  return world.machines.flatMap(({ id, disk, replica }) => {
    if (replica === null || replica.membership.version === "") return [];
    return [...disk.keys()]
      .filter((key) => disk.peek(key)?.hintFor === undefined && disk.peek(key) !== null)
      .filter((key) => !ring.primariesOfKey(key).includes(id))
      .map((key) => ({ node: id, key }));
  });
}

/** Keys read at once, so that the healing itself stays within the nodes' bounds. */
export const KEYS_AT_ONCE = 32;
