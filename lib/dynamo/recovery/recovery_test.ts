/** For which ranges a recovering disk is complete, and which peers it waits for. */
import assert from "node:assert/strict";
import { dealtRing } from "../../../tests/dealt_ring.ts";
import { Ring } from "../ring/ring.ts";
import { Recovery } from "./recovery.ts";

const IDS = ["n1", "n2", "n3", "n4", "n5"];
const BOOT = { self: "n1", dataId: "d1", incarnation: 1 };
const none = () => false;

function ownRanges(over: Ring): number[] {
  return Array.from({ length: over.rangeCount }, (_, range) => range)
    .filter((range) => over.primaries(range).includes("n1"));
}

function replaced(over: Ring): Recovery {
  const recovery = new Recovery("n1", BOOT);
  recovery.begin("replaced", over, none);
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

Deno.test("recovery: a range is complete only after it was merged from every other owner", () => {
  const over = dealtRing(IDS);
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

Deno.test("recovery: no range is complete before a peer has sent the membership", () => {
  const over = dealtRing(IDS);
  const recovery = replaced(over);
  recovery.isInformed = false;
  for (const [start, owners] of recovery.entries()) {
    for (const owner of owners) recovery.onMerged(start, owner);
    assert.equal(recovery.isComplete(start), false);
  }
  assert.equal(recovery.isOver, false);
});

Deno.test("recovery: no range is complete after a restart until a peer confirms it; a first start needs none", () => {
  const [start = ""] = ownRanges(dealtRing(IDS)).map((range) => dealtRing(IDS).range(range).start);
  const previous = { incarnation: 1, bootNumber: 4 };
  const again = new Recovery("n1", { ...BOOT, condition: "whole", previous });
  assert.deepEqual([again.isOver, again.isComplete(start)], [false, false]);
  again.isConfirmed = true;
  assert.deepEqual([again.isOver, again.isComplete(start)], [true, true]);
  assert.ok(new Recovery("n1", BOOT).isComplete(start));
  assert.ok(
    new Recovery("n1", { ...BOOT, previous }).isComplete(start),
    "it was not a member before",
  );
});

Deno.test("recovery: a range whose merge failed comes after the others, and the failed owner last", () => {
  const over = dealtRing(IDS);
  const recovery = replaced(over);
  const [first, second] = recovery.entries();
  const [start = "", [one = "", other = ""] = []] = first ?? [];
  recovery.onFailed(start, one);
  assert.equal(recovery.entries()[0]?.[0], second?.[0]);
  assert.deepEqual(recovery.entries().at(-1), [start, [other, one]]);
});

Deno.test("recovery: it does not wait for removed owners", () => {
  const over = dealtRing(IDS);
  const recovery = new Recovery("n1", BOOT);
  recovery.begin("replaced", over, (id) => id === "n2");
  assert.ok(!recovery.waitingFor().includes("n2"));
  recovery.onRing(over, over, none, (id) => id === "n3");
  assert.deepEqual(recovery.waitingFor(), ["n4", "n5"]);
});

Deno.test("recovery: a range with a new owner is merged again from all current owners", () => {
  const over = dealtRing(IDS);
  const recovery = replaced(over);
  const [range = 0] = ownRanges(over);
  const { start } = over.range(range);
  const [one = "", other = ""] = over.primaries(range).filter((id) => id !== "n1");
  const successor = IDS.find((id) => !over.primaries(range).includes(id)) as string;
  recovery.onMerged(start, one);
  const after = withOwners(over, range, ["n1", one, successor]);
  recovery.onRing(over, after, none, none);
  const waiting = new Map(recovery.entries()).get(start);
  assert.deepEqual(
    waiting,
    [one, successor].toSorted(),
    `${one} may have received data from ${other} since`,
  );
});

Deno.test("recovery: a newly owned range is complete only if it was transferred with its data", () => {
  const over = dealtRing(IDS);
  const foreign = Array.from({ length: over.rangeCount }, (_, range) => range)
    .find((range) => !over.primaries(range).includes("n1")) as number;
  const { start } = over.range(foreign);
  const after = withOwners(over, foreign, ["n1", ...over.primaries(foreign).slice(1)]);
  for (const isFilled of [true, false]) {
    const recovery = new Recovery("n1", BOOT);
    recovery.onRing(over, after, (range) => isFilled && range === foreign, none);
    assert.equal(recovery.isComplete(start), isFilled);
    assert.equal(recovery.isOver, isFilled);
  }
});
