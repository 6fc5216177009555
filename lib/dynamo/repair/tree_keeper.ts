/**
 * Keeps a Merkle tree for every range that this node owns while records change, and builds the
 * trees in the background: all at the start and when ranges are cut, one by one when ranges become
 * its own.
 *
 * While it builds, records go on changing, and a page of a scan is not a snapshot. So a record that
 * changes ahead of the scan is entered at once and remembered, and the scan skips it. Behind the
 * scan, a change is the usual xor of the old digest and the new.
 *
 * Sometimes the tree cannot know what the disk holds: a store failed that may have been done, or a
 * damaged record was replaced. Then the leaf is in doubt and is read again from the disk, and once
 * more if it changes during that.
 */
import type { Outbox } from "../outbox.ts";
import { type Position, positionOf } from "../ring/position.ts";
import type { Ring } from "../ring/ring.ts";
import type { NodeId } from "../types/ids.ts";
import type { KeyPlace, StoredRecord } from "../types/records.ts";
import type { Siblings } from "../versions/versions.ts";
import { LeafCheck } from "./leaf_check.ts";
import { LEAVES, MerkleTree, recordDigest } from "./merkle.ts";

const PAGE_RECORDS = 256;

export class TreeKeeper {
  private readonly trees = new Map<number, MerkleTree>();
  private scan: number | null = null;
  private cursor: KeyPlace | null = null;
  private readonly changedAhead = new Set<string>();
  private built = false;
  /** Leaves in doubt, as `range/leaf`. */
  private readonly doubted = new Set<string>();
  /** Ranges that became this node's own and were not read from its disk yet. */
  private readonly unread = new Set<number>();
  private checking: LeafCheck | null = null;
  /** The range that the scrub looked at last. */
  private scrubbed = -1;

  /** The ring for which the trees have to be built again. */
  private nextRing: Ring | null = null;

  constructor(private ring: Ring, private readonly self: NodeId) {
    this.plant();
  }

  private plant(): void {
    const { ring, self } = this;
    for (let range = 0; range < ring.rangeCount; range++) {
      if (ring.primaries(range).includes(self)) {
        this.trees.set(range, new MerkleTree(ring.range(range)));
      }
    }
  }

  /**
   * Ranges were cut or have other owners. Where they were cut, trees are kept for the old ring until
   * `resume` builds new ones, as rings change in bursts.
   */
  onRing(before: Ring, after: Ring): void {
    if (this.nextRing !== null || before.grid !== after.grid) this.nextRing = after;
    else this.adopt(after);
  }

  /** The same ranges with other owners: only what is newly owned has to be read. */
  private adopt(ring: Ring): void {
    this.ring = ring;
    const before = new Map(this.trees);
    this.trees.clear();
    for (let range = 0; range < ring.rangeCount; range++) {
      if (!ring.primaries(range).includes(this.self)) {
        this.unread.delete(range);
        continue;
      }
      const tree = before.get(range);
      if (tree === undefined) this.unread.add(range);
      this.trees.set(range, tree ?? new MerkleTree(ring.range(range)));
    }
    if (this.checking !== null && !this.trees.has(this.checking.range)) this.checking = null;
  }

  private replant(ring: Ring, out: Outbox): void {
    this.ring = ring;
    this.nextRing = null;
    this.trees.clear();
    this.doubted.clear();
    this.unread.clear();
    this.changedAhead.clear();
    this.checking = null;
    this.cursor = null;
    this.built = false;
    this.plant();
    this.start(out);
  }

  /** Whether the trees agree with the disk. */
  get ready(): boolean {
    return this.built && this.nextRing === null && this.unread.size === 0;
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
    if (this.checking?.range === tree.range.index) this.checking.onChange(tree.leafOf(position));
  }

  /** It is not known what the disk holds of the key. */
  onDoubt(key: string): void {
    const position = positionOf(key);
    const range = this.ring.rangeAt(position);
    const tree = this.trees.get(range);
    if (tree !== undefined) this.doubt(range, [tree.leafOf(position)]);
  }

  /** Leaves that differ from a peer's, though no key of theirs does. */
  doubt(range: number, leaves: readonly number[]): void {
    for (const leaf of leaves) this.doubted.add(`${range}/${leaf}`);
  }

  /** Whether the page was this keeper's. */
  onScanned(
    id: number,
    records: readonly StoredRecord[],
    next: KeyPlace | null,
    out: Outbox,
  ): boolean {
    if (id === this.checking?.scan) {
      this.onChecked(this.checking, records, next, out);
      return true;
    }
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
    if (id === this.checking?.scan) {
      const { range, first, isWhole } = this.checking;
      if (!isWhole) this.doubt(range, [first]);
      this.checking = null;
      return true;
    }
    if (id !== this.scan) return false;
    this.scan = null;
    return true;
  }

  /** Continues what a failing disk has interrupted, and reads leaves in doubt. */
  resume(out: Outbox): void {
    if (this.nextRing !== null) this.replant(this.nextRing, out);
    else if (this.built) this.reread(out);
    else if (this.scan === null) this.scan = out.scan({}, this.cursor, PAGE_RECORDS);
  }

  /** Reads the next owned range again, whether or not anything is in doubt; true when it could begin. */
  scrub(out: Outbox): boolean {
    if (!this.ready || this.checking !== null) return false;
    const { ranges } = this;
    const next = ranges.find((range) => range > this.scrubbed) ?? ranges[0];
    if (next === undefined) return false;
    this.scrubbed = next;
    this.check(wholeOf(next), null, out);
    return true;
  }

  private reread(out: Outbox): void {
    if (this.checking !== null) return;
    const [unread] = this.unread;
    if (unread !== undefined) {
      this.check(wholeOf(unread), null, out);
      return;
    }
    const [next] = this.doubted;
    if (next === undefined) return;
    this.doubted.delete(next);
    const [range = 0, leaf = 0] = next.split("/").map(Number);
    this.check(new LeafCheck(range, leaf, leaf), null, out);
  }

  private check(check: LeafCheck, after: KeyPlace | null, out: Outbox): void {
    const range = this.trees.get(check.range)?.rangeOf(check.first, check.last);
    if (range === undefined) return;
    // To a scan, equal ends do not mean the whole circle.
    check.scan = out.scanDisk(range.from === range.to ? {} : range, after, PAGE_RECORDS);
    this.checking = check;
  }

  private onChecked(
    check: LeafCheck,
    records: readonly StoredRecord[],
    next: KeyPlace | null,
    out: Outbox,
  ): void {
    const { range } = check;
    const tree = this.trees.get(range) as MerkleTree;
    const own = records.filter(({ key }) => this.ring.rangeAt(positionOf(key)) === range);
    check.onRecords(own, tree);
    if (next !== null) {
      this.check(check, next, out);
      return;
    }
    this.checking = null;
    this.doubt(range, check.undecided);
    const wrong = check.settle(tree);
    const isScrub = check.isWhole && !this.unread.delete(range);
    if (isScrub && wrong > 0) out.emit({ type: "scrub", range, wrong });
    this.reread(out);
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

/** A check of a whole range. */
function wholeOf(range: number): LeafCheck {
  return new LeafCheck(range, 0, LEAVES - 1);
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
