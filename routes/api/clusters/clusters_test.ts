import assert from "node:assert/strict";
import { dashboardFixture } from "../../../tests/dashboard_fixture.ts";

Deno.test("a cluster is started, described, and ended", async () => {
  const { post, ask, launched, registry } = dashboardFixture();
  const created = await post("/api/clusters", { name: "a", nodes: 4, n: 3, r: 1, w: 3 });
  assert.equal(created.status, 201);
  assert.equal(created.headers.get("Location"), "/api/clusters/a");
  const cluster = await created.json();
  assert.equal(cluster.state, "running");
  assert.equal(cluster.nodes.length, 4);
  assert.deepEqual(
    [cluster.config.cluster, cluster.config.n, cluster.config.r, cluster.config.w],
    ["a", 3, 1, 3],
  );
  assert.equal(cluster.nodes[0].url, "http://127.0.0.1:20001");
  assert.equal(cluster.ring.tokens.length, 128);

  const list = await (await ask("/api/clusters")).json();
  assert.deepEqual(list.clusters.map((each: { id: string }) => each.id), ["a"]);

  const shown = await (await ask("/api/clusters/a")).json();
  assert.equal(shown.nodes[0].status.keys, 7);

  const ended = await ask("/api/clusters/a", { method: "DELETE" });
  assert.equal(ended.status, 204);
  assert.equal(launched[0]?.closed, 1);
  assert.equal(registry.list().length, 0);
});

Deno.test("an empty body starts the default cluster under a free name", async () => {
  const { post } = dashboardFixture();
  const cluster = await (await post("/api/clusters")).json();
  assert.equal(cluster.id, "cluster-1");
  assert.equal(cluster.nodes.length, 5);
  assert.deepEqual([cluster.config.n, cluster.config.r, cluster.config.w], [3, 2, 2]);
});

Deno.test("a cluster can be started with the configuration of another one", async () => {
  const { post, ask, launched } = dashboardFixture();
  await post("/api/clusters", { name: "a", nodes: 4, n: 2, mode: "lww", latency: "uniform(0,20)" });
  const { nodes, config, latency } = await (await ask("/api/clusters/a")).json();
  const again = await post("/api/clusters", { nodes: nodes.length, config, latency });
  assert.equal(again.status, 409, "the name in the configuration is taken");
  const { cluster: _cluster, ...unnamed } = config;
  const like = await (await post("/api/clusters", { nodes: 4, config: unnamed, latency })).json();
  assert.deepEqual({ ...like.config, cluster: "a" }, config);
  assert.equal(like.id, "cluster-1");
  assert.equal(launched[1]?.nodes.length, 4);

  const body = { name: "b", n: 2, config: { n: 2, gossipIntervalMs: 250 }, latency: null };
  const mixed = await (await post("/api/clusters", body)).json();
  const { cluster, n, gossipIntervalMs } = mixed.config;
  assert.deepEqual([cluster, n, gossipIntervalMs], ["b", 2, 250]);
  assert.equal(mixed.latency, null);
});

Deno.test("invalid input is refused with the field, the value and what is allowed", async () => {
  const { post, launched } = dashboardFixture();
  const cases: [unknown, RegExp][] = [
    [{ nodes: 0 }, /nodes must be a whole number from 1 to 32: it is 0/],
    [{ nodes: "five" }, /nodes must be a whole number from 1 to 32: it is "five"/],
    [{ n: 3, r: 4 }, /r must be a whole number from 1 to 3: current value is 4/],
    [{ mode: "crdt" }, /mode must be one of dvv, vector-clock, lww: it is "crdt"/],
    [{ latency: "gamma(1)" }, /latency: Cannot read latency 'gamma\(1\)' at character 1/],
    [{ name: "../x" }, /name must be 1 to 40 of a-z 0-9 -/],
    [{ replicas: 3 }, /there is no field 'replicas'/],
    [{ nodes: 1 }, /^nodes must be at least 2, because a get needs R=2 .* current value is 1/],
    [{ nodes: 2, n: 3, r: 1, w: 3 }, /^nodes must be at least 3, .* a put W=3/],
    [{ nodes: 6, partitions: 4 }, /partitions must be at least the number of nodes, 6/],
    [[], /object/],
    [
      { config: { n: 3, r: 4 } },
      /^config\.r must be a whole number from 1 to 3: current value is 4/,
    ],
    [{ n: 3, config: { r: 2, w: 9 } }, /^config\.w must be a whole number from 1 to 3/],
    [{ r: 1, config: { r: 2 } }, /^r must have one value: it is 1, and 2 in config/],
    [
      { name: "a", config: { cluster: "b" } },
      /^name must have one value: it is a, and b in config/,
    ],
    [{ config: { cluster: "A/b" } }, /^config\.cluster must be 1 to 40 of a-z 0-9 -/],
    [{ config: { mode: "crdt" } }, /^config\.mode must be one of dvv/],
    [
      { config: { gossipIntervalMs: "fast" } },
      /^config\.gossipIntervalMs must be a number: it is "fast"/,
    ],
    [{ config: { siblingBytesMax: 0 } }, /^config\.siblingBytesMax must be a whole number from 1/],
    [{ sloppy: "no" }, /^sloppy must be true or false: it is "no"/],
    [{ config: { replicas: 3 } }, /there is no field 'replicas'/],
    [
      { nodes: 6, config: { partitions: 4 } },
      /^config\.partitions must be at least the number of nodes/,
    ],
  ];
  for (const [body, expected] of cases) {
    const response = await post("/api/clusters", body);
    assert.equal(response.status, 400, JSON.stringify(body));
    assert.equal(response.headers.get("Content-Type"), "application/problem+json");
    const problem = await response.json();
    assert.match(problem.detail, expected);
    assert.equal(problem.type, "urn:dynamo-simulator:problem:invalid");
  }
  assert.equal(launched.length, 0);
});

Deno.test("a body that is not JSON, or is not declared as JSON, is refused", async () => {
  const { ask, launched } = dashboardFixture();
  const form = await ask("/api/clusters", { method: "POST", body: new URLSearchParams("nodes=3") });
  assert.equal(form.status, 415);
  const headers = { "Content-Type": "application/json" };
  const broken = await ask("/api/clusters", { method: "POST", headers, body: "{" });
  assert.equal(broken.status, 400);
  const long = await ask("/api/clusters", { method: "POST", headers, body: " ".repeat(70_000) });
  assert.equal(long.status, 413);
  assert.equal(launched.length, 0);
});

Deno.test("a taken name, an unknown cluster and too many nodes have different errors", async () => {
  const { post, ask } = dashboardFixture();
  await post("/api/clusters", { name: "a", nodes: 32 });
  assert.equal((await post("/api/clusters", { name: "a" })).status, 409);
  assert.equal((await post("/api/clusters", { nodes: 32 })).status, 201);
  const full = await post("/api/clusters", { nodes: 1, n: 1 });
  assert.equal(full.status, 409);
  assert.match(
    (await full.json()).detail,
    /At most 64 nodes can run at once: 64 are running, 1 more/,
  );
  const unknown = await ask("/api/clusters/zzz");
  assert.equal(unknown.status, 404);
  assert.match((await unknown.json()).detail, /no cluster 'zzz': the clusters are a, cluster-1/);
});

Deno.test("a failed start reports the reason, and the next start removes it", async () => {
  const { post, ask, registry } = dashboardFixture({ failure: "port 9101 is taken" });
  const response = await post("/api/clusters", { name: "a" });
  assert.equal(response.status, 500);
  assert.match((await response.json()).detail, /port 9101 is taken/);
  const shown = await (await ask("/api/clusters/a")).json();
  assert.equal(shown.state, "failed");
  await post("/api/clusters", { name: "a" });
  assert.equal(registry.list().length, 1);
});

Deno.test("nodes are killed, paused and resumed; an act that the state does not allow is 409", async () => {
  const { post, launched } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  const after = await (await post("/api/clusters/a/nodes/n2/kill")).json();
  assert.equal(after.nodes[1].state, "killed");
  await post("/api/clusters/a/nodes/n3/pause");
  await post("/api/clusters/a/nodes/n3/resume");
  assert.deepEqual(launched[0]?.acts, ["kill n2", "pause n3", "resume n3"]);

  const again = await post("/api/clusters/a/nodes/n2/kill");
  assert.equal(again.status, 409);
  assert.match((await again.json()).detail, /n2 while it is killed: allowed are restart, wipe/);
  const nobody = await post("/api/clusters/a/nodes/n9/kill");
  assert.equal(nobody.status, 404);
  assert.match((await nobody.json()).detail, /no node 'n9': there are n1, n2, n3, n4, n5/);
  const nothing = await post("/api/clusters/a/nodes/n1/explode");
  assert.equal(nothing.status, 404);
  assert.match((await nothing.json()).detail, /kill, stop, pause, resume, restart, wipe/);
});
