/** The client library with real node processes. */
import assert from "node:assert/strict";
import { DynamoClient } from "../lib/client/client.ts";
import { uniform } from "../lib/experiments/workload/keys.ts";
import { runLoad } from "../lib/experiments/workload/wall_clock_load.ts";
import { SeededRandom } from "../lib/random/seeded.ts";
import type { RunningCluster } from "../nodes/cluster/launcher.ts";
import { withCluster } from "./live_cluster.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const options = (nodes: number) => ({
  nodes,
  config: { n: 3, r: 2, w: 2, timeoutMs: 1_000 },
  seed: "client",
});

const urlsOf = (cluster: RunningCluster) => cluster.nodes.map((node) => node.url);

Deno.test("client: put, get, siblings, resolve, update, delete on a real cluster", async () => {
  await withCluster(options(5), async (cluster) => {
    const nodes = urlsOf(cluster);
    const client = new DynamoClient({ nodes });
    assert.equal((await client.put("cart", "milk")).outcome, "ok");
    assert.equal((await client.put("cart", "bread")).outcome, "ok");
    const both = await client.get("cart");
    assert.ok(both.outcome === "ok" && both.found === "siblings", JSON.stringify(both));
    const values = both.siblings.map((sibling) => text(sibling.value)).sort();
    assert.deepEqual(values, ["bread", "milk"]);

    const merging = new DynamoClient({
      nodes,
      routing: "partition-aware",
      resolve: (siblings) => siblings.map((sibling) => text(sibling.value)).sort().join("+"),
    });
    const updated = await merging.update("cart", (current) => `${text(current!.value)}+eggs`);
    assert.equal(updated.outcome, "ok");
    const one = await client.get("cart");
    assert.ok(one.outcome === "ok" && one.found === true);
    assert.equal(text(one.value), "bread+milk+eggs");
    assert.equal(one.contentType, "text/plain; charset=utf-8");

    const deleted = await client.delete("cart", { context: one.context });
    assert.equal(deleted.outcome, "ok");
    const gone = await client.get("cart");
    assert.ok(gone.outcome === "ok" && gone.found === false);
    assert.notEqual(gone.context, null, "a tombstone has a context");

    const bytes = crypto.getRandomValues(new Uint8Array(70_000).subarray(0, 65_536));
    assert.equal((await client.put("a/b ü?", bytes)).outcome, "ok");
    const read = await merging.get("a/b ü?", { r: 3 });
    assert.ok(read.outcome === "ok" && read.found === true);
    assert.deepEqual(read.value, bytes);

    const wrong = await client.get("k", { r: 4 });
    assert.ok(wrong.outcome === "failed", JSON.stringify(wrong));
    assert.deepEqual([wrong.error.status, wrong.error.code], [400, "invalid"]);
  });
});

Deno.test("client: partition-aware puts are coordinated by the node that receives them", async () => {
  await withCluster(options(5), async (cluster) => {
    const client = new DynamoClient({ nodes: urlsOf(cluster), routing: "partition-aware" });
    for (let i = 0; i < 20; i++) {
      const put = await client.put(`key-${i}`, "v");
      assert.ok(put.outcome === "ok", JSON.stringify(put));
      const asked = cluster.nodes.find((node) => node.url === put.node);
      assert.equal(put.coordinator, asked?.id, "no hop");
    }
  });
});

Deno.test("client: a killed node is skipped, and a missed quorum is reported", async () => {
  await withCluster(options(3), async (cluster) => {
    for (const routing of ["any", "partition-aware"] as const) {
      const client = new DynamoClient({ nodes: urlsOf(cluster), routing, rememberContexts: 100 });
      assert.equal((await client.put(routing, "before")).outcome, "ok");
      await cluster.kill("n2");
      for (let i = 0; i < 12; i++) {
        const put = await client.put(`${routing}-${i}`, "v");
        assert.equal(put.outcome, "ok", JSON.stringify(put));
        const read = await client.get(`${routing}-${i}`);
        assert.ok(read.outcome === "ok" && read.found === true, JSON.stringify(read));
      }
      await cluster.restart("n2");
    }
    await cluster.kill("n2");
    await cluster.kill("n3");
    const client = new DynamoClient({ nodes: urlsOf(cluster) });
    const put = await client.put("k", "after", { sloppy: false });
    assert.ok(put.outcome !== "ok", JSON.stringify(put));
    assert.equal(put.error.code, "quorum-not-met");
    assert.deepEqual([put.error.needed, put.error.got], [2, 1]);
    assert.equal(put.outcome, "indeterminate", "the remaining replica stored it");
    const read = await client.get("k", { sloppy: false });
    assert.ok(read.outcome === "failed", JSON.stringify(read));
    assert.equal(read.error.code, "quorum-not-met");
  });
});

Deno.test("client: a closed loop of puts and gets with remembered contexts makes no siblings", async () => {
  await withCluster(options(3), async (cluster) => {
    const client = new DynamoClient({ nodes: urlsOf(cluster), rememberContexts: 1_000 });
    const common = { keys: uniform(20), valueBytes: 100, random: SeededRandom.from("loop") };
    const { operations: [puts] } = await runLoad({
      ...common,
      mix: [{ operation: "put", share: 1 }],
      count: 200,
      arrivals: { kind: "closed", concurrency: 1 },
      send: async (_, key, value) => (await client.put(key, value)).outcome,
    });
    assert.deepEqual([puts?.ok, puts?.failed, puts?.indeterminate], [200, 0, 0]);
    const { operations: [gets] } = await runLoad({
      ...common,
      mix: [{ operation: "get", share: 1 }],
      count: 200,
      arrivals: { kind: "closed", concurrency: 8 },
      send: async (_, key) => {
        const read = await client.get(key);
        assert.ok(read.outcome === "ok" && read.found !== "siblings");
        return read.outcome;
      },
    });
    assert.equal(gets?.ok, 200);
    assert.ok(gets.p50Ms > 0 && gets.p50Ms <= gets.p99Ms);
  });
});
