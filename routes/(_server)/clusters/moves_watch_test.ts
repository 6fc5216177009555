import assert from "node:assert/strict";
import { Ring } from "../../../lib/dynamo/ring/ring.ts";
import type { RingState } from "../../../lib/dynamo/ring/ring_state.ts";
import { FakeCluster, fakeNodes } from "../../../tests/fake_cluster.ts";
import { MovesWatch } from "./moves_watch.ts";

/** A ring as a node answers it, after the register of each range in `moved` has advanced to n9. */
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

function watched() {
  const cluster = new FakeCluster({ nodes: 3 });
  const nodes = fakeNodes();
  const { ring, config } = cluster.initialConfig;
  const watch = new MovesWatch(cluster, nodes.fetch);
  const founded = Ring.over(ring, config.n).version;
  return { cluster, nodes, watch, ring, founded };
}

Deno.test("while nobody changes the membership, no node is asked for its ring", async () => {
  const { cluster, nodes, watch, founded } = watched();
  assert.deepEqual(await watch.look(cluster.nodes, [founded, null, founded]), []);
  assert.deepEqual(nodes.asked, []);
});

Deno.test("the most advanced ring is taken, and never one that lags behind", async () => {
  const { cluster, nodes, watch, ring, founded } = watched();
  const rings = new Map([["20001", answerOf(ring, "b", [4])], [
    "20002",
    answerOf(ring, "c", [4, 5]),
  ]]);
  nodes.answer = (request) => Response.json(rings.get(new URL(request.url).port));
  cluster.left = 3;
  const news = await watch.look(cluster.nodes, ["b", "c", founded]);
  assert.deepEqual(news.map(({ event }) => event), ["ring", "transfers"]);
  assert.deepEqual(watch.ring.segments?.[5]?.owners, ["n9"]);
  assert.deepEqual(watch.ring.members.map(({ id }) => id), ["n1", "n2", "n3"]);
  assert.deepEqual(watch.transfers, { left: 3, most: 3, leaving: [] });

  cluster.left = 1;
  await watch.look(cluster.nodes, ["b", "c", null]);
  assert.deepEqual(watch.ring.segments?.[5]?.owners, ["n9"]);
  assert.deepEqual(watch.transfers, { left: 1, most: 3, leaving: [] });
});

Deno.test("it goes on asking until nothing is left, and then stops", async () => {
  const { cluster, nodes, watch, ring } = watched();
  nodes.answer = () => Response.json(answerOf(ring, "b", [4]));
  cluster.left = 2;
  await watch.look(cluster.nodes, ["b", "b", "b"]);
  cluster.left = 0;
  const news = await watch.look(cluster.nodes, ["b", "b", "b"]);
  assert.deepEqual(news, [{ event: "transfers", data: { left: 0, most: 0, leaving: [] } }]);
  const asked = nodes.asked.length;
  assert.deepEqual(await watch.look(cluster.nodes, ["b", "b", "b"]), []);
  assert.equal(nodes.asked.length, asked);
});

Deno.test("nodes that are silent or refuse leave the picture as it was", async () => {
  const { cluster, nodes, watch, ring } = watched();
  nodes.answer = (request) => {
    if (new URL(request.url).port === "20001") throw new TypeError("connection refused");
    return new Response("busy", { status: 503 });
  };
  assert.deepEqual(await watch.look(cluster.nodes, ["b", "c", null]), []);
  assert.equal(watch.ring, ring);
});
