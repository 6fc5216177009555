/**
 * Reads some leaves of one range's tree again from the disk: one that is in doubt, or in a scrub
 * all of them, to find lost or damaged records before a client asks for them.
 */
import { positionOf } from "../ring/position.ts";
import type { StoredRecord } from "../types/records.ts";
import type { Digest64 } from "../util/digest.ts";
import { type MerkleTree, recordDigest } from "./merkle.ts";

const NOTHING: Digest64 = { high: 0, low: 0 };

export class LeafCheck {
  /** The page under way. */
  scan = 0;
  private readonly found = new Map<number, Digest64>();
  /** Leaves that changed during the check: what was read of them cannot be used. */
  private readonly changed = new Set<number>();

  /** Leaves `first` … `last`. */
  constructor(readonly range: number, readonly first: number, readonly last: number) {}

  /** Records of the range that were read, in any leaf. */
  onRecords(records: readonly StoredRecord[], tree: MerkleTree): void {
    for (const { key, siblings } of records) {
      const leaf = tree.leafOf(positionOf(key));
      if (leaf < this.first || leaf > this.last) continue;
      const { high, low } = recordDigest(key, siblings);
      const before = this.found.get(leaf) ?? NOTHING;
      this.found.set(leaf, { high: before.high ^ high, low: before.low ^ low });
    }
  }

  onChange(leaf: number): void {
    if (leaf >= this.first && leaf <= this.last) this.changed.add(leaf);
  }

  /** Corrects the tree by what was found on the disk; returns how many leaves were wrong. */
  settle(tree: MerkleTree): number {
    let wrong = 0;
    for (let leaf = this.first; leaf <= this.last; leaf++) {
      if (this.changed.has(leaf)) continue;
      if (tree.setLeaf(leaf, this.found.get(leaf) ?? NOTHING)) wrong++;
    }
    return wrong;
  }

  /** Leaves that have to be read again. */
  get undecided(): readonly number[] {
    return [...this.changed];
  }

  get isWhole(): boolean {
    return this.last > this.first;
  }
}
