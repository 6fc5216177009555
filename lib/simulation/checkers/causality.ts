/**
 * Which write had seen which, by the clients' own record.
 *
 * A put that carried a context supersedes the writes that the context was read from, and all that
 * those had superseded. A context given by a write covers that write and what its own context did,
 * not the siblings beside it. Parents start before their children, so the graph has no cycles, and a
 * search for an old write never has to look at older ones.
 */
import type { History, Operation } from "../workload/history.ts";

export class Causality {
  private readonly byKey: ReadonlyMap<string, KeyWrites>;
  private readonly pasts = new Map<string, KeyPasts | null>();
  private wordsKept = 0;

  /** Over a history that has come to its end. */
  constructor(private readonly history: History) {
    this.byKey = writesByKey(history);
  }

  /** Whether the writer of `later` had seen `earlier`, directly or through others. */
  covers(later: number, earlier: number): boolean {
    if (later <= earlier) return false;
    const key = this.history.get(later).key;
    let pasts = this.pasts.get(key);
    if (pasts === undefined) {
      pasts = this.pastsOf(key);
      this.pasts.set(key, pasts);
    }
    return pasts?.covers(later, earlier) ?? hadSeen(this.history, later, earlier);
  }

  /** Every write that one of these had seen; the writes themselves are not included. */
  pastOf(writes: Iterable<number>): Set<number> {
    return pastOf(this.history, writes);
  }

  /** Questions come key by key: past the bound, what was worked out for others is forgotten. */
  private pastsOf(key: string): KeyPasts | null {
    const { puts, deletes } = this.byKey.get(key) ?? { puts: [], deletes: [] };
    const words = KeyPasts.wordsFor(puts.length + deletes.length);
    if (words > PAST_WORDS_MAX) return null;
    if (this.wordsKept + words > PAST_WORDS_MAX) {
      this.pasts.clear();
      this.wordsKept = 0;
    }
    this.wordsKept += words;
    return new KeyPasts([...puts, ...deletes].sort((a, b) => a.id - b.id));
  }
}

/** 128 MiB of bits. */
const PAST_WORDS_MAX = 2 ** 25;

/** The pasts of all writes of one key, as one row of bits each. */
class KeyPasts {
  private readonly ranks = new Map<number, number>();
  private readonly rowWords: number;
  private readonly bits: Uint32Array;

  constructor(writes: readonly Operation[]) {
    this.rowWords = Math.ceil(writes.length / 32);
    this.bits = new Uint32Array(KeyPasts.wordsFor(writes.length));
    writes.forEach(({ id }, rank) => this.ranks.set(id, rank));
    writes.forEach(({ parents }, rank) => {
      for (const parent of parents) this.include(rank, this.ranks.get(parent));
    });
  }

  static wordsFor(writes: number): number {
    return writes * Math.ceil(writes / 32);
  }

  covers(later: number, earlier: number): boolean {
    const row = this.ranks.get(later);
    const column = this.ranks.get(earlier);
    if (row === undefined || column === undefined) return false;
    const word = this.bits[row * this.rowWords + (column >>> 5)] as number;
    return (word >>> (column & 31) & 1) === 1;
  }

  private include(row: number, parent: number | undefined): void {
    // A foreign parent, of another key, is checker 8's concern.
    if (parent === undefined) return;
    const { bits, rowWords } = this;
    const to = row * rowWords;
    const from = parent * rowWords;
    for (let i = 0; i < rowWords; i++) {
      bits[to + i] = (bits[to + i] as number) | (bits[from + i] as number);
    }
    const word = to + (parent >>> 5);
    bits[word] = (bits[word] as number) | 1 << (parent & 31);
  }
}

function pastOf(history: History, writes: Iterable<number>): Set<number> {
  const past = new Set<number>();
  const open = [...writes];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const parent of history.get(id).parents) {
      if (past.has(parent)) continue;
      past.add(parent);
      open.push(parent);
    }
  }
  return past;
}

/** The writes, and all that they had seen. */
export function withPast(history: History, writes: readonly number[]): Set<number> {
  const all = pastOf(history, writes);
  for (const id of writes) all.add(id);
  return all;
}

/** As {@link Causality.covers}, for a history that is still being written: nothing is prepared. */
export function hadSeen(history: History, later: number, earlier: number): boolean {
  const open = [later];
  const seen = new Set<number>();
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const parent of history.get(id).parents) {
      if (parent === earlier) return true;
      if (parent > earlier && !seen.has(parent)) {
        seen.add(parent);
        open.push(parent);
      }
    }
  }
  return false;
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
