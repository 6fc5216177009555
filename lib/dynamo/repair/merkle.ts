/**
 * A Merkle tree over the keys of one range (SOSP 2007, section 4.7): two replicas compare roots, and
 * descend only where hashes differ.
 *
 * A range is cut into leaves of equal length. A leaf's hash is the xor of the digests of its keys,
 * and an inner hash the xor of its leaves': so a changed record changes its path by xor-ing the old
 * digest out and the new one in, and no tree is ever rehashed. Digests are 64 bits of key, dots and
 * clocks, nothing that is local to a node.
 */
import { type Position, shareBetween, toPosition } from "../ring/position.ts";
import type { Range } from "../ring/ring.ts";
import { assert } from "../util/assert.ts";
import { type Digest64, digest64 } from "../util/digest.ts";
import type { Siblings } from "../versions/versions.ts";

export const FAN_OUT = 16;
/** Levels below the root. */
export const DEPTH = 3;
export const LEAVES = FAN_OUT ** DEPTH;

/** A hash as it travels: 16 hex digits. */
export type TreeHash = string;
/** A node of the tree at some level, and its hash. */
export type TreeNode = readonly [index: number, hash: TreeHash];

/** What a replica holds of a key, in 64 bits; no siblings digest to zero, as if there were no record. */
export function recordDigest(key: string, siblings: Siblings): Digest64 {
  if (siblings.length === 0) return { high: 0, low: 0 };
  let text = key;
  for (const { dot, clock, dots, stampUs } of siblings) {
    text += `|${dot[0]}:${dot[1]}@${stampUs}`;
    for (const entry of clock) text += `,${entry[0]}:${entry[1]}`;
    for (const extra of dots ?? []) text += `;${extra[0]}:${extra[1]}`;
  }
  return digest64(text);
}

export class MerkleTree {
  /** Hashes level by level, the root first; two words each. Allocated with the first key. */
  private words: Int32Array | null = null;

  constructor(readonly range: Range) {}

  /** The leaf, in 0 … LEAVES - 1, that a position of the range falls into. */
  leafOf(position: Position): number {
    const whole = shareBetween(this.range.start, this.range.end);
    const part = position === this.range.start ? 0 : shareBetween(this.range.start, position);
    return Math.min(LEAVES - 1, Math.floor(part / whole * LEAVES));
  }

  /** Xors a digest in, or out again: it is the same. */
  toggle(position: Position, digest: Digest64): void {
    if (digest.high === 0 && digest.low === 0) return;
    const leaf = this.leafOf(position);
    this.toggleLeaf(leaf, digest);
    this.requirePath(leaf);
  }

  private toggleLeaf(leaf: number, digest: Digest64): void {
    this.words ??= new Int32Array(2 * (NODES_ABOVE[DEPTH + 1] as number));
    let index = leaf;
    for (let level = DEPTH; level >= 0; level--) {
      const at = 2 * (NODES_ABOVE[level] as number + index);
      this.words[at] = (this.words[at] ?? 0) ^ digest.high;
      this.words[at + 1] = (this.words[at + 1] ?? 0) ^ digest.low;
      index = Math.floor(index / FAN_OUT);
    }
  }

  /** Makes the leaf's hash what was found on the disk; true when it was another. */
  setLeaf(leaf: number, { high, low }: Digest64): boolean {
    const at = 2 * (NODES_ABOVE[DEPTH] as number + leaf);
    const change = {
      high: high ^ (this.words?.[at] ?? 0),
      low: low ^ (this.words?.[at + 1] ?? 0),
    };
    if (change.high === 0 && change.low === 0) return false;
    this.toggleLeaf(leaf, change);
    this.requirePath(leaf);
    return true;
  }

  /** Above the leaf that was changed, every hash must still be the xor of the hashes below it. */
  private requirePath(leaf: number): void {
    const { words } = this;
    let index = leaf;
    for (let level = DEPTH - 1; words !== null && level >= 0; level--) {
      index = Math.floor(index / FAN_OUT);
      const at = 2 * (NODES_ABOVE[level] as number + index);
      let high = words[at] as number;
      let low = words[at + 1] as number;
      const first = 2 * (NODES_ABOVE[level + 1] as number + index * FAN_OUT);
      for (let child = first; child < first + 2 * FAN_OUT; child += 2) {
        high ^= words[child] as number;
        low ^= words[child + 1] as number;
      }
      assert((high | low) === 0, "a tree's hash is the xor of those below it", level, index);
    }
  }

  /** The range of the ring that covers the leaves `first` … `last`, and at most a little more. */
  rangeOf(first: number, last: number): { readonly from: Position; readonly to: Position } {
    const start = BigInt(`0x${this.range.start}`);
    const whole = 1n << 128n;
    const length = (BigInt(`0x${this.range.end}`) - start + whole) % whole || whole;
    // Leaves are found with 53 bits of precision, so the edges are given some room.
    const room = length / BigInt(LEAVES * 1_024);
    const low = first === 0 ? 0n : length * BigInt(first) / BigInt(LEAVES) - room;
    const high = last === LEAVES - 1 ? length : length * BigInt(last + 1) / BigInt(LEAVES) + room;
    return { from: toPosition((start + low) % whole), to: toPosition((start + high) % whole) };
  }

  hash(level: number, index: number): TreeHash {
    const at = 2 * (NODES_ABOVE[level] as number + index);
    return hex(this.words?.[at] ?? 0) + hex(this.words?.[at + 1] ?? 0);
  }

  root(): TreeHash {
    return this.hash(0, 0);
  }

  /** The hashes of the node's children, in order; empty where there is nothing below. */
  children(level: number, index: number): TreeHash[] {
    return Array.from({ length: FAN_OUT }, (_, i) => {
      const hash = this.hash(level + 1, index * FAN_OUT + i);
      return hash === NOTHING ? "" : hash;
    });
  }
}

const NOTHING: TreeHash = "0".repeat(16);

/** Nodes on all levels above each: 0, 1, 1 + 16, 1 + 16 + 256, … */
const NODES_ABOVE = Array.from(
  { length: DEPTH + 2 },
  (_, level) => (FAN_OUT ** level - 1) / (FAN_OUT - 1),
);

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

export function hexOf({ high, low }: Digest64): TreeHash {
  return hex(high) + hex(low);
}
