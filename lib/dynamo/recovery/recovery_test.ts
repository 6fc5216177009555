/** Which ranges a disk may speak for, and what it waits for. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { Ring } from "../ring/ring.ts";
import { Recovery } from "./recovery.ts";

const IDS = ["n1", "n2", "n3", "n4", "n5"];
const BOOT = { self: "n1", dataId: "d1", incarnation: 1 };
const nobody = () => false;

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

function ownRanges(over: Ring): number[] {
  return Array.from({ length: over.rangeCount }, (_, range) => range)
    .filter((range) => over.primaries(range).includes("n1"));
}

function replaced(over: Ring): Recovery {
  const recovery = new Recovery("n1", BOOT);
  recovery.begin("replaced", over, nobody);
  recovery.isInformed = true;
  return recovery;
}

/** The ring with one range's owners changed. */
function withOwners(over: Ring, range: number, owners: readonly string[]): Ring {
  const segments = Array.from({ length: over.rangeCount }, (_, each) => ({
    start: over.range(each).start,
    owners: each === range ? owners : over.primaries(each),
    epoch: each === range ? 2 : 1,
  }));
  return new Ring({ ...over.state, segments }, 3);
}

Deno.test("recovery: a range counts once it was merged from every other owner, and not before", () => {
  const over = ring();
  const recovery = replaced(over);
  for (const range of ownRanges(over)) {
    const { start } = over.range(range);
    const others = over.primaries(range).filter((id) => id !== "n1");
    for (const owner of others) {
      assert.equal(recovery.isComplete(start), false);
      recovery.onMerged(start, owner);
    }
    assert.equal(recovery.isComplete(start), true);
  }
  assert.deepEqual([recovery.isOver, recovery.waitingFor()], [true, []]);
});

Deno.test("recovery: nothing counts before a peer has told of the membership", () => {
  const over = ring();
  const recovery = replaced(over);
  recovery.isInformed = false;
  for (const [start, owners] of recovery.entries()) {
    for (const owner of owners) recovery.onMerged(start, owner);
    assert.equal(recovery.isComplete(start), false);
  }
  assert.equal(recovery.isOver, false);
});

Deno.test("recovery: a restart counts for nothing until peers have confirmed it; a first start does", () => {
  const [start = ""] = ownRanges(ring()).map((range) => ring().range(range).start);
  const previous = { incarnation: 1, bootNumber: 4 };
  const again = new Recovery("n1", { ...BOOT, condition: "whole", previous });
  assert.deepEqual([again.isOver, again.isComplete(start)], [false, false]);
  again.isConfirmed = true;
  assert.deepEqual([again.isOver, again.isComplete(start)], [true, true]);
  assert.ok(new Recovery("n1", BOOT).isComplete(start));
  assert.ok(new Recovery("n1", { ...BOOT, previous }).isComplete(start), "it was no member before");
});

Deno.test("recovery: whoever could not give it all comes after the others", () => {
  const over = ring();
  const recovery = replaced(over);
  const [first, second] = recovery.entries();
  const [start = "", [one = "", other = ""] = []] = first ?? [];
  recovery.onFailed(start, one);
  assert.equal(recovery.entries()[0]?.[0], second?.[0]);
  assert.deepEqual(recovery.entries().at(-1), [start, [other, one]]);
});

Deno.test("recovery: of a removed owner nothing is waited for", () => {
  const over = ring();
  const recovery = new Recovery("n1", BOOT);
  recovery.begin("replaced", over, (id) => id === "n2");
  assert.ok(!recovery.waitingFor().includes("n2"));
  recovery.onRing(over, over, nobody, (id) => id === "n3");
  assert.deepEqual(recovery.waitingFor(), ["n4", "n5"]);
});

Deno.test("recovery: where an owner has changed the range is merged anew, from all there are now", () => {
  const over = ring();
  const recovery = replaced(over);
  const [range = 0] = ownRanges(over);
  const { start } = over.range(range);
  const [one = "", other = ""] = over.primaries(range).filter((id) => id !== "n1");
  const successor = IDS.find((id) => !over.primaries(range).includes(id)) as string;
  recovery.onMerged(start, one);
  const after = withOwners(over, range, ["n1", one, successor]);
  recovery.onRing(over, after, nobody, nobody);
  const waiting = new Map(recovery.entries()).get(start);
  assert.deepEqual(
    waiting,
    [one, successor].toSorted(),
    `${one} may have learnt from ${other} since`,
  );
});

Deno.test("recovery: a range that comes with its data counts, one that comes in another way does not", () => {
  const over = ring();
  const foreign = Array.from({ length: over.rangeCount }, (_, range) => range)
    .find((range) => !over.primaries(range).includes("n1")) as number;
  const { start } = over.range(foreign);
  const after = withOwners(over, foreign, ["n1", ...over.primaries(foreign).slice(1)]);
  for (const isFilled of [true, false]) {
    const recovery = new Recovery("n1", BOOT);
    recovery.onRing(over, after, (range) => isFilled && range === foreign, nobody);
    assert.equal(recovery.isComplete(start), isFilled);
    assert.equal(recovery.isOver, isFilled);
  }
});
