import assert from "node:assert/strict";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import { clusterConfig } from "../../lib/dynamo/types/config.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { requestEvent } from "../../tests/page_examples.ts";
import type { ClusterDetail, NodeView } from "./api.ts";
import { ClusterApi } from "./cluster_api.ts";
import { ACTS, allowedActs, ClusterModel, THROUGHPUT_POINTS } from "./cluster_model.ts";
import { KeysModel } from "./keys_model.ts";
import { LoadModel } from "./load_model.ts";

const config = clusterConfig({ cluster: "a" });
const members = ["n1", "n2", "n3"].map((id) => ({ id, weight: 1 }));
const plan = { partitioning: config.partitioning, partitions: 16, tokensPerNode: 1, n: config.n };
const ring = makeInitialRing(members, plan, SeededRandom.from(1));

function node(id: string, change: Partial<NodeView> = {}): NodeView {
  const url = "http://127.0.0.1:1";
  return { id, url, pid: 1, state: "running", exit: null, status: null, mark: 0, ...change };
}

function busyNode(id: string, servedPerSecond: number): NodeView {
  return node(id, {
    status: {
      uptimeMs: 1,
      keys: 1,
      bytesOnDisk: 1,
      requests: { inFlight: 0, served: 1, failed: 0 },
      memory: { rssBytes: 1, heapUsedBytes: 1 },
      hints: {},
      peers: {},
      warnings: [],
      servedPerSecond,
    },
  });
}

const detail: ClusterDetail = {
  id: "a",
  state: "running",
  failure: null,
  startedAt: "2026-01-01T00:00:00.000Z",
  config,
  latency: null,
  nodes: members.map(({ id }) => node(id)),
  ring,
  transfers: { left: 0, most: 0, leaving: [] },
};

function modelOf(initial: ClusterDetail, answer: (url: string) => Response) {
  const requests: string[] = [];
  const api = new ClusterApi("a", (url, init) => {
    requests.push(`${init?.method ?? "GET"} ${url}`);
    return Promise.resolve(answer(url));
  });
  const keys = new KeysModel(api, { key: "", outcome: null });
  return { model: new ClusterModel(initial, api, new LoadModel(api, []), keys), requests };
}

Deno.test("the ring appears when the cluster runs, and an unchanged ring stays the same object", () => {
  const starting: ClusterDetail = { ...detail, state: "starting", ring: null, nodes: [] };
  const { model } = modelOf(starting, () => Response.json({}));
  assert.ok(model.ring.value === null);
  model.apply({ event: "cluster", data: detail });
  const drawn = model.ring.peek();
  assert.equal(drawn?.rangeCount, 16);
  model.apply({ event: "cluster", data: structuredClone(detail) });
  model.apply({ event: "nodes", data: [node("n1", { state: "killed" })] });
  assert.equal(model.ring.value, drawn);
  assert.equal(model.cluster.value.nodes[0]?.state, "killed");
});

Deno.test("ring and remaining owner changes follow the event stream", () => {
  const { model } = modelOf(detail, () => Response.json({}));
  const drawn = model.ring.peek();
  const segments = Array.from({ length: 16 }, (_, range) => ({
    start: drawn?.range(range).start ?? "",
    owners: range === 3 ? ["n9", "n2", "n3"] : drawn?.primaries(range) ?? [],
    epoch: range === 3 ? 2 : 1,
  }));
  model.apply({ event: "ring", data: { ...ring, segments } });
  assert.deepEqual(model.ring.value?.primaries(3), ["n9", "n2", "n3"]);
  model.apply({ event: "transfers", data: { left: 4, most: 9, leaving: ["n2"] } });
  assert.equal(model.cluster.value.transfers.left, 4);
});

Deno.test("throughput is the sum over the running nodes, with a bounded number of points", () => {
  const { model } = modelOf(detail, () => Response.json({}));
  const killed = { ...busyNode("n3", 100), state: "killed" as const };
  for (let i = 0; i < THROUGHPUT_POINTS + 5; i++) {
    model.apply({ event: "nodes", data: [busyNode("n1", 5), busyNode("n2", 7), killed] });
  }
  assert.equal(model.throughput.value.length, THROUGHPUT_POINTS);
  assert.equal(model.throughput.value.at(-1), 12);
});

Deno.test("a selected node has one action at a time, and a refusal is shown", async () => {
  const problem = { type: "x", title: "No", status: 409, detail: "it is killed" };
  const { model, requests } = modelOf(
    detail,
    (url) =>
      url.endsWith("kill") ? Response.json({}) : Response.json(problem, {
        status: 409,
        headers: { "Content-Type": "application/problem+json" },
      }),
  );
  model.select("n2");
  assert.equal(model.selectedNode.value?.id, "n2");
  const killing = model.act("n2", "kill");
  assert.equal(model.busy.value, "n2:kill");
  await model.act("n2", "pause");
  await killing;
  assert.deepEqual(requests, ["POST /api/clusters/a/nodes/n2/kill"]);
  assert.equal(model.busy.value, null);
  await model.act("n2", "pause");
  assert.equal(model.actProblem.value?.detail, "it is killed");
  model.select("n2");
  assert.equal(model.selected.value, null);
  assert.equal(model.actProblem.value, null);
});

Deno.test("protocol events go to the feed, and the end of the cluster is shown", () => {
  const { model } = modelOf(detail, () => Response.json({}));
  model.apply({ event: "protocol", data: requestEvent() });
  model.apply({ event: "dropped", data: { count: 3 } });
  model.feed.flush();
  assert.equal(model.feed.entries.value.length, 1);
  assert.equal(model.feed.dropped.value, 3);
  model.apply({ event: "ended", data: {} });
  assert.equal(model.connection.value, "ended");
});

Deno.test("every action is allowed in some state, and none where it makes no sense", () => {
  const states = ["starting", "running", "paused", "stopped", "killed", "crashed"] as const;
  for (const { act } of ACTS) {
    assert.ok(states.some((state) => allowedActs(state).includes(act)), act);
  }
  assert.ok(!allowedActs("running").includes("resume"));
  assert.ok(!allowedActs("killed").includes("kill"));
});
