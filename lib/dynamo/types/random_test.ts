import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { below, shuffled } from "./random.ts";

Deno.test("randomness: `below` reaches every value in its range, and shuffles are permutations", () => {
  const random = SeededRandom.from(1);
  const seen = new Set(Array.from({ length: 500 }, () => below(random, 7)));
  assert.deepEqual([...seen].toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(shuffled(random, [1, 2, 3, 4]).toSorted(), [1, 2, 3, 4]);
});
