import assert from "node:assert/strict";
import { positionOf } from "../ring/position.ts";
import type { Siblings } from "../versions/versions.ts";
import { LeafCheck } from "./leaf_check.ts";
import { LEAVES, MerkleTree, recordDigest } from "./merkle.ts";

const START = "0".repeat(32);
const RANGE = { index: 0, start: START, end: START };
const holds = (counter: number): Siblings => [
  {
    dot: ["n1/d1/1.1", counter],
    clock: [],
    value: "dg==",
    contentType: "text/plain",
    stampUs: counter,
  },
];
const recordOf = (key: string, counter: number) => ({ key, siblings: holds(counter) });

function treeOf(...records: readonly { key: string; siblings: Siblings }[]): MerkleTree {
  const tree = new MerkleTree(RANGE);
  for (const { key, siblings } of records) {
    tree.toggle(positionOf(key), recordDigest(key, siblings));
  }
  return tree;
}

Deno.test("leaf check: a tree that matches the disk does not change", () => {
  const records = ["a", "b", "c"].map((key) => recordOf(key, 1));
  const check = new LeafCheck(0, 0, LEAVES - 1);
  check.onRecords(records, treeOf());
  assert.equal(check.settle(treeOf(...records)), 0);
  assert.deepEqual(check.undecided, []);
  assert.ok(check.isWhole);
});

Deno.test("leaf check: lost and changed records make the tree differ from the peers' trees", () => {
  const [a, b, c] = [recordOf("a", 1), recordOf("b", 1), recordOf("c", 1)];
  const tree = treeOf(a, b, c);
  const check = new LeafCheck(0, 0, LEAVES - 1);
  // a is lost, and b is an older version.
  check.onRecords([recordOf("b", 0), c], tree);
  assert.equal(check.settle(tree), 2);
  assert.equal(tree.root(), treeOf(recordOf("b", 0), c).root());
});

Deno.test("leaf check: leaves outside the range, and leaves that change during the check, are not touched", () => {
  const a = recordOf("a", 1);
  const leaf = treeOf().leafOf(positionOf("a"));
  const elsewhere = treeOf(a);
  const outside = new LeafCheck(0, (leaf + 1) % LEAVES, (leaf + 1) % LEAVES);
  outside.onRecords([], elsewhere);
  outside.onChange(leaf);
  assert.equal(outside.settle(elsewhere), 0);
  assert.deepEqual(outside.undecided, []);

  const written = treeOf(a);
  const check = new LeafCheck(0, leaf, leaf);
  check.onRecords([], written);
  check.onChange(leaf);
  assert.equal(check.settle(written), 0, "the read record is outdated");
  assert.deepEqual(check.undecided, [leaf]);
  assert.equal(check.isWhole, false);
  assert.equal(written.root(), treeOf(a).root());
});
