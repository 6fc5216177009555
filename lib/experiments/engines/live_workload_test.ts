/** Live workloads and timed reads against fake nodes, which record the requests. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import type { PointContext } from "../experiment.ts";
import { latestReplyShare, shareWithin } from "../workload/timed_reads.ts";
import type { WorkloadPlan } from "../workload/workload_plan.ts";
import type { ClusterLauncher, LiveClusterPlan } from "./live_cluster.ts";
import { liveTimedReads } from "./live_timed_reads.ts";
import { liveWorkload } from "./live_workload.ts";

interface Seen {
  readonly method: string;
  readonly key: string;
  readonly value: string;
  readonly context: string | null;
}

/** A store with one copy behind several nodes. A context is the number of the write it covers. */
class FakeNodes {
  readonly seen: Seen[] = [];
  readonly launched: LiveClusterPlan[] = [];
  closed = 0;
  /** The status to answer with instead; null to serve the request. */
  refuse: (method: string) => number | null = () => null;
  /** Indexes of nodes whose reads never see the last write of a key. */
  readonly stale = new Set<number>();
  private readonly values = new Map<string, string[]>();
  private servers: Deno.HttpServer[] = [];

  readonly launch: ClusterLauncher = (plan) => {
    this.launched.push(plan);
    this.servers = Array.from({ length: plan.nodes }, (_, node) =>
      Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        (request) => this.answer(node, request),
      ));
    return Promise.resolve({
      nodes: this.servers.map(({ addr }, i) => ({
        id: `n${i}`,
        url: `http://127.0.0.1:${(addr as Deno.NetAddr).port}`,
      })),
      close: async () => {
        this.closed++;
        await Promise.all(this.servers.map((server) => server.shutdown()));
      },
    });
  };

  valuesOf(key: string): readonly string[] {
    return this.values.get(key) ?? [];
  }

  private async answer(node: number, request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const key = decodeURIComponent(pathname.split("/")[2] ?? "");
    if (pathname.startsWith("/ring/")) {
      const owners = this.servers.map(({ addr }) => ({
        url: `http://127.0.0.1:${(addr as Deno.NetAddr).port}`,
        primary: true,
      }));
      return Response.json({ preferenceList: owners });
    }
    const value = await request.text();
    const context = request.headers.get("x-dynamo-context");
    this.seen.push({ method: request.method, key, value, context });
    const refused = this.refuse(request.method);
    if (refused !== null) return new Response("", { status: refused });
    const values = this.values.get(key) ?? [];
    if (request.method === "PUT") {
      this.values.set(key, [...values, value]);
      return new Response("", { headers: { "x-dynamo-context": `${values.length + 1}` } });
    }
    const visible = this.stale.has(node) ? values.slice(0, -1) : values;
    const headers = { "x-dynamo-context": `${visible.length}` };
    const status = visible.length === 0 ? 404 : 200;
    if (request.headers.get("accept") !== "application/json") {
      return new Response(visible.at(-1) ?? "", { status, headers });
    }
    const dot = ["n0", visible.length];
    const siblings = visible.length === 0 ? [] : [{ value: visible.at(-1), dot }];
    const replicas = [{ outcome: "answered", answeredUs: 1, dots: [dot] }];
    return Response.json({ context: `${visible.length}`, siblings, replicas }, { status });
  }
}

const PLAN: WorkloadPlan = {
  nodes: 2,
  quorums: { n: 2, r: 1, w: 1 },
  latency: "5",
  operations: 12,
  warmUp: 3,
  phases: [[{ operation: "put", share: 1 }], [{ operation: "get", share: 1 }]],
  arrivals: { kind: "closed", concurrency: 2 },
  pattern: "uniform",
  keys: 3,
  fill: false,
  valueBytes: 8,
};

function contextFor(nodes: FakeNodes, signal = new AbortController().signal): PointContext {
  const random = SeededRandom.from("live");
  return { engine: "live", random, seed: 7, signal, onProgress: () => {}, launch: nodes.launch };
}

Deno.test("live workload: runs phases one by one, ignores the warm-up, stops the cluster", async () => {
  const nodes = new FakeNodes();
  const found = await liveWorkload(PLAN, { readRepair: false }, contextFor(nodes));
  assert.deepEqual([...found].map(([operation, { ok }]) => [operation, ok]), [
    ["put", 12],
    ["get", 12],
  ]);
  assert.deepEqual(nodes.seen.map(({ method }) => method), [
    ...new Array(15).fill("PUT"),
    ...new Array(15).fill("GET"),
  ]);
  assert.equal(nodes.closed, 1);
  assert.deepEqual(nodes.launched, [{
    nodes: 2,
    latency: "5",
    seed: "7",
    config: { n: 2, r: 1, w: 1, readRepair: false },
  }]);
});

Deno.test("live workload: a put carries the context last seen of its key", async () => {
  const nodes = new FakeNodes();
  const plan: WorkloadPlan = {
    ...PLAN,
    keys: 1,
    warmUp: 0,
    operations: 4,
    arrivals: { kind: "closed", concurrency: 1 },
  };
  await liveWorkload(plan, {}, contextFor(nodes));
  const puts = nodes.seen.filter(({ method }) => method === "PUT");
  assert.deepEqual(puts.map(({ context }) => context), [null, "1", "2", "3"]);
});

Deno.test("live workload: a fill writes every key once; a read-modify-write keeps half", async () => {
  const nodes = new FakeNodes();
  const plan: WorkloadPlan = {
    ...PLAN,
    keys: 5,
    fill: true,
    warmUp: 0,
    operations: 1,
    phases: [[{ operation: "read-modify-write", share: 1 }]],
  };
  const found = await liveWorkload(plan, {}, contextFor(nodes));
  assert.equal(found.get("read-modify-write")?.ok, 1);
  const [read, written] = nodes.seen.slice(5);
  assert.equal(new Set(nodes.seen.slice(0, 5).map(({ key }) => key)).size, 5);
  assert.equal(read?.method, "GET");
  assert.deepEqual([written?.method, written?.key, written?.context], ["PUT", read?.key, "1"]);
  const [before = "", after = ""] = nodes.valuesOf(read?.key ?? "");
  assert.equal(after.slice(4), before.slice(4));
});

Deno.test("live workload: failed and indeterminate operations are counted separately", async () => {
  const nodes = new FakeNodes();
  nodes.refuse = () => 503;
  const found = await liveWorkload(PLAN, {}, contextFor(nodes));
  const [put, get] = [found.get("put"), found.get("get")];
  assert.deepEqual([put?.ok, put?.failed, put?.indeterminate], [0, 0, 12]);
  assert.deepEqual([get?.ok, get?.failed, get?.indeterminate], [0, 12, 0]);
});

Deno.test("live workload: an aborted run stops the cluster and returns nothing", async () => {
  const nodes = new FakeNodes();
  const stop = new AbortController();
  nodes.refuse = () => {
    if (nodes.seen.length === 4) stop.abort();
    return null;
  };
  await assert.rejects(liveWorkload(PLAN, {}, contextFor(nodes, stop.signal)));
  assert.equal(nodes.closed, 1);
  assert.ok(nodes.seen.length < 12);
});

Deno.test("live timed reads: reads from a stale node are one version behind", async () => {
  const nodes = new FakeNodes();
  nodes.stale.add(1);
  const plan = {
    nodes: 2,
    quorums: { n: 2, r: 1, w: 1 },
    latency: "0",
    timesMs: [0, 1],
    trials: 200,
    versions: 2,
    concurrency: 8,
  };
  const { times, failed, readMs, writeMs } = await liveTimedReads(plan, contextFor(nodes));
  assert.equal(failed, 0);
  assert.deepEqual([readMs.count, writeMs.count], [400, 400]);
  for (const at of times) {
    assert.equal(at.reads, 200);
    // One of two nodes is stale; four standard errors.
    const latest = shareWithin(at, 1);
    assert.ok(Math.abs(latest - 0.5) < 0.15, `${latest}`);
    assert.equal(shareWithin(at, 2), 1);
    assert.equal(latestReplyShare(at), latest);
    assert.ok(at.agesMs.every((ageMs) => ageMs >= 0));
  }
  assert.equal(nodes.closed, 1);
});
