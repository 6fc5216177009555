import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { KnownForwards, rankCoordinators } from "./forward.ts";

Deno.test("known forwards: forgotten request ids are refused, also those of an older incarnation", () => {
  const known = new KnownForwards();
  assert.equal(known.admit("n1/2/5", 1).kind, "new");
  assert.equal(known.admit("n1/2/3", 2).kind, "new");
  assert.equal(known.admit("n1/2/5", 3).kind, "waiting");
  known.forget("n1/2/5");
  assert.equal(known.admit("n1/2/5", 4).kind, "too-old");
  assert.equal(known.admit("n1/2/4", 5).kind, "too-old", "it could be a duplicate");
  assert.equal(known.admit("n1/2/3", 6).kind, "waiting", "a remembered id is not refused");
  assert.equal(known.admit("n1/1/9", 7).kind, "too-old");
  assert.equal(known.admit("n1/3/1", 8).kind, "new");
  assert.equal(known.admit("n2/1/1", 9).kind, "new", "each sender has its own lowest accepted id");
  for (const garbled of ["garbled", "n3/1/0", "n3/1/-1", "n3/1/x", "n3/x/1", "/1/1", "a/b/1/1"]) {
    assert.equal(known.admit(garbled, 10).kind, "too-old", garbled);
  }
  known.forget("n1/3/1");
  known.forget("n1/2/3");
  assert.equal(known.size, 1);
  assert.equal(known.admit("n1/2/3", 11).kind, "too-old");
  assert.equal(known.admit("n1/3/2", 12).kind, "new");
});

Deno.test("coordinator choice: each strategy ranks every primary once", () => {
  const primaries = ["a", "b", "c"];
  const loads = new Map([["a", 5], ["b", 0], ["c", 2]]);
  const peers = {
    load: (node: string) => loads.get(node) ?? 0,
    lastReadUs: (node: string) => ({ a: 300, b: 200, c: 100 })[node],
  };
  const random = SeededRandom.from(3);
  for (const choice of ["first", "random", "fastest", "least-loaded"] as const) {
    const ranked = rankCoordinators(primaries, choice, undefined, peers, random);
    assert.deepEqual(ranked.toSorted(), primaries);
  }
  assert.equal(rankCoordinators(primaries, "fastest", "b", peers, random)[0], "b");
  assert.equal(rankCoordinators(primaries, "fastest", "gone", peers, random)[0], "c");
  const heads = Array.from(
    { length: 300 },
    () => rankCoordinators(primaries, "least-loaded", undefined, peers, random)[0],
  );
  const times = (node: string) => heads.filter((head) => head === node).length;
  // Two of three are drawn, with repetition: the least loaded leads unless neither draw is it
  // (4/9),
  // the most loaded only if both are (1/9).
  assert.ok(times("b") > times("c") && times("c") > times("a"), `${heads}`);
});
