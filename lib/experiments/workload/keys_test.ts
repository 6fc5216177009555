import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../random/seeded.ts";
import {
  among,
  hotSet,
  inOrder,
  KEY_PATTERNS,
  keyChooser,
  type KeyPattern,
  latest,
  uniform,
  zipfian,
} from "./keys.ts";

const patterns = fc.constantFrom(...KEY_PATTERNS);

function counts(chooser: ReturnType<typeof uniform>, draws: number): Map<string, number> {
  const random = SeededRandom.from("keys");
  const found = new Map<string, number>();
  for (let i = 0; i < draws; i++) {
    const key = chooser.next(random);
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return found;
}

Deno.test("every chosen key exists, even after inserts", () => {
  fc.assert(
    fc.property(patterns, fc.integer({ min: 1, max: 300 }), fc.nat(30), (pattern, count, more) => {
      const chooser = keyChooser(pattern, count);
      const inserted = Array.from({ length: more }, () => chooser.insert());
      const random = SeededRandom.from(count);
      const all = inOrder();
      const names = new Set(Array.from({ length: count + more }, () => all.next(random)));
      assert.equal(chooser.count, names.size);
      for (const key of inserted) assert.ok(names.has(key));
      for (let i = 0; i < 50; i++) assert.ok(names.has(chooser.next(random)));
    }),
  );
});

Deno.test("in order: workers share the numbers without gaps", () => {
  const random = SeededRandom.from(1);
  const workers = [0, 1].map((first) => inOrder({ prefix: "p-", first, stride: 2 }));
  const keys = workers.flatMap((source) => [source.next(random), source.next(random)]);
  assert.deepEqual(keys, ["p-0", "p-2", "p-1", "p-3"]);
});

Deno.test("among: the given keys are equally likely, and there are no others", () => {
  const random = SeededRandom.from(1);
  const source = among(["a", "b"]);
  const drawn = Array.from({ length: 1_000 }, () => source.next(random));
  assert.deepEqual(new Set(drawn), new Set(["a", "b"]));
  assert.ok(Math.abs(drawn.filter((key) => key === "a").length - 500) < 60);
});

Deno.test("uniform: all keys are equally likely", () => {
  const found = counts(uniform(10), 20_000);
  for (const count of found.values()) assert.ok(Math.abs(count - 2_000) < 200, `${count}`);
});

Deno.test("zipfian: the share of rank k is k^-0.99, and every key has a rank", () => {
  const draws = 200_000;
  const count = 100;
  const shares = [...counts(zipfian(count), draws).values()].sort((a, b) => b - a);
  assert.equal(shares.length, count);
  let zeta = 0;
  for (let k = 1; k <= count; k++) zeta += k ** -0.99;
  for (const [rank, tolerance] of [[1, 0.03], [2, 0.05], [10, 0.15]] as const) {
    const expected = draws * rank ** -0.99 / zeta;
    const measured = shares[rank - 1] as number;
    assert.ok(Math.abs(measured - expected) < tolerance * expected, `${rank}: ${measured}`);
  }
});

Deno.test("zipfian: the popular keys are not neighbours", () => {
  const found = [...counts(zipfian(10_000), 50_000)].sort((a, b) => b[1] - a[1]);
  const top = found.slice(0, 10).map(([key]) => Number(key.slice(4)));
  const spread = Math.max(...top) - Math.min(...top);
  assert.ok(spread > 5_000, `the ten most popular lie within ${spread} of 10,000`);
  assert.equal(new Set(top).size, 10);
});

Deno.test("latest: the newest key is the most popular, also after inserts", () => {
  const chooser = latest(50);
  for (let i = 0; i < 25; i++) chooser.insert();
  const found = [...counts(chooser, 20_000)].sort((a, b) => b[1] - a[1]);
  assert.deepEqual(found.slice(0, 3).map(([key]) => key), ["key-74", "key-73", "key-72"]);
});

Deno.test("hot set: the hot keys get their share", () => {
  const found = counts(hotSet(1_000, { hotKeys: 5, hotShare: 0.8, prefix: "k" }), 20_000);
  let hot = 0;
  for (let i = 0; i < 5; i++) hot += found.get(`k${i}`) ?? 0;
  assert.ok(Math.abs(hot - 16_000) < 400, `${hot}`);
});

Deno.test("options out of range are rejected with what is allowed", () => {
  assert.throws(() => uniform(0), /count of keys must be a whole number from 1 to .*: it is 0/);
  assert.throws(() => zipfian(10, { theta: 1 }), /theta must be above 0 and below 1: it is 1/);
  assert.throws(() => hotSet(10, { hotKeys: 11 }), /hotKeys must be .* from 1 to 10: it is 11/);
  assert.throws(() => hotSet(10, { hotShare: 2 }), /hotShare must be from 0 to 1: it is 2/);
  assert.throws(
    () => keyChooser("random" as KeyPattern, 10),
    /keys must be one of uniform, zipfian, latest, hot-set: it is 'random'/,
  );
});
