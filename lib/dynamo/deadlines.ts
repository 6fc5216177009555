/**
 * All waiting of a replica in one place: a heap of moments, ordered by (at, sequence), behind the
 * single timer that a host keeps. Nothing is ever cancelled: whoever is called too late finds that its
 * conversation is over and does nothing, and a sweep drops the dead now and then.
 */
import type { Micros } from "./events.ts";

export interface Deadline<T> {
  readonly at: Micros;
  readonly sequence: number;
  readonly what: T;
}

export class Deadlines<T> {
  private readonly heap: Deadline<T>[] = [];
  private sequence = 0;

  get size(): number {
    return this.heap.length;
  }

  /** The next moment at which something is due. */
  get next(): Micros | undefined {
    return this.heap[0]?.at;
  }

  add(at: Micros, what: T): void {
    const { heap } = this;
    const added = { at, sequence: this.sequence++, what };
    let index = heap.length;
    heap.push(added);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Deadline<T>;
      if (!isBefore(added, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = added;
  }

  /** Removes and returns the first deadline at or before `now`. */
  takeDue(now: Micros): T | undefined {
    const first = this.heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = this.heap.pop() as Deadline<T>;
    if (this.heap.length > 0) this.sink(last);
    return first.what;
  }

  /** Drops what nobody needs any more. Costs a pass over everything. */
  keep(needed: (what: T) => boolean): void {
    const kept = this.heap.filter((deadline) => needed(deadline.what));
    // In order of (at, sequence) an array is a heap.
    kept.sort((a, b) => isBefore(a, b) ? -1 : 1);
    this.heap.splice(0, this.heap.length, ...kept);
  }

  private sink(item: Deadline<T>): void {
    const { heap } = this;
    let index = 0;
    while (true) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Deadline<T>)) child++;
      if (!isBefore(heap[child] as Deadline<T>, item)) break;
      heap[index] = heap[child] as Deadline<T>;
      index = child;
    }
    heap[index] = item;
  }
}

function isBefore<T>(a: Deadline<T>, b: Deadline<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
