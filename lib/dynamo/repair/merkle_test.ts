import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../random/seeded.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { positionOf } from "../ring/position.ts";
import { Ring } from "../ring/ring.ts";
import type { Siblings } from "../versions/versions.ts";
import { DEPTH, FAN_OUT, LEAVES, MerkleTree, recordDigest } from "./merkle.ts";
import { TreeKeeper } from "./tree_keeper.ts";

const PLAN = { partitioning: "equal-partitions", partitions: 32, tokensPerNode: 8, n: 3 } as const;
const MEMBERS = [{ id: "n1", weight: 1 }, { id: "n2", weight: 1 }];
const RING = new Ring(makeInitialRing(MEMBERS, PLAN, SeededRandom.from(5)), 3);

function siblings(actor: string, counter: number): Siblings {
  return [{ value: "", contentType: "", dot: [actor, counter], clock: [], stampUs: 1 }];
}

/** The leaves that differ, found as in an exchange. */
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

Deno.test("merkle: an exchange finds exactly the leaves of the keys that differ", () => {
  const range = RING.range(0);
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
    assert.equal(a.root(), b.root(), "after the records are removed again, the roots are equal");
  }));
});

Deno.test("merkle: a digest covers key, dots and clocks, but not values, which the dots identify", () => {
  const one = recordDigest("k", siblings("a", 1));
  assert.notDeepEqual(recordDigest("j", siblings("a", 1)), one);
  assert.notDeepEqual(recordDigest("k", siblings("a", 2)), one);
  assert.deepEqual(recordDigest("k", siblings("a", 1).map((v) => ({ ...v, value: "x" }))), one);
  assert.deepEqual(recordDigest("k", []), { high: 0, low: 0 });
});

Deno.test("merkle: the range of a run of leaves contains all their positions", () => {
  const tree = new MerkleTree(RING.range(3));
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

Deno.test("merkle: leaves are scanned in runs of neighbouring leaves", () => {
  assert.deepEqual(TreeKeeper.runsOf([900, 3, 5, 901]), [[3, 5], [900, 901]]);
  assert.deepEqual(TreeKeeper.runsOf([]), []);
});
