/**
 * Which write supersedes which, according to the clients' history and not to the nodes' clocks.
 *
 * A put with a context supersedes the writes from which the context was read (its parents) and all
 * writes that those superseded. The context that a write returns covers the write and everything
 * that its own context covered, but not concurrent siblings. Parents start before their children.
 * So the graph has no cycles, and a search for a write can skip all older ones.
 */
import type { History, Operation } from "../workload/history.ts";

export class Causality {
  private readonly byKey: ReadonlyMap<string, KeyWrites>;
  private readonly pasts = new Map<string, KeyPasts | null>();
  private wordsKept = 0;

  /** The history must be complete. */
  constructor(private readonly history: History) {
    this.byKey = writesByKey(history);
  }

  /** Whether `later` supersedes `earlier`, directly or through other writes. */
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

  /** All writes that these supersede. The writes themselves are not included. */
  pastOf(writes: Iterable<number>): Set<number> {
    return pastOf(this.history, writes);
  }

  /** Checkers ask key by key. At the memory limit the results for other keys are discarded. */
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

/** For each write of one key, a row of bits: the writes that it supersedes. */
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
    // Checker 8 (`unique_dots.ts`) reports parents of another key.
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

/** The writes and all that they supersede. */
export function withPast(history: History, writes: readonly number[]): Set<number> {
  const all = pastOf(history, writes);
  for (const id of writes) all.add(id);
  return all;
}

/** Like {@link Causality.covers}, but slower, and for a history that is not yet complete. */
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

/** The writes of every key, in the order of their starts. */
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
 * The writes that deletes of a key may have removed: a delete with a context removes what its
 * client had seen, one without a context removes anything written before it ended.
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

/** When the operation can no longer take effect: never, if it was not answered. */
function endOfEffects(operation: Operation): number {
  return operation.outcome === "ok" ? operation.endedAt : Infinity;
}
