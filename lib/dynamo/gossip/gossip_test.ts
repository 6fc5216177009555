import assert from "node:assert/strict";
import type { Life } from "../types/life.ts";
import { Gossip, type NodeState } from "./gossip.ts";

const LIFE: Life = { dataId: "d1", incarnation: 1, bootNumber: 0, writes: 0 };

function gossipOf(id: string, life = LIFE): Gossip {
  return new Gossip(id, life, 1_000, false);
}

function stateOf(id: string, heartbeat: number): NodeState {
  return { id, ...LIFE, heartbeat, intervalMs: 1_000 };
}

Deno.test("gossip: after one exchange both sides have the newer state of every node", () => {
  const [a, b] = [gossipOf("a"), gossipOf("b")];
  a.absorb([stateOf("c", 5), stateOf("d", 2)]);
  b.absorb([stateOf("c", 3), stateOf("d", 7)]);
  const { newer, wanted } = b.compare(a.digest());
  assert.deepEqual(wanted, ["a", "c"]);
  assert.deepEqual(a.absorb(newer).map((news) => news.state.id).toSorted(), ["b", "d"]);
  b.absorb(a.statesOf(wanted));
  assert.deepEqual(a.digest(), b.digest());
});

Deno.test("gossip: a restarted node learns of its earlier life, and is accepted with a higher incarnation", () => {
  for (const heartbeat of [1, 900]) {
    const later = gossipOf("a", { ...LIFE, bootNumber: 7 });
    later.beat();
    const peer = gossipOf("b");
    peer.absorb([stateOf("a", heartbeat)]);
    const { newer } = peer.compare(later.digest());
    assert.ok(newer.some((state) => state.id === "a" && state.bootNumber === 0));
    assert.deepEqual(
      later.absorb(newer.filter(({ id }) => id === "a")),
      [],
      "only this node reports it",
    );
    later.describe({ ...LIFE, bootNumber: 7, incarnation: 2 }, "unconfirmed");
    assert.equal(later.own().status, "unconfirmed");
    assert.equal(peer.absorb([later.own()])[0]?.restarted, true);
  }
});

Deno.test("gossip: the adaptive interval shrinks with changes and grows without, within its bounds", () => {
  const gossip = new Gossip("a", LIFE, 1_000, true);
  gossip.onChange();
  assert.equal(gossip.intervalMs, 250);
  for (let i = 0; i < 50; i++) gossip.relax();
  assert.equal(gossip.intervalMs, 4_000);
});
