import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "./seeded.ts";

const draws = (random: SeededRandom, count = 8) =>
  Array.from({ length: count }, () => random.uint32());

Deno.test("a seed gives the same sequence as a number and as text", () => {
  assert.deepEqual(draws(SeededRandom.from(42)), draws(SeededRandom.from("42")));
  assert.notDeepEqual(draws(SeededRandom.from(42)), draws(SeededRandom.from(43)));
});

Deno.test("the sequence of a seed is a contract: shared links replay it", () => {
  assert.deepEqual(draws(SeededRandom.from(42), 3), [3851837853, 3122591780, 1348550550]);
});

Deno.test("a child does not depend on what its parent or siblings have drawn", () => {
  fc.assert(fc.property(fc.string(), fc.string(), fc.nat(20), (seed, name, count) => {
    const parent = SeededRandom.from(seed);
    const before = draws(parent.child(name));
    draws(parent, count);
    draws(parent.child(`${name}'`), count);
    assert.deepEqual(draws(parent.child(name)), before);
  }));
});

Deno.test("paths that join to the same text are different children", () => {
  const root = SeededRandom.from(1);
  assert.notDeepEqual(draws(root.child("a/b")), draws(root.child("a").child("b")));
});

Deno.test("a clone draws the same numbers, independently", () => {
  const random = SeededRandom.from("clone");
  draws(random);
  const clone = random.clone();
  assert.deepEqual(draws(clone), draws(random));
  assert.deepEqual(draws(clone.child("x")), draws(random.child("x")));
  draws(clone);
  assert.notDeepEqual(draws(clone), draws(random));
});

Deno.test("floats are uniform in [0, 1)", () => {
  const random = SeededRandom.from("floats");
  const counts = new Array<number>(10).fill(0);
  const total = 50_000;
  for (let i = 0; i < total; i++) {
    const drawn = random.float();
    assert.ok(drawn >= 0 && drawn < 1);
    counts[Math.floor(drawn * 10)]! += 1;
  }
  const chiSquare = counts.reduce(
    (sum, count) => sum + (count - total / 10) ** 2 / (total / 10),
    0,
  );
  assert.ok(chiSquare < 27.9, `chi square ${chiSquare} of 9 degrees: beyond 1 in 1,000`);
});

Deno.test("NaN is not a seed", () => {
  assert.throws(() => SeededRandom.from(NaN), /must be a finite number or text: it is NaN/);
});
