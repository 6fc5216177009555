/**
 * Which keys a node holds, in memory: a load of an absent key needs no disk, and most loads of a
 * fresh cluster's puts are of absent keys.
 *
 * A JavaScript Set would take some hundred bytes a key. This is an open-addressing table in one typed
 * array: 128 bits that name the record and its size, 20 bytes a slot, at most 70% full. It must be
 * exact, since "absent" is never checked against the disk; 128 bits of two digests are.
 */
import { type Address, OBJECT_ID_BYTES } from "./record_address.ts";

const WORDS = 5;
const SIZE = 4;
const FULL_AT = 0.7;
const SLOTS_LEAST = 1_024;

export class RecordIndex {
  #slots = SLOTS_LEAST;
  #table = new Uint32Array(SLOTS_LEAST * WORDS);
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  /** The sum of the records' sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  has(object: Address): boolean {
    return this.sizeOf(object) > 0;
  }

  /** The record's size in bytes, 0 where there is none. */
  sizeOf(object: Address): number {
    return this.#word(this.#find(nameOf(object)), SIZE);
  }

  /** `bytes` is at least 1. */
  set(object: Address, bytes: number): void {
    const name = nameOf(object);
    const slot = this.#find(name);
    const before = this.#word(slot, SIZE);
    this.#bytes += bytes - before;
    if (before === 0) this.#count++;
    this.#write(slot, name, bytes);
    if (this.#count > this.#slots * FULL_AT) this.#grow();
  }

  delete(object: Address): void {
    const slot = this.#find(nameOf(object));
    const before = this.#word(slot, SIZE);
    if (before === 0) return;
    this.#bytes -= before;
    this.#count--;
    this.#vacate(slot);
  }

  /** The slot that holds the name, or the empty one where it belongs. */
  #find(name: Name): number {
    let slot = name[2] & (this.#slots - 1);
    while (this.#word(slot, SIZE) !== 0 && !this.#holds(slot, name)) {
      slot = (slot + 1) & (this.#slots - 1);
    }
    return slot;
  }

  #holds(slot: number, name: Name): boolean {
    const at = slot * WORDS;
    const table = this.#table;
    return table[at + 2] === name[2] && table[at + 3] === name[3] &&
      table[at] === name[0] && table[at + 1] === name[1];
  }

  /** Empties a slot and moves up what had to step over it, so that no search ends too early. */
  #vacate(slot: number): void {
    const mask = this.#slots - 1;
    let hole = slot;
    for (let next = (hole + 1) & mask; this.#word(next, SIZE) !== 0; next = (next + 1) & mask) {
      const home = this.#word(next, 2) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#table.copyWithin(hole * WORDS, next * WORDS, (next + 1) * WORDS);
      hole = next;
    }
    this.#table[hole * WORDS + SIZE] = 0;
  }

  #grow(): void {
    const old = this.#table;
    this.#slots *= 2;
    this.#table = new Uint32Array(this.#slots * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + SIZE] === 0) continue;
      const [a, b, c, d, bytes] = old.subarray(at, at + WORDS) as unknown as [...Name, number];
      const name: Name = [a, b, c, d];
      this.#write(this.#find(name), name, bytes);
    }
  }

  #word(slot: number, word: number): number {
    return this.#table[slot * WORDS + word] as number;
  }

  #write(slot: number, name: Name, bytes: number): void {
    const at = slot * WORDS;
    const table = this.#table;
    table[at] = name[0];
    table[at + 1] = name[1];
    table[at + 2] = name[2];
    table[at + 3] = name[3];
    table[at + SIZE] = bytes;
  }
}

/** The first half of the position and the discriminator, which comes from another digest. */
type Name = [number, number, number, number];

function nameOf(object: Address): Name {
  const discriminator = OBJECT_ID_BYTES - 7;
  return [
    wordAt(object, 1),
    wordAt(object, 5),
    wordAt(object, discriminator),
    wordAt(object, discriminator + 4),
  ];
}

function wordAt(object: Address, at: number): number {
  return (object.charCodeAt(at) << 24 | object.charCodeAt(at + 1) << 16 |
    object.charCodeAt(at + 2) << 8 | object.charCodeAt(at + 3)) >>> 0;
}
