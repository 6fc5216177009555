/**
 * An index in memory of the keys that a node holds. With it a load of an absent key needs no disk
 * access. In a new cluster most puts load an absent key.
 *
 * A JavaScript Set would take about a hundred bytes per key. This is a hash table with open addressing
 * in one typed array. A slot has 20 bytes: a fingerprint of 128 bits and the record's size. At most 70%
 * of the slots are used. The index must be exact, since "absent" is never checked on the disk. 128 bits
 * of two digests are enough for that.
 */
import { type Address, OBJECT_ID_BYTES } from "./record_address.ts";

const WORDS = 5;
const SIZE = 4;
const LOAD_MAX = 0.7;
const SLOTS_MIN = 1_024;

export class RecordIndex {
  #slots = SLOTS_MIN;
  #table = new Uint32Array(SLOTS_MIN * WORDS);
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

  /** The record's size in bytes; 0 if there is none. */
  sizeOf(object: Address): number {
    return this.#word(this.#find(fingerprintOf(object)), SIZE);
  }

  /** `bytes` is at least 1. */
  set(object: Address, bytes: number): void {
    const fingerprint = fingerprintOf(object);
    const slot = this.#find(fingerprint);
    const before = this.#word(slot, SIZE);
    this.#bytes += bytes - before;
    if (before === 0) this.#count++;
    this.#write(slot, fingerprint, bytes);
    if (this.#count > this.#slots * LOAD_MAX) this.#grow();
  }

  delete(object: Address): void {
    const slot = this.#find(fingerprintOf(object));
    const before = this.#word(slot, SIZE);
    if (before === 0) return;
    this.#bytes -= before;
    this.#count--;
    this.#vacate(slot);
  }

  /** The slot with this fingerprint, or the empty slot where it belongs. */
  #find(fingerprint: Fingerprint): number {
    let slot = fingerprint[2] & (this.#slots - 1);
    while (this.#word(slot, SIZE) !== 0 && !this.#holds(slot, fingerprint)) {
      slot = (slot + 1) & (this.#slots - 1);
    }
    return slot;
  }

  #holds(slot: number, fingerprint: Fingerprint): boolean {
    const at = slot * WORDS;
    const table = this.#table;
    return table[at + 2] === fingerprint[2] && table[at + 3] === fingerprint[3] &&
      table[at] === fingerprint[0] && table[at + 1] === fingerprint[1];
  }

  /** Empties a slot, and moves later entries into the hole so that no search ends too early. */
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
      const [a, b, c, d, bytes] = old.subarray(at, at + WORDS) as unknown as [
        ...Fingerprint,
        number,
      ];
      const fingerprint: Fingerprint = [a, b, c, d];
      this.#write(this.#find(fingerprint), fingerprint, bytes);
    }
  }

  #word(slot: number, word: number): number {
    return this.#table[slot * WORDS + word] as number;
  }

  #write(slot: number, fingerprint: Fingerprint, bytes: number): void {
    const at = slot * WORDS;
    const table = this.#table;
    table[at] = fingerprint[0];
    table[at + 1] = fingerprint[1];
    table[at + 2] = fingerprint[2];
    table[at + 3] = fingerprint[3];
    table[at + SIZE] = bytes;
  }
}

/** The first half of the position, and the discriminator, which comes from another digest. */
type Fingerprint = [number, number, number, number];

function fingerprintOf(object: Address): Fingerprint {
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
