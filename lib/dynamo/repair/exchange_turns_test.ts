/**
 * The order of exchanges: each co-owner once a round, and first the peers that were believed down.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { NodeContext } from "../node_context.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { clusterConfig } from "../types/config.ts";
import { ExchangeTurns } from "./exchange_turns.ts";

const PEERS = ["n2", "n3", "n4", "n5"];

function nodeOf(): NodeContext {
  const config = clusterConfig({ n: 3 });
  const members = ["n1", ...PEERS].map((id) => ({
    id,
    url: `http://${id}`,
    weight: 1,
    dataId: "d1",
  }));
  const ring = makeInitialRing(members, config, SeededRandom.from(7));
  const boot = { self: "n1", dataId: "d1", incarnation: 1 };
  const node = new NodeContext({ config, members, ring }, SeededRandom.from(7), boot, undefined);
  for (const peer of PEERS) node.detector.watch(peer, 1_000_000, 0);
  node.out.open(0, []);
  return node;
}

function take(turns: ExchangeTurns, count: number): string[] {
  return Array.from({ length: count }, () => {
    const peer = turns.next() ?? "none";
    turns.onBegun(peer);
    return peer;
  });
}

Deno.test("exchanges: each round has every co-owner once", () => {
  const order = take(new ExchangeTurns(nodeOf()), 2 * PEERS.length);
  assert.deepEqual(order.slice(0, PEERS.length).toSorted(), PEERS);
  assert.deepEqual(order.slice(PEERS.length), order.slice(0, PEERS.length));
});

Deno.test("exchanges: peers that were believed down and are back come first, once", () => {
  const node = nodeOf();
  const turns = new ExchangeTurns(node);
  const [next = ""] = take(new ExchangeTurns(nodeOf()), 1);
  const [one = "", other = ""] = PEERS.filter((peer) => peer !== next);
  for (const peer of [other, one]) node.onFailure(peer, true);
  assert.equal(turns.returned(), undefined, "they are still down");
  for (const peer of [other, one]) node.onContact(peer);
  assert.deepEqual(take(turns, 3), [one, other, next]);
  assert.equal(turns.returned(), undefined);
});
