/**
 * The end of every run: all faults are healed, then the replicas must become equal.
 *
 * With anti-entropy this must happen without reads. The exception is damaged records without a scrub:
 * only reads find those. Without anti-entropy, every key is read repeatedly with R = all its owners,
 * within the same time limit (`convergeWithinMs`).
 */
import type { Siblings } from "../dynamo/versions/versions.ts";
import type { World } from "./world/world.ts";

/** One owner's replica of a key: `undefined` if there is none, `null` if it is unreadable. */
export interface Holding {
  readonly node: string;
  readonly siblings: Siblings | null | undefined;
}

/** The replicas of the key on all its owners. */
export function holdingsOf(world: World, key: string): Holding[] {
  return world.ring.primariesOfKey(key).map((node) => {
    const record = world.machine(world.indexOf(node)).disk.peek(key);
    return { node, siblings: record === null ? null : record?.siblings };
  });
}

/** Whether all replicas are equal and readable. */
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

/** The keys with an unreadable record on one of their owners. */
export function unreadableKeys(world: World, keys: Iterable<string>): string[] {
  return [...keys].filter((key) =>
    holdingsOf(world, key).some(({ siblings }) => siblings === null)
  );
}

/** The number of hints, by node and target. */
export function hintsHeld(world: World) {
  return world.machines.flatMap(({ id, replica }) =>
    Object.entries(replica?.stats().hints ?? {})
      .filter(([, count]) => count > 0)
      .map(([target, count]) => ({ node: id, target, count }))
  );
}

/** Orphaned replicas: copies of keys, without hints, on nodes that do not own the keys. */
export function orphanedReplicas(world: World): { readonly node: string; readonly key: string }[] {
  const { ring } = world;
  return world.machines.flatMap(({ id, disk, replica }) => {
    if (replica === null || replica.membership.version === "") return [];
    return [...disk.keys()]
      .filter((key) => disk.peek(key)?.hintFor === undefined && disk.peek(key) !== null)
      .filter((key) => !ring.primariesOfKey(key).includes(id))
      .map((key) => ({ node: id, key }));
  });
}

/** Number of concurrent reads, so that healing does not exceed the nodes' limits. */
export const KEYS_AT_ONCE = 32;
