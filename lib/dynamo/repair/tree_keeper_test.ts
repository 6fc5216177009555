/**
 * Trees while ranges change owners: only newly owned ranges are read, and all roots are correct.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { Outbox } from "../outbox.ts";
import { joinRing, makeInitialRing } from "../ring/initial_ring.ts";
import { isWithin } from "../ring/ownership.ts";
import { positionOf } from "../ring/position.ts";
import { Ring } from "../ring/ring.ts";
import type { Effect } from "../types/events.ts";
import type { StoredRecord } from "../types/records.ts";
import { MerkleTree, recordDigest } from "./merkle.ts";
import { TreeKeeper } from "./tree_keeper.ts";

const PLAN = { partitioning: "equal-partitions", partitions: 16, tokensPerNode: 4, n: 2 } as const;
const MEMBERS = ["n1", "n2", "n3"].map((id) => ({ id, weight: 1 }));

const initial = makeInitialRing(MEMBERS, PLAN, SeededRandom.from(3));
const before = new Ring(initial, PLAN.n);
const joined = joinRing(initial, { id: "n4", weight: 1 }, 4, SeededRandom.from(4));
const after = new Ring(joined, PLAN.n);

function record(key: string, counter = 1): StoredRecord {
  const sibling = {
    dot: ["a", counter] as const,
    clock: [],
    stampUs: 0,
    value: "",
    contentType: "",
  };
  return { key, siblings: [sibling] };
}

/** A disk, and the scans of it. */
class Disk {
  readonly records = new Map<string, StoredRecord>();
  readonly out = new Outbox();
  readonly scanned: string[] = [];
  scansPastCaches = 0;
  private readonly effects: Effect[] = [];

  constructor(readonly keeper: TreeKeeper) {
    this.out.open(0, this.effects);
    for (let i = 0; i < 300; i++) this.records.set(`key-${i}`, record(`key-${i}`));
  }

  /** Writes a record and informs the tree keeper. */
  store(key: string, counter: number): void {
    const now = record(key, counter);
    this.keeper.onChange(key, this.records.get(key)?.siblings ?? [], now.siblings);
    this.records.set(key, now);
  }

  /**
   * Answers all scans. `meanwhile` runs after the disk was read, but before the keeper gets the
   * answer.
   */
  answerScans(meanwhile: () => void = () => {}): void {
    for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) {
      assert.equal(effect.kind, "scan");
      if (effect.kind !== "scan") continue;
      const { id, from, to } = effect;
      this.scanned.push(from === undefined ? "all" : from);
      if (effect.fromDisk === true) this.scansPastCaches++;
      const found = [...this.records.values()].filter(({ key }) =>
        from === undefined || to === undefined || isWithin(positionOf(key), from, to)
      );
      meanwhile();
      this.keeper.onScanned(id, found, null, this.out);
    }
  }

  /** The correct root of each range. */
  rootsOf(ring: Ring, self: string): (string | undefined)[] {
    return Array.from({ length: ring.rangeCount }, (_, range) => {
      if (!ring.primaries(range).includes(self)) return undefined;
      const tree = new MerkleTree(ring.range(range));
      for (const { key, siblings } of this.records.values()) {
        const position = positionOf(key);
        if (ring.rangeAt(position) === range) tree.toggle(position, recordDigest(key, siblings));
      }
      return tree.root();
    });
  }

  roots(ring: Ring): (string | undefined)[] {
    return Array.from({ length: ring.rangeCount }, (_, range) => this.keeper.tree(range)?.root());
  }
}

function built(self: string): Disk {
  const disk = new Disk(new TreeKeeper(before, self));
  disk.keeper.start(disk.out);
  disk.answerScans();
  assert.ok(disk.keeper.ready);
  assert.deepEqual(disk.roots(before), disk.rootsOf(before, self));
  disk.scanned.length = 0;
  return disk;
}

Deno.test("trees: a node that lost ranges keeps the trees of the others without reading its disk", () => {
  const disk = built("n1");
  assert.ok(disk.keeper.ranges.some((range) => !after.primaries(range).includes("n1")));
  disk.keeper.onRing(before, after);
  assert.ok(disk.keeper.ready);
  disk.keeper.resume(disk.out);
  disk.answerScans();
  assert.deepEqual(disk.scanned, []);
  assert.deepEqual(disk.roots(after), disk.rootsOf(after, "n1"));
});

Deno.test("trees: each newly owned range is read once, before any exchange of it", () => {
  const disk = built("n4");
  assert.deepEqual(disk.keeper.ranges, []);
  disk.keeper.onRing(before, after);
  assert.equal(disk.keeper.ready, false);
  disk.store("key-1", 2);
  disk.keeper.resume(disk.out);
  disk.answerScans();
  assert.ok(disk.keeper.ready);
  const gained = disk.keeper.ranges.map((range) => after.range(range).start);
  assert.ok(gained.length > 0);
  assert.deepEqual(disk.scanned, gained);
  assert.deepEqual(disk.roots(after), disk.rootsOf(after, "n4"));
});

Deno.test("trees: writes during the scan of a newly owned range are included in its tree", () => {
  const disk = built("n4");
  disk.keeper.onRing(before, after);
  let counter = 2;
  const keys = [...disk.records.keys()];
  disk.keeper.resume(disk.out);
  // Writes during the first scans make some leaves uncertain, so these are read again.
  disk.answerScans(() => {
    if (counter < 6) { for (const key of keys) disk.store(key, counter); }
    counter++;
  });
  disk.keeper.resume(disk.out);
  disk.answerScans();
  assert.ok(disk.keeper.ready);
  assert.deepEqual(disk.roots(after), disk.rootsOf(after, "n4"));
});

Deno.test("trees: a range that is lost during its scan has no tree", () => {
  const disk = built("n4");
  disk.keeper.onRing(before, after);
  disk.keeper.resume(disk.out);
  disk.keeper.onRing(after, before);
  disk.answerScans();
  assert.ok(disk.keeper.ready);
  assert.deepEqual(disk.keeper.ranges, []);
  disk.keeper.onRing(before, after);
  disk.keeper.resume(disk.out);
  disk.answerScans();
  assert.deepEqual(disk.roots(after), disk.rootsOf(after, "n4"));
});

Deno.test("trees: a failed scan of a newly owned range is repeated", () => {
  const disk = built("n4");
  disk.keeper.onRing(before, after);
  disk.keeper.resume(disk.out);
  const first = disk.out.nextId() - 1;
  assert.ok(disk.keeper.onScanFailed(first));
  assert.equal(disk.keeper.ready, false);
  disk.keeper.resume(disk.out);
  disk.answerScans();
  assert.ok(disk.keeper.ready);
  assert.deepEqual(disk.roots(after), disk.rootsOf(after, "n4"));
});

Deno.test("trees: the scrub and leaves in doubt are read past every cache", () => {
  const disk = built("n1");
  const { scanned: { length: read } } = disk;
  assert.equal(disk.scansPastCaches, 0);
  assert.ok(disk.keeper.scrub(disk.out));
  disk.answerScans();
  const own = [...disk.records.keys()]
    .find((key) => before.primariesOfKey(key).includes("n1")) as string;
  disk.keeper.onDoubt(own);
  disk.keeper.resume(disk.out);
  disk.answerScans();
  assert.deepEqual([disk.scanned.length - read, disk.scansPastCaches], [2, 2]);
});
