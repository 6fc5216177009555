/**
 * Keeps a Merkle tree for every range that this node owns, as records change, and builds them in the
 * background at start.
 *
 * While it builds, records go on changing, and a page of a scan is no snapshot. So what changes ahead
 * of the scan is entered at once and remembered, and the scan passes it by; behind the scan, a change
 * is the usual xor of the old and the new.
 */
import type { KeyPlace, StoredRecord } from "./events.ts";
import { LEAVES, MerkleTree, recordDigest } from "./merkle.ts";
import type { Outbox } from "./outbox.ts";
import { type Position, positionOf } from "./position.ts";
import type { NodeId, Ring } from "./ring.ts";
import type { Siblings } from "./versions.ts";

const PAGE_RECORDS = 256;

export class TreeKeeper {
  private readonly trees = new Map<number, MerkleTree>();
  private scan: number | null = null;
  private cursor: KeyPlace | null = null;
  private readonly changedAhead = new Set<string>();
  private built = false;

  constructor(private readonly ring: Ring, self: NodeId) {
    for (let range = 0; range < ring.rangeCount; range++) {
      if (ring.primaries(range).includes(self)) {
        this.trees.set(range, new MerkleTree(ring.range(range)));
      }
    }
  }

  /** Whether the trees say what the disk holds. */
  get ready(): boolean {
    return this.built;
  }

  tree(range: number): MerkleTree | undefined {
    return this.trees.get(range);
  }

  /** Owned ranges, in ring order. */
  get ranges(): number[] {
    return [...this.trees.keys()];
  }

  start(out: Outbox): void {
    this.scan = out.scan({}, null, PAGE_RECORDS);
  }

  /** A record of the key was committed. */
  onChange(key: string, before: Siblings, after: Siblings): void {
    const position = positionOf(key);
    const tree = this.trees.get(this.ring.rangeAt(position));
    if (tree === undefined) return;
    const ahead = !this.built && isAfter({ key, position }, this.cursor) &&
      !this.changedAhead.has(key);
    if (ahead) this.changedAhead.add(key);
    toggle(tree, position, key, ahead ? [] : before, after);
  }

  /** Whether the page was this keeper's. */
  onScanned(
    id: number,
    records: readonly StoredRecord[],
    next: KeyPlace | null,
    out: Outbox,
  ): boolean {
    if (id !== this.scan) return false;
    for (const { key, siblings } of records) {
      if (this.changedAhead.has(key)) continue;
      const position = positionOf(key);
      const tree = this.trees.get(this.ring.rangeAt(position));
      if (tree !== undefined) toggle(tree, position, key, [], siblings);
    }
    this.scan = null;
    this.cursor = next;
    if (next !== null) this.scan = out.scan({}, next, PAGE_RECORDS);
    else this.finish();
    return true;
  }

  /** The page could not be read: it is asked for again at the next look. */
  onScanFailed(id: number): boolean {
    if (id !== this.scan) return false;
    this.scan = null;
    return true;
  }

  resume(out: Outbox): void {
    if (!this.built && this.scan === null) {
      this.scan = out.scan({}, this.cursor, PAGE_RECORDS);
    }
  }

  private finish(): void {
    this.built = true;
    this.changedAhead.clear();
  }

  /** The leaves in runs that are worth one scan each. */
  static runsOf(leaves: readonly number[]): number[][] {
    const runs: number[][] = [];
    for (const leaf of leaves.toSorted((a, b) => a - b)) {
      const run = runs.at(-1);
      const last = run?.at(-1);
      if (run === undefined || last === undefined || leaf - last > LEAVES / 64) runs.push([leaf]);
      else run.push(leaf);
    }
    return runs;
  }
}

function toggle(
  tree: MerkleTree,
  position: Position,
  key: string,
  before: Siblings,
  after: Siblings,
): void {
  const old = recordDigest(key, before);
  const now = recordDigest(key, after);
  tree.toggle(position, { high: old.high ^ now.high, low: old.low ^ now.low });
}

function isAfter(place: KeyPlace, cursor: KeyPlace | null): boolean {
  if (cursor === null) return true;
  return place.position > cursor.position ||
    (place.position === cursor.position && place.key > cursor.key);
}
