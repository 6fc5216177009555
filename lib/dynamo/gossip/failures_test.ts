/** The small parts behind failures: who is up, who stands in, what is owed to whom, what differs. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../random/seeded.ts";
import { DiskLatency } from "../records/disk_latency.ts";
import { HintBook, hintChange, withHint, withoutHint } from "../records/hints.ts";
import { DEPTH, FAN_OUT, LEAVES, MerkleTree, recordDigest } from "../repair/merkle.ts";
import { TreeKeeper } from "../repair/tree_keeper.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { Placement } from "../ring/placement.ts";
import { positionOf } from "../ring/position.ts";
import { Ring } from "../ring/ring.ts";
import type { Life } from "../types/life.ts";
import type { StoredRecord } from "../types/records.ts";
import type { Siblings } from "../versions/versions.ts";
import { FailureDetector, phiOf } from "./failure_detector.ts";
import { Gossip, type NodeState } from "./gossip.ts";

const SECOND = 1_000_000;

// Failure detector --------------------------------------------------------------------------------

function detector(): FailureDetector {
  const made = new FailureDetector({ phiThreshold: 8, phiWindow: 100 });
  made.watch("a", SECOND, 0);
  return made;
}

Deno.test("detector: phi is -log10 of the normal tail, and rises with the silence", () => {
  // The tail beyond 1, 2 and 3 deviations: 0.1587, 0.0228, 0.00135.
  for (const [y, tail] of [[1, 0.1587], [2, 0.0228], [3, 0.00135]] as const) {
    assert.ok(Math.abs(phiOf(y, 0, 1) + Math.log10(tail)) < 0.05, `${y}`);
  }
  fc.assert(fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (y) => {
    assert.ok(phiOf(y, 0, 1) >= 0 && phiOf(y + 0.5, 0, 1) >= phiOf(y, 0, 1));
  }));
});

Deno.test("detector: regular heartbeats keep a node up, silence takes it down, a beat brings it back", () => {
  const made = detector();
  for (let beat = 1; beat <= 20; beat++) made.onHeartbeat("a", SECOND, beat * SECOND);
  assert.ok(made.isUp("a", 21 * SECOND));
  assert.ok(!made.isUp("a", 30 * SECOND));
  assert.ok(made.phi("a", 30 * SECOND) > 8);
  assert.deepEqual(made.changes(30 * SECOND), [{ node: "a", up: false }]);
  assert.deepEqual(made.changes(30 * SECOND), []);
  made.onHeartbeat("a", SECOND, 31 * SECOND);
  assert.ok(made.isUp("a", 32 * SECOND));
});

Deno.test("detector: a sender that beats more slowly on purpose is given its own time", () => {
  const made = detector();
  for (let beat = 1; beat <= 20; beat++) made.onHeartbeat("a", 4 * SECOND, beat * 4 * SECOND);
  assert.ok(made.isUp("a", 80 * SECOND + 12 * SECOND));
});

Deno.test("detector: a refused call suspects at once, unanswered ones only in a row, contact settles it", () => {
  const made = detector();
  assert.ok(!made.onFailure("a", false) && !made.onFailure("a", false));
  assert.ok(made.isUp("a", 1));
  made.onContact("a", 1);
  assert.ok(!made.onFailure("a", false) && made.isUp("a", 1));
  assert.ok(made.onFailure("a", true));
  assert.ok(!made.isUp("a", 1));
  made.onHeartbeat("a", SECOND, 2);
  assert.ok(!made.isUp("a", 2), "others' word does not mend the path from here");
  assert.ok(made.onContact("a", 3) && made.isUp("a", 3));
  assert.equal(made.phi("stranger", 3), Infinity);
});

// Gossip ------------------------------------------------------------------------------------------

const LIFE: Life = { dataId: "d1", incarnation: 1, bootNumber: 0, writes: 0 };

function gossipOf(id: string, life = LIFE): Gossip {
  return new Gossip(id, life, 1_000, false);
}

function stateOf(id: string, heartbeat: number): NodeState {
  return { id, ...LIFE, heartbeat, intervalMs: 1_000 };
}

Deno.test("gossip: after one exchange both sides know the newer of everything", () => {
  const [a, b] = [gossipOf("a"), gossipOf("b")];
  a.absorb([stateOf("c", 5), stateOf("d", 2)]);
  b.absorb([stateOf("c", 3), stateOf("d", 7)]);
  const { newer, wanted } = b.compare(a.digest());
  assert.deepEqual(wanted, ["a", "c"]);
  assert.deepEqual(a.absorb(newer).map((news) => news.state.id).toSorted(), ["b", "d"]);
  b.absorb(a.statesOf(wanted));
  assert.deepEqual(a.digest(), b.digest());
});

Deno.test("gossip: another boot is told of its past life, long or short, and is heard once it outbids it", () => {
  for (const heartbeat of [1, 900]) {
    const later = gossipOf("a", { ...LIFE, bootNumber: 7 });
    later.beat();
    const peer = gossipOf("b");
    peer.absorb([stateOf("a", heartbeat)]);
    const { newer } = peer.compare(later.digest());
    assert.ok(newer.some((state) => state.id === "a" && state.bootNumber === 0));
    assert.deepEqual(
      later.absorb(newer.filter(({ id }) => id === "a")),
      [],
      "it alone tells of it",
    );
    later.describe({ ...LIFE, bootNumber: 7, incarnation: 2 }, "unconfirmed");
    assert.equal(later.own().status, "unconfirmed");
    assert.equal(peer.absorb([later.own()])[0]?.restarted, true);
  }
});

Deno.test("gossip: the adaptive interval shrinks on change and relaxes in calm, within bounds", () => {
  const gossip = new Gossip("a", LIFE, 1_000, true);
  gossip.onChange();
  assert.equal(gossip.intervalMs, 250);
  for (let i = 0; i < 50; i++) gossip.relax();
  assert.equal(gossip.intervalMs, 4_000);
});

// Placement ---------------------------------------------------------------------------------------

const IDS = ["n1", "n2", "n3", "n4", "n5", "n6"];

function ring(): Ring {
  const members = IDS.map((id) => ({ id, weight: 1 }));
  const plan = {
    partitioning: "equal-partitions",
    partitions: 32,
    tokensPerNode: 8,
    n: 3,
  } as const;
  return new Ring(makeInitialRing(members, plan, SeededRandom.from(5)), 3);
}

Deno.test("placement: the first N healthy nodes, each stand-in for a primary of its own", () => {
  fc.assert(fc.property(fc.subarray(IDS), fc.nat(31), fc.boolean(), (down, range, sloppy) => {
    const over = ring();
    const primaries = over.primaries(range);
    const self = primaries.find((id) => !down.includes(id)) ?? primaries[0] as string;
    const isUp = (id: string) => id === self || !down.includes(id);
    const placement = new Placement(over, range, sloppy, self);
    const places = placement.first(isUp);
    assert.equal(new Set(places.map((place) => place.node)).size, 3);
    if (!sloppy) {
      assert.deepEqual(places.map((place) => place.node).toSorted(), primaries.toSorted());
      return;
    }
    const healthy = over.preferenceList(range).filter(isUp);
    for (const id of healthy.slice(0, 3)) {
      assert.ok(places.some((place) => place.node === id), `${id} of ${healthy}, down ${down}`);
    }
    const stoodFor = places.flatMap((place) => place.standsInFor ?? []);
    assert.equal(new Set(stoodFor).size, stoodFor.length);
    assert.ok(places.every((place) => place.primary === (place.standsInFor === null)));
  }));
});

Deno.test("placement: replacements come once each, and not under a strict quorum", () => {
  const over = ring();
  const primaries = over.primaries(0);
  const up = () => true;
  const sloppy = new Placement(over, 0, true, primaries[0] as string);
  sloppy.first(up);
  const taken = IDS.map(() => sloppy.replacementOf(primaries[1] as string, up)?.node);
  assert.equal(taken.filter((node) => node !== undefined).length, 3);
  const strict = new Placement(over, 0, false, primaries[0] as string);
  strict.first(up);
  assert.equal(strict.replacementOf(primaries[1] as string, up), undefined);
});

// Hints -------------------------------------------------------------------------------------------

Deno.test("hints: the index follows the record, and what was delivered leaves it in any case", () => {
  const bare: StoredRecord = { key: "k", siblings: [] };
  const hinted = withHint(withHint(bare, "a", 1), "b", 2);
  assert.deepEqual(hintChange(bare, hinted, []), { add: ["a", "b"], remove: [] });
  assert.deepEqual(hintChange(hinted, withoutHint(hinted, "a"), ["a"]), {
    add: [],
    remove: ["a"],
  });
  assert.deepEqual(hintChange(bare, bare, ["c"]), { add: [], remove: ["c"] });
  assert.equal(hintChange(hinted, withHint(hinted, "a", 9), []), null);
  assert.equal("hintFor" in withoutHint(withHint(bare, "a", 1), "a"), false);
});

Deno.test("hints: the bound counts what is on its way, and an empty look settles the count", () => {
  const book = new HintBook([["a", 1]], 2);
  book.expect({ add: ["b"] });
  assert.ok(!book.hasRoom());
  book.settleChange({ add: ["b"] }, true);
  assert.deepEqual(book.targets(), ["a", "b"]);
  book.settleChange({ remove: ["a"] }, true);
  assert.ok(book.hasRoom());
  book.settle("b");
  assert.deepEqual([book.total, book.targets()], [0, []]);
});

// Merkle trees ------------------------------------------------------------------------------------

function siblings(actor: string, counter: number): Siblings {
  return [{ value: "", contentType: "", dot: [actor, counter], clock: [], stampUs: 1 }];
}

/** Leaves that differ, found the way an exchange finds them. */
function differing(a: MerkleTree, b: MerkleTree): number[] {
  let frontier = a.root() === b.root() ? [] : [0];
  for (let level = 0; level < DEPTH; level++) {
    frontier = frontier.flatMap((index) => {
      const own = a.children(level, index);
      return b.children(level, index)
        .flatMap((hash, child) => hash === own[child] ? [] : [index * FAN_OUT + child]);
    });
  }
  return frontier;
}

Deno.test("merkle: descending finds exactly the leaves of the keys that differ", () => {
  const range = ring().range(0);
  const whole = { index: 0, start: range.start, end: range.start };
  const keys = fc.uniqueArray(fc.integer({ min: 0, max: 5_000 }), { maxLength: 60 });
  fc.assert(fc.property(keys, keys, (common, changed) => {
    const [a, b] = [new MerkleTree(whole), new MerkleTree(whole)];
    for (const n of common) {
      for (const tree of [a, b]) {
        tree.toggle(positionOf(`c${n}`), recordDigest(`c${n}`, siblings("x", 1)));
      }
    }
    for (const n of changed) a.toggle(positionOf(`d${n}`), recordDigest(`d${n}`, siblings("x", 1)));
    const expected = new Set(changed.map((n) => a.leafOf(positionOf(`d${n}`))));
    assert.deepEqual(differing(a, b).toSorted(), [...expected].toSorted());
    for (const n of changed) a.toggle(positionOf(`d${n}`), recordDigest(`d${n}`, siblings("x", 1)));
    assert.equal(a.root(), b.root(), "taken out again, nothing is left behind");
  }));
});

Deno.test("merkle: a digest covers key, dots and clocks, and leaves values to the dots", () => {
  const one = recordDigest("k", siblings("a", 1));
  assert.notDeepEqual(recordDigest("j", siblings("a", 1)), one);
  assert.notDeepEqual(recordDigest("k", siblings("a", 2)), one);
  assert.deepEqual(recordDigest("k", siblings("a", 1).map((v) => ({ ...v, value: "x" }))), one);
  assert.deepEqual(recordDigest("k", []), { high: 0, low: 0 });
});

Deno.test("merkle: the range of some leaves holds every position of theirs", () => {
  const tree = new MerkleTree(ring().range(3));
  const { start, end } = tree.range;
  for (let i = 0; i < 2_000; i++) {
    const position = positionOf(`key-${i}`);
    if (position < start || position >= end) continue;
    const leaf = tree.leafOf(position);
    const { from, to } = tree.rangeOf(leaf, leaf);
    assert.ok(position >= from && position < to);
    assert.ok(leaf >= 0 && leaf < LEAVES);
  }
  assert.equal(FAN_OUT ** DEPTH, LEAVES);
});

Deno.test("merkle: leaves are scanned in runs, near ones together", () => {
  assert.deepEqual(TreeKeeper.runsOf([900, 3, 5, 901]), [[3, 5], [900, 901]]);
  assert.deepEqual(TreeKeeper.runsOf([]), []);
});

// Disk --------------------------------------------------------------------------------------------

Deno.test("disk: background work waits while more than 1% of a minute's accesses are slow", () => {
  const disk = new DiskLatency(50_000);
  let id = 0;
  const access = (at: number, tookUs: number) => {
    id += 8;
    disk.onStart(id, at);
    disk.onEnd(id, at + tookUs);
  };
  for (let i = 0; i < 200; i++) access(i * 1_000, 100);
  assert.ok(!disk.isBusy(SECOND));
  for (let i = 0; i < 3; i++) access(SECOND, 60_000);
  assert.ok(disk.isBusy(2 * SECOND));
  assert.ok(!disk.isBusy(5 * SECOND), "nobody uses it any more");
  access(5 * SECOND, 100);
  assert.ok(disk.isBusy(5 * SECOND), "it is used again, and has been slow");
  access(70 * SECOND, 100);
  assert.ok(!disk.isBusy(70 * SECOND), "a minute later it is forgotten");
});
