import assert from "node:assert/strict";
import { Ring } from "../../../lib/dynamo/ring/ring.ts";
import type { RingState } from "../../../lib/dynamo/ring/ring_state.ts";
import { FakeCluster, fakeNodes } from "../../../tests/fake_cluster.ts";
import { MovesWatch } from "./moves_watch.ts";

/** A node's answer to `GET /ring` after n9 has become the owner of each range in `moved`. */
function answerOf(state: RingState, version: string, moved: readonly number[]) {
  const ring = new Ring(state, 3);
  return {
    ringVersion: version,
    n: 3,
    partitioning: state.partitioning,
    partitions: state.partitions,
    tokens: state.tokens,
    members: [
      ...state.members.map((member) => ({ ...member, url: "http://127.0.0.1:1" })),
      { id: "n9", weight: 1, url: "http://127.0.0.1:9", memberStatus: "removed" },
    ],
    segments: Array.from({ length: ring.rangeCount }, (_, index) => ({
      start: ring.range(index).start,
      owners: moved.includes(index) ? ["n9"] : ring.primaries(index),
      epoch: moved.includes(index) ? 2 : 1,
    })),
  };
}

function fixture() {
  const cluster = new FakeCluster({ nodes: 3 });
  const nodes = fakeNodes();
  const { ring, config } = cluster.initialConfig;
  const watch = new MovesWatch(cluster, nodes.fetch);
  const initialVersion = Ring.over(ring, config.n).version;
  return { cluster, nodes, watch, ring, initialVersion };
}

Deno.test("without membership changes, no node is asked for its ring", async () => {
  const { cluster, nodes, watch, initialVersion } = fixture();
  assert.deepEqual(await watch.look(cluster.nodes, [initialVersion, null, initialVersion]), []);
  assert.deepEqual(nodes.asked, []);
});

Deno.test("the most advanced ring wins, never an older one", async () => {
  const { cluster, nodes, watch, ring, initialVersion } = fixture();
  const rings = new Map([["20001", answerOf(ring, "b", [4])], [
    "20002",
    answerOf(ring, "c", [4, 5]),
  ]]);
  nodes.answer = (request) => Response.json(rings.get(new URL(request.url).port));
  cluster.left = 3;
  const updates = await watch.look(cluster.nodes, ["b", "c", initialVersion]);
  assert.deepEqual(updates.map(({ event }) => event), ["ring", "transfers"]);
  assert.deepEqual(watch.ring.segments?.[5]?.owners, ["n9"]);
  assert.deepEqual(watch.ring.members.map(({ id }) => id), ["n1", "n2", "n3"]);
  assert.deepEqual(watch.transfers, { left: 3, most: 3, leaving: [] });

  cluster.left = 1;
  await watch.look(cluster.nodes, ["b", "c", null]);
  assert.deepEqual(watch.ring.segments?.[5]?.owners, ["n9"]);
  assert.deepEqual(watch.transfers, { left: 1, most: 3, leaving: [] });
});

Deno.test("it asks for transfers until none are left", async () => {
  const { cluster, nodes, watch, ring } = fixture();
  nodes.answer = () => Response.json(answerOf(ring, "b", [4]));
  cluster.left = 2;
  await watch.look(cluster.nodes, ["b", "b", "b"]);
  cluster.left = 0;
  const updates = await watch.look(cluster.nodes, ["b", "b", "b"]);
  assert.deepEqual(updates, [{ event: "transfers", data: { left: 0, most: 0, leaving: [] } }]);
  const asked = nodes.asked.length;
  assert.deepEqual(await watch.look(cluster.nodes, ["b", "b", "b"]), []);
  assert.equal(nodes.asked.length, asked);
});

Deno.test("nodes that do not answer or refuse change nothing", async () => {
  const { cluster, nodes, watch, ring } = fixture();
  nodes.answer = (request) => {
    if (new URL(request.url).port === "20001") throw new TypeError("connection refused");
    return new Response("busy", { status: 503 });
  };
  assert.deepEqual(await watch.look(cluster.nodes, ["b", "c", null]), []);
  assert.equal(watch.ring, ring);
});
