/**
 * Which write had seen which, by the clients' own record.
 *
 * A put that carried a context supersedes the writes that the context was read from, and all that
 * those had superseded. A context given by a write covers that write and what its own context did,
 * not the siblings beside it. Parents start before their children, so the graph has no cycles, and a
 * search for an old write never has to look at older ones.
 */
import type { History, Operation } from "./history.ts";

export class Causality {
  constructor(private readonly history: History) {}

  /** Whether the writer of `later` had seen `earlier`, directly or through others. */
  covers(later: number, earlier: number): boolean {
    if (later <= earlier) return false;
    const open = [later];
    const seen = new Set<number>();
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const parent of this.history.get(id).parents) {
        if (parent === earlier) return true;
        if (parent > earlier && !seen.has(parent)) {
          seen.add(parent);
          open.push(parent);
        }
      }
    }
    return false;
  }

  /** Every write that one of these had seen; the writes themselves are not included. */
  pastOf(writes: Iterable<number>): Set<number> {
    const past = new Set<number>();
    const open = [...writes];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const parent of this.history.get(id).parents) {
        if (past.has(parent)) continue;
        past.add(parent);
        open.push(parent);
      }
    }
    return past;
  }
}

/** All of a key's writes. */
export interface KeyWrites {
  readonly puts: Operation[];
  readonly deletes: Operation[];
}

/** The writes of every key, in the order they started. */
export function writesByKey(history: History): Map<string, KeyWrites> {
  const byKey = new Map<string, KeyWrites>();
  for (const operation of history.operations) {
    let writes = byKey.get(operation.key);
    if (writes === undefined) byKey.set(operation.key, writes = { puts: [], deletes: [] });
    if (operation.kind === "put") writes.puts.push(operation);
    else if (operation.kind === "delete") writes.deletes.push(operation);
  }
  return byKey;
}

/**
 * What deletes may have removed from a key: whatever they had seen, and for one without a context
 * whatever was written before it ended.
 */
export class Deleted {
  private readonly seen: ReadonlySet<number>;
  private readonly blindUntil: number;

  constructor(causality: Causality, deletes: readonly Operation[]) {
    this.seen = causality.pastOf(deletes.filter((each) => !each.blind).map((each) => each.id));
    this.blindUntil = deletes.filter((each) => each.blind)
      .reduce((latest, each) => Math.max(latest, endOfEffects(each)), -1);
  }

  has(write: Operation): boolean {
    return this.seen.has(write.id) || write.startedAt < this.blindUntil;
  }
}

/** An operation without an answer may still take effect at any time. */
function endOfEffects(operation: Operation): number {
  return operation.outcome === "ok" ? operation.endedAt : Infinity;
}
