import assert from "node:assert/strict";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import { type Partitioning, PARTITIONINGS } from "../../lib/dynamo/ring/ring_state.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import {
  ARCS_MAX,
  arcsOf,
  bandPath,
  nodeTurns,
  placeOf,
  pointAt,
  ringOf,
  sharesOf,
  turnOf,
} from "./ring_geometry.ts";

function ring(partitioning: Partitioning, nodes = 5, partitions = 16, tokensPerNode = 4) {
  const members = Array.from({ length: nodes }, (_, i) => ({ id: `n${i + 1}`, weight: 1 }));
  const plan = { partitioning, partitions, tokensPerNode, n: 3 };
  return ringOf(makeInitialRing(members, plan, SeededRandom.from(1)), 3);
}

Deno.test("positions are turns: the middle of the hash space is half a turn", () => {
  assert.equal(turnOf("0".repeat(32)), 0);
  assert.equal(turnOf("8".padEnd(32, "0")), 0.5);
  assert.ok(turnOf("f".repeat(32)) <= 1);
});

for (const partitioning of PARTITIONINGS) {
  Deno.test(`arcs cover the circle once, and shares add up: ${partitioning}`, () => {
    const made = ring(partitioning);
    const arcs = arcsOf(made);
    const covered = arcs.reduce((sum, arc) => sum + arc.toTurn - arc.fromTurn, 0);
    assert.ok(Math.abs(covered - 1) < 1e-9);
    for (const arc of arcs) assert.equal(arc.owner, made.primaries(arc.index)[0]);
    const shares = [...sharesOf(made).values()];
    assert.ok(Math.abs(shares.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
    assert.equal(shares.reduce((sum, { ranges }) => sum + ranges, 0), made.rangeCount);
  });

  Deno.test(`a key's position and preference list agree with the ring: ${partitioning}`, () => {
    const made = ring(partitioning);
    for (const key of ["greeting", "cart:alice", "ключ", ""]) {
      const place = placeOf(made, key);
      assert.equal(place.partition, made.rangeOfKey(key));
      const expected = made.preferenceList(place.partition);
      assert.deepEqual(place.preferenceList.map((entry) => entry.id), expected);
      const primaries = place.preferenceList.filter((entry) => entry.primary);
      assert.deepEqual(primaries.map((entry) => entry.id), made.primariesOfKey(key));
      for (const entry of place.preferenceList) assert.ok(entry.turn >= 0 && entry.turn < 1);
    }
  });
}

Deno.test("the primaries follow clockwise from the key", () => {
  const made = ring("equal-partitions");
  const place = placeOf(made, "greeting");
  const distances = place.preferenceList
    .filter((entry) => entry.primary)
    .map((entry) => (entry.turn - place.partition / 16 + 1) % 1);
  assert.deepEqual(distances, distances.toSorted((a, b) => a - b));
});

Deno.test("a ring with very many partitions is drawn with a bounded number of arcs", () => {
  const arcs = arcsOf(ring("equal-partitions", 5, 4_096));
  assert.equal(arcs.length, ARCS_MAX);
  assert.deepEqual(new Set(arcs.map((arc) => arc.owner)).size, 5);
});

Deno.test("points go clockwise from the top, and a band of a full turn can be drawn", () => {
  assert.deepEqual(pointAt(0, 10, 100), { x: 100, y: 90 });
  assert.deepEqual(pointAt(0.25, 10, 100), { x: 110, y: 100 });
  assert.deepEqual([...nodeTurns(["a", "b"]).values()], [0, 0.5]);
  assert.doesNotMatch(bandPath({ fromTurn: 0, toTurn: 1 }, 50, 60, 100), /NaN/);
  assert.match(bandPath({ fromTurn: 0, toTurn: 0.7 }, 50, 60, 100), /A60 60 0 1 1/);
});
