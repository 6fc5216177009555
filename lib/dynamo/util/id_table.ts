/**
 * A map from ids to values, made for entries that come and go all the time.
 *
 * V8's `Map` copies itself to a new table after every few deletions, and the old tables stay linked to
 * the new one. Once a long-lived one is among the old objects, each of its successors, with all that
 * was in it, survives as well until the next full collection: in the simulator a fifth of everything
 * that was allocated, and a quarter of the time. Open addressing in two arrays leaves nothing behind;
 * ids are handed out one after the other, so they hardly ever collide.
 */

const CAPACITY_MIN = 16;
/** Marks a free slot. */
const FREE = 0;

/** Ids are whole numbers above 0. */
export class IdTable<T> {
  private ids: number[] = new Array(CAPACITY_MIN).fill(FREE);
  private values: (T | undefined)[] = new Array(CAPACITY_MIN).fill(undefined);
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(id: number): T | undefined {
    return this.values[this.slotOf(id)];
  }

  has(id: number): boolean {
    return this.ids[this.slotOf(id)] === id;
  }

  /** Puts the value under the id; true when nothing was there. */
  set(id: number, value: T): boolean {
    const slot = this.slotOf(id);
    this.values[slot] = value;
    if (this.ids[slot] === id) return false;
    this.ids[slot] = id;
    this.count++;
    // At least a quarter is left free, so that every search ends soon.
    if (this.count > this.ids.length - (this.ids.length >> 2)) this.grow();
    return true;
  }

  /** Removes and returns what is under the id; undefined when nothing is. */
  take(id: number): T | undefined {
    const slot = this.slotOf(id);
    const taken = this.values[slot];
    if (this.ids[slot] === id) this.free(slot);
    return taken;
  }

  /** What is in the table, in no particular order. */
  *entries(): Generator<readonly [number, T]> {
    for (const [slot, id] of this.ids.entries()) {
      if (id !== FREE) yield [id, this.values[slot] as T];
    }
  }

  /** Where the id is, or the free slot where it would go. */
  private slotOf(id: number): number {
    const { ids } = this;
    const mask = ids.length - 1;
    let slot = id & mask;
    while (ids[slot] !== id && ids[slot] !== FREE) slot = (slot + 1) & mask;
    return slot;
  }

  /** Empties the slot and moves up what had to go past it (Knuth, vol. 3, 6.4, algorithm R). */
  private free(slot: number): void {
    const { ids, values } = this;
    const mask = ids.length - 1;
    let hole = slot;
    let next = (hole + 1) & mask;
    while (ids[next] !== FREE) {
      const home = (ids[next] as number) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        ids[hole] = ids[next] as number;
        values[hole] = values[next];
        hole = next;
      }
      next = (next + 1) & mask;
    }
    ids[hole] = FREE;
    values[hole] = undefined;
    this.count--;
  }

  private grow(): void {
    const { ids, values } = this;
    this.ids = new Array(2 * ids.length).fill(FREE);
    this.values = new Array(2 * ids.length).fill(undefined);
    this.count = 0;
    for (const [slot, id] of ids.entries()) {
      if (id !== FREE) this.set(id, values[slot] as T);
    }
  }
}
