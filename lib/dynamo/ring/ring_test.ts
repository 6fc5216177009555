import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../random/seeded.ts";
import { fairShares, joinRing, makeInitialRing } from "./initial_ring.ts";
import { positionOf, shareBetween } from "./position.ts";
import { Ring } from "./ring.ts";
import { type Partitioning, PARTITIONINGS, type RingMember } from "./ring_state.ts";

const plans = fc.record({
  partitioning: fc.constantFrom(...PARTITIONINGS),
  partitions: fc.integer({ min: 8, max: 64 }),
  tokensPerNode: fc.integer({ min: 1, max: 8 }),
  n: fc.integer({ min: 1, max: 4 }),
});
const clusters = fc.record({
  plan: plans,
  nodes: fc.integer({ min: 1, max: 8 }),
  zones: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(1_000_000),
});

function membersOf(nodes: number, zones = 1): RingMember[] {
  return Array.from({ length: nodes }, (_, i) => ({
    id: `n${i + 1}`,
    weight: 1,
    ...(zones > 1 ? { zone: `z${i % zones}` } : {}),
  }));
}

function found(nodes: number, partitioning: Partitioning, partitions: number, n = 3, zones = 1) {
  const plan = { partitioning, partitions, tokensPerNode: 16, n };
  return new Ring(makeInitialRing(membersOf(nodes, zones), plan, SeededRandom.from(1)), n);
}

Deno.test("ring: positions are the MD5 of the key", () => {
  assert.equal(positionOf("greeting"), "699e0311097c48b46019dcfc07c772a1");
  assert.equal(positionOf("grüße"), "fee40dc24d0ad6a90c608052aa4e9e66");
});

Deno.test("ring: a preference list has every node once, and its first N are the primaries", () => {
  fc.assert(fc.property(clusters, fc.string(), ({ plan, nodes, zones, seed }, key) => {
    const state = makeInitialRing(membersOf(nodes, zones), plan, SeededRandom.from(seed));
    const ring = new Ring(state, plan.n);
    const range = ring.rangeOfKey(key);
    const list = ring.preferenceList(range);
    assert.deepEqual(list.toSorted(), state.members.map((member) => member.id));
    assert.deepEqual(list.slice(0, plan.n), ring.primaries(range));
  }));
});

Deno.test("ring: replicas are in as many zones as possible, up to N", () => {
  fc.assert(fc.property(clusters, fc.string(), ({ plan, nodes, zones, seed }, key) => {
    const state = makeInitialRing(membersOf(nodes, zones), plan, SeededRandom.from(seed));
    const ring = new Ring(state, plan.n);
    const zoneOf = new Map(state.members.map((member) => [member.id, member.zone]));
    const spanned = new Set(ring.primariesOfKey(key).map((id) => zoneOf.get(id)));
    const there = new Set(zoneOf.values());
    assert.equal(spanned.size, Math.min(plan.n, there.size));
  }));
});

Deno.test("ring: ranges cover the circle without overlap, and each key is in its range", () => {
  for (const partitioning of PARTITIONINGS) {
    const ring = found(5, partitioning, 16);
    const shares = Array.from({ length: ring.rangeCount }, (_, i) => ring.shareOf(i));
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share) - 1) < 1e-9);
    for (let i = 0; i < 500; i++) {
      const position = positionOf(`key-${i}`);
      const { start, end } = ring.range(ring.rangeAt(position));
      const whole = shareBetween(start, end);
      assert.ok(
        shareBetween(start, position) < whole || position === start,
        `${partitioning} ${i}`,
      );
    }
  }
});

Deno.test("ring: with random tokens, the first tokens clockwise of a key own it", () => {
  const ring = found(4, "random-tokens", 0, 2);
  const { tokens } = ring.state;
  for (let i = 0; i < 200; i++) {
    const position = positionOf(`key-${i}`);
    const next = tokens.find((token) => token.position > position) ?? tokens[0];
    assert.equal(ring.primariesOfKey(`key-${i}`)[0], next?.owner);
  }
});

Deno.test("ring: with strategy 2, the first tokens at or after the end of a partition own it", () => {
  const ring = found(4, "random-tokens-equal-partitions", 16, 2);
  for (let range = 0; range < 16; range++) {
    const { end } = ring.range(range);
    const { tokens } = ring.state;
    const next = range === 15 ? tokens[0] : tokens.find((t) => t.position >= end) ?? tokens[0];
    assert.equal(ring.primaries(range)[0], next?.owner);
  }
});

Deno.test("ring: equal partitions are distributed fairly, and neighbours have different owners", () => {
  for (const nodes of [4, 5, 7, 8]) {
    const ring = found(nodes, "equal-partitions", 128);
    const held = new Map<string, number>();
    for (const token of ring.state.tokens) held.set(token.owner, (held.get(token.owner) ?? 0) + 1);
    const counts = [...held.values()];
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${nodes} nodes hold ${counts}`);
    // At the end of the circle two neighbours may have the same owner. Walks skip it.
    for (let range = 0; range < 128 - 2 * ring.n; range++) {
      const owners = [0, 1, 2].map((step) => ring.state.tokens[(range + step) % 128]?.owner);
      assert.deepEqual(owners, ring.primaries(range), `partition ${range} of ${nodes} nodes`);
    }
  }
});

Deno.test("ring: shares follow weights", () => {
  const members = [{ id: "a", weight: 1 }, { id: "b", weight: 2 }, { id: "c", weight: 0.5 }];
  assert.deepEqual([...fairShares(members, 70)], [["a", 20], ["b", 40], ["c", 10]]);
  assert.equal([...fairShares(members, 64).values()].reduce((a, b) => a + b), 64);
});

Deno.test("ring: a join changes preference lists only by adding the node, which gets a fair share", () => {
  fc.assert(
    fc.property(clusters, ({ plan, nodes, seed }) => {
      const before = makeInitialRing(membersOf(nodes), plan, SeededRandom.from(seed));
      const receiver = { id: "new", weight: 1 };
      const after = joinRing(before, receiver, plan.tokensPerNode, SeededRandom.from(seed + 1));
      const [old, grown] = [new Ring(before, plan.n), new Ring(after, plan.n)];
      for (let i = 0; i < 100; i++) {
        const was = old.primariesOfKey(`key-${i}`);
        const is = grown.primariesOfKey(`key-${i}`);
        if (!is.includes("new")) assert.deepEqual(is, was);
        if (plan.partitioning === "equal-partitions") continue;
        // The tokens of other nodes stay, so the rest of the list is the old one without its end.
        const others = is.filter((id) => id !== "new");
        assert.deepEqual(others, was.slice(0, others.length));
      }
      const moved = after.tokens.filter((token) => {
        const had = before.tokens.find((other) => other.position === token.position);
        return had !== undefined && had.owner !== token.owner;
      });
      assert.ok(moved.every((token) => token.owner === "new" && token.epoch === 2));
      if (plan.partitioning === "equal-partitions") {
        assert.equal(moved.length, fairShares(after.members, plan.partitions).get("new"));
      }
    }),
  );
});

Deno.test("ring: a member cannot join twice, and a ring needs members", () => {
  const { state } = found(3, "equal-partitions", 8);
  assert.throws(() => joinRing(state, { id: "n1", weight: 1 }, 8, SeededRandom.from(1)), /'n1'/);
  assert.throws(() => found(0, "equal-partitions", 8), /without members/);
});

Deno.test("ring: different rings have different versions", () => {
  assert.equal(found(3, "equal-partitions", 8).version, found(3, "equal-partitions", 8).version);
  assert.notEqual(found(3, "equal-partitions", 8).version, found(4, "equal-partitions", 8).version);
});
