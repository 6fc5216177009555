import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { ConfigError } from "../types/config.ts";
import { fairShares, joinRing, makeInitialRing } from "./initial_ring.ts";
import { Ring } from "./ring.ts";

const members = (weights: number[]) => weights.map((weight, i) => ({ id: `n${i + 1}`, weight }));

Deno.test("every node owns a partition, even with a low weight, so every key has N owners", () => {
  const uneven = members([1, 1, 0.5, 3, 1, 3, 3, 3]);
  const shares = fairShares(uneven, 8);
  assert.deepEqual([...shares.values()], Array(8).fill(1));
  const plan = { partitioning: "equal-partitions", partitions: 8, tokensPerNode: 4, n: 5 } as const;
  const ring = new Ring(makeInitialRing(uneven, plan, SeededRandom.from(31)), 5);
  for (let range = 0; range < ring.rangeCount; range++) {
    assert.equal(new Set(ring.primaries(range)).size, 5);
  }
});

Deno.test("shares add up, and follow the weights if there are enough partitions", () => {
  const shares = fairShares(members([0.01, 1, 3]), 16);
  assert.equal([...shares.values()].reduce((sum, share) => sum + share), 16);
  assert.deepEqual([...shares.values()], [1, 4, 11]);
});

Deno.test("fewer partitions than nodes are refused", () => {
  const plan = { partitioning: "equal-partitions", partitions: 2, tokensPerNode: 4, n: 3 } as const;
  assert.throws(
    () => makeInitialRing(members([1, 1, 1]), plan, SeededRandom.from(1)),
    (error) =>
      error instanceof ConfigError && /partitions must be at least .* 3/.test(error.message),
  );
});

Deno.test("a joining node takes no node's last partition", () => {
  const plan = { partitioning: "equal-partitions", partitions: 8, tokensPerNode: 4, n: 3 } as const;
  let ring = makeInitialRing(members([1, 3, 2, 0.5, 3]), plan, SeededRandom.from(1));
  for (const id of ["x", "y", "z"]) {
    ring = joinRing(ring, { id, weight: 3 }, 4, SeededRandom.from(2));
    const owners = new Set(ring.tokens.map((token) => token.owner));
    assert.equal(owners.size, ring.members.length, `after ${id}`);
  }
});
