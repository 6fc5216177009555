/**
 * Hints: the nodes to which a stand-in has promised to deliver a record, and how many of them this
 * node holds (SOSP 2007, section 4.6).
 */
import type { Micros, NodeId } from "../types/ids.ts";
import type { Hint, HintChange, StoredRecord } from "../types/records.ts";
import { assert } from "../util/assert.ts";

/**
 * How many hints this node holds, by target. Bounded: a hint is refused rather than dropped later.
 */
export class HintBook {
  private readonly counts = new Map<NodeId, number>();
  private held = 0;
  /** Accepted, and on their way to the disk. */
  private pending = 0;
  /** Hints ever added: tells whether any came since. */
  added = 0;
  private removed = 0;
  private readonly heldAtStart: number;

  /** `most` hints may be held; what the disk held at the start is kept, even where it is more. */
  constructor(held: readonly (readonly [NodeId, number])[], private readonly most: number) {
    for (const [node, count] of held) this.counts.set(node, count);
    for (const count of this.counts.values()) this.held += count;
    this.heldAtStart = this.held;
  }

  get total(): number {
    return this.held;
  }

  /**
   * Whether one more hint may be accepted, beside `promised` that `expect` has not been told of
   * yet.
   */
  hasRoom(promised = 0): boolean {
    return this.held + this.pending + promised < this.most;
  }

  /** Nodes for which something is held, sorted. */
  targets(): NodeId[] {
    return [...this.counts].filter(([, count]) => count > 0).map(([node]) => node).toSorted();
  }

  countFor(node: NodeId): number {
    return this.counts.get(node) ?? 0;
  }

  /** The change is on its way to the disk. */
  expect({ add = [] }: HintChange): void {
    this.pending += add.length;
    if (add.length === 0) return;
    const bound = Math.max(this.most, this.heldAtStart);
    const promised = this.held + this.pending;
    assert(promised <= bound, "hints held and promised stay within hintsMax", promised, bound);
  }

  /**
   * The change has reached the disk, or may have (`certain` is false): a store that failed may have
   * been done, so its hints are counted until a scan says otherwise.
   */
  settleChange({ add = [], remove = [] }: HintChange, certain: boolean): void {
    this.pending -= add.length;
    assert(this.pending >= 0, "hints on their way to the disk are never negative", this.pending);
    this.added += add.length;
    for (const node of add) this.change(node, 1);
    if (certain) { for (const node of remove) this.change(node, -1); }
    this.requireSums();
  }

  private requireSums(): void {
    let sum = 0;
    for (const count of this.counts.values()) sum += count;
    assert(sum === this.held, "hints held are the sum over their targets", this.held, sum);
    const kept = this.heldAtStart + this.added - this.removed;
    assert(this.held === kept, "hints held are those added less those removed", this.held, kept);
  }

  /** A scan has found no hint for the node, whatever was counted. */
  settle(node: NodeId): void {
    this.change(node, -this.countFor(node));
  }

  private change(node: NodeId, by: number): void {
    const before = this.countFor(node);
    const after = Math.max(0, before + by);
    this.held += after - before;
    if (by < 0) this.removed += before - after;
    if (after === 0) this.counts.delete(node);
    else this.counts.set(node, after);
  }
}

export function hintOf(record: StoredRecord, node: NodeId): Hint | undefined {
  return record.hintFor?.find((hint) => hint.node === node);
}

export function withHint(record: StoredRecord, node: NodeId, since: Micros): StoredRecord {
  if (hintOf(record, node) !== undefined) return record;
  return { ...record, hintFor: [...record.hintFor ?? [], { node, since }] };
}

export function withoutHint(record: StoredRecord, node: NodeId): StoredRecord {
  const { hintFor = [], ...rest } = record;
  const left = hintFor.filter((hint) => hint.node !== node);
  return left.length === 0 ? rest : { ...rest, hintFor: left };
}

/** Hints of the record that `stored` does not have. */
export function hintsBeyond(stored: StoredRecord | null, record: StoredRecord): number {
  if (record.hintFor === undefined || record.hintFor === stored?.hintFor) return 0;
  return record.hintFor.filter(({ node }) => stored === null || !hintOf(stored, node)).length;
}

/**
 * How the hint index must change with the record. `done` targets leave it in any case. Null when
 * nothing changes.
 */
export function hintChange(
  before: StoredRecord,
  after: StoredRecord,
  done: readonly NodeId[],
): HintChange | null {
  if (before.hintFor === after.hintFor && done.length === 0) return null;
  const had = (before.hintFor ?? []).map((hint) => hint.node);
  const has = (after.hintFor ?? []).map((hint) => hint.node);
  const add = has.filter((node) => !had.includes(node));
  const remove = new Set([...had, ...done].filter((node) => !has.includes(node)));
  return add.length + remove.size === 0 ? null : { add, remove: [...remove] };
}
