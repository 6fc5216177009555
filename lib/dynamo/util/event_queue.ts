/**
 * A queue of what is still to happen, ordered by (at, seq): by moment, then in the order in which
 * it was pushed, so that two events of one moment never change places (turmoil, `scheduler.rs`). A
 * replica keeps its deadlines in one, the simulator all its events.
 *
 * Our own rather than tinyqueue: a copy of a run must copy the queue. Sifting moves numbers in typed
 * arrays and never the items, which stay in their slots: with items in the queue itself, V8 notes each
 * move of a young object within an old array, and that cost more than the comparisons.
 */
import { assert } from "./assert.ts";

const CAPACITY_MIN = 64;

export class EventQueue<T> {
  private moments = new Float64Array(CAPACITY_MIN);
  private sequences = new Float64Array(CAPACITY_MIN);
  /** Where each item lies among `items`; behind the heap's end, the free slots. */
  private slots = Int32Array.from({ length: CAPACITY_MIN }, (_, slot) => slot);
  private items: (T | undefined)[] = [];
  private count = 0;
  private lastSequence = 0;

  get size(): number {
    return this.count;
  }

  /** The moment of the next item; undefined when there is none. */
  get nextAt(): number | undefined {
    return this.count === 0 ? undefined : this.moments[0];
  }

  push(at: number, item: T): void {
    this.insert(at, ++this.lastSequence, item);
  }

  /** Removes and returns the next item; undefined when there is none. */
  pop(): T | undefined {
    if (this.count === 0) return undefined;
    const { slots, items } = this;
    const slot = slots[0] as number;
    const at = this.moments[0] as number;
    const sequence = this.sequences[0] as number;
    const item = items[slot];
    items[slot] = undefined;
    const last = --this.count;
    const lastSlot = slots[last] as number;
    slots[last] = slot;
    if (last > 0) {
      this.sink(this.moments[last] as number, this.sequences[last] as number, lastSlot);
      const next = this.moments[0] as number;
      const isOrdered = at < next || (at === next && sequence < (this.sequences[0] as number));
      assert(isOrdered, "events come out by moment, then as they were put in", at, next);
    }
    return item;
  }

  /** The waiting items, in no particular order. */
  waiting(): T[] {
    return Array.from(this.slots.subarray(0, this.count), (slot) => this.items[slot] as T);
  }

  /** Drops what is not needed any more. Costs a pass over everything. */
  keep(isNeeded: (item: T) => boolean): void {
    const { moments, sequences, slots, items, count } = this;
    this.allocate(CAPACITY_MIN);
    for (let i = 0; i < count; i++) {
      const item = items[slots[i] as number] as T;
      if (isNeeded(item)) this.insert(moments[i] as number, sequences[i] as number, item);
    }
  }

  /** An independent copy; the items, which must not change, are shared. */
  clone(): EventQueue<T> {
    const copy = new EventQueue<T>();
    copy.moments = this.moments.slice();
    copy.sequences = this.sequences.slice();
    copy.slots = this.slots.slice();
    copy.items = [...this.items];
    copy.count = this.count;
    copy.lastSequence = this.lastSequence;
    return copy;
  }

  private insert(at: number, sequence: number, item: T): void {
    if (this.count === this.slots.length) this.grow();
    const { moments, sequences, slots } = this;
    let index = this.count++;
    const slot = slots[index] as number;
    this.items[slot] = item;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const parentAt = moments[parent] as number;
      if (at > parentAt || (at === parentAt && sequence > (sequences[parent] as number))) break;
      this.move(parent, index);
      index = parent;
    }
    this.place(index, at, sequence, slot);
  }

  private sink(at: number, sequence: number, slot: number): void {
    const { moments, sequences, count } = this;
    let index = 0;
    while (true) {
      let child = 2 * index + 1;
      if (child >= count) break;
      if (child + 1 < count && this.isBefore(child + 1, child)) child++;
      const childAt = moments[child] as number;
      if (at < childAt || (at === childAt && sequence < (sequences[child] as number))) break;
      this.move(child, index);
      index = child;
    }
    this.place(index, at, sequence, slot);
  }

  private isBefore(a: number, b: number): boolean {
    const { moments, sequences } = this;
    const atA = moments[a] as number;
    const atB = moments[b] as number;
    return atA < atB || (atA === atB && (sequences[a] as number) < (sequences[b] as number));
  }

  private move(from: number, to: number): void {
    this.place(
      to,
      this.moments[from] as number,
      this.sequences[from] as number,
      this.slots[from] as number,
    );
  }

  private place(index: number, at: number, sequence: number, slot: number): void {
    this.moments[index] = at;
    this.sequences[index] = sequence;
    this.slots[index] = slot;
  }

  private grow(): void {
    const { moments, sequences, slots, items, count } = this;
    this.allocate(2 * count);
    this.moments.set(moments);
    this.sequences.set(sequences);
    this.slots.set(slots);
    this.items = items;
    this.count = count;
  }

  /** An empty queue with room for so many. */
  private allocate(capacity: number): void {
    this.moments = new Float64Array(capacity);
    this.sequences = new Float64Array(capacity);
    this.slots = Int32Array.from({ length: capacity }, (_, slot) => slot);
    this.items = [];
    this.count = 0;
  }
}
