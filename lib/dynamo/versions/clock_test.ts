import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Clock,
  compareClocks,
  counterOf,
  covers,
  isCoveredBy,
  mergeClocks,
  truncateClock,
  withEntry,
} from "./clock.ts";

const actors = ["a", "b", "c", "d"];
const clocks: fc.Arbitrary<Clock> = fc
  .dictionary(fc.constantFrom(...actors), fc.integer({ min: 1, max: 5 }))
  .map((entries) => Object.entries(entries).sort().map(([actor, n]) => [actor, n] as const));

Deno.test("clocks: merge is commutative, associative and idempotent", () => {
  fc.assert(fc.property(clocks, clocks, clocks, (a, b, c) => {
    assert.deepEqual(mergeClocks(a, b), mergeClocks(b, a));
    assert.deepEqual(mergeClocks(mergeClocks(a, b), c), mergeClocks(a, mergeClocks(b, c)));
    assert.deepEqual(mergeClocks(a, a), a);
  }));
});

Deno.test("clocks: the merge is the smallest clock that covers both", () => {
  fc.assert(fc.property(clocks, clocks, (a, b) => {
    const merged = mergeClocks(a, b);
    assert.ok(isCoveredBy(a, merged) && isCoveredBy(b, merged));
    for (const actor of actors) {
      assert.equal(counterOf(merged, actor), Math.max(counterOf(a, actor), counterOf(b, actor)));
    }
    assert.deepEqual(merged.map((entry) => entry[0]), merged.map((entry) => entry[0]).toSorted());
  }));
});

Deno.test("clocks: comparison agrees with covering in both directions", () => {
  fc.assert(fc.property(clocks, clocks, (a, b) => {
    const mirrored = { equal: "equal", before: "after", after: "before", concurrent: "concurrent" };
    assert.equal(compareClocks(b, a), mirrored[compareClocks(a, b)]);
    assert.equal(compareClocks(a, b) === "equal", JSON.stringify(a) === JSON.stringify(b));
  }));
});

Deno.test("clocks: versions are ordered as in figure 3 of the paper", () => {
  const d2: Clock = [["Sx", 2]];
  const d3 = withEntry(d2, ["Sy", 1]);
  const d4 = withEntry(d2, ["Sz", 1]);
  const d5 = withEntry(mergeClocks(d3, d4), ["Sx", 3]);
  assert.equal(compareClocks(d2, d3), "before");
  assert.equal(compareClocks(d3, d4), "concurrent");
  assert.equal(compareClocks(d5, d3), "after");
  assert.equal(compareClocks(d5, d4), "after");
  assert.ok(covers(d5, ["Sx", 3]) && !covers(d4, ["Sy", 1]));
});

Deno.test("clocks: truncation drops only the entries that advanced longest ago", () => {
  const clock: Clock = [["a", 1, 30], ["b", 1, 10], ["c", 1, 20]];
  assert.deepEqual(truncateClock(clock, 2), [["a", 1, 30], ["c", 1, 20]]);
  assert.equal(truncateClock(clock, 3), clock);
});
