/** Real processes killed with SIGKILL: availability, durability, and refusals. */
import assert from "node:assert/strict";
import type { RunningCluster } from "../nodes/cluster/launcher.ts";
import { launchCluster } from "../nodes/cluster/launcher.ts";
import { until, withCluster, withDirectory } from "./live_cluster.ts";
import { assertProblem, call, get, type Placed, put } from "./rest_calls.ts";

const CONFIG = { n: 3, r: 2, w: 2 };

async function preferenceList(cluster: RunningCluster, key: string): Promise<readonly Placed[]> {
  return (await call(`${cluster.nodes[0]?.url}/ring/${key}`)).json.preferenceList;
}

Deno.test("after kill -9 of one node, gets and puts at R=W=2 succeed on every other node", async () => {
  await withCluster({ nodes: 5, config: CONFIG }, async (cluster) => {
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    const [first] = cluster.nodes;
    for (const key of keys) assert.equal((await put(first?.url ?? "", key, "old")).status, 200);
    await cluster.kill("n3");
    const up = cluster.nodes.filter((node) => node.state === "running");
    assert.equal(up.length, 4);
    for (const [i, key] of keys.entries()) {
      const read = await get(up[i % 4]?.url ?? "", key);
      assert.deepEqual([read.status, read.text], [200, "old"], key);
      const context = read.headers.get("x-dynamo-context") ?? "";
      const written = await put(up[(i + 1) % 4]?.url ?? "", key, "new", { context });
      assert.equal(written.status, 200, written.text);
      const again = await get(up[(i + 2) % 4]?.url ?? "", key);
      assert.deepEqual([again.status, again.text], [200, "new"], key);
    }
    // After the restart, reads at R=3 repair what it missed.
    await cluster.restart("n3");
    for (const key of keys) {
      const read = await get(cluster.node("n3").url, key, "r=3");
      assert.deepEqual([read.status, read.text], [200, "new"], key);
    }
  });
});

/** Puts keys until the cluster is down. Returns the acknowledged keys. */
async function writeUntilDead(url: string, prefix: string, enough: () => void): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let i = 0;; i++) {
    const key = `${prefix}-${i}`;
    try {
      const answer = await put(url, key, `value of ${key}`);
      if (answer.status === 200) acknowledged.push(key);
    } catch {
      enough();
      return acknowledged;
    }
    if (i === 30) enough();
  }
}

Deno.test("after kill -9 of all five nodes, a restart has every acknowledged value", async () => {
  await withDirectory(async (dataDir) => {
    const first = await launchCluster({ nodes: 5, port: 0, config: CONFIG, dataDir });
    let acknowledged: string[] = [];
    try {
      const busy = first.nodes.map((node) => {
        const enough = Promise.withResolvers<void>();
        return { enough, writing: writeUntilDead(node.url, node.id, () => enough.resolve()) };
      });
      await Promise.all(busy.map(({ enough }) => enough.promise));
      await Promise.all(first.nodes.map(({ id }) => first.kill(id)));
      acknowledged = (await Promise.all(busy.map(({ writing }) => writing))).flat();
    } finally {
      await first.close();
    }
    assert.ok(acknowledged.length >= 5 * 30, `${acknowledged.length} acknowledged`);

    const second = await launchCluster({ port: 0, dataDir });
    try {
      for (const [i, key] of acknowledged.entries()) {
        const read = await get(second.nodes[i % 5]?.url ?? "", key);
        assert.deepEqual([read.status, read.text], [200, `value of ${key}`], key);
      }
    } finally {
      await second.close();
    }
  });
});

Deno.test("nodes that are restarted one by one after all were killed serve acknowledged values", async () => {
  await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
    const [first, second] = cluster.nodes;
    for (let i = 0; i < 10; i++) {
      assert.equal((await put(first?.url ?? "", `kept-${i}`, `${i}`)).status, 200);
    }
    await Promise.all(cluster.nodes.map(({ id }) => cluster.kill(id)));
    for (const { id } of cluster.nodes) await cluster.restart(id);
    // They were killed before they knew each other's lives. A node counts for reads only when every
    // peer has confirmed that it remembers no later life of the node.
    await until("the nodes have heard from each other", async () => {
      const read = await get(second?.url ?? "", "kept-0");
      assert.notEqual(read.status, 404, read.text);
      return read.status === 200;
    });
    for (let i = 0; i < 10; i++) {
      const read = await get(second?.url ?? "", `kept-${i}`);
      assert.deepEqual([read.status, read.text], [200, `${i}`]);
    }
  });
});

Deno.test("with two of three replicas killed, strict requests are refused in time, with the count", async () => {
  await withCluster({ nodes: 5, config: CONFIG }, async (cluster) => {
    const list = await preferenceList(cluster, "lonely");
    const [keeper, ...others] = list.filter(({ primary }) => primary);
    const fallback = list.find(({ primary }) => !primary);
    assert.equal((await put(keeper?.url ?? "", "lonely", "x")).status, 200);
    await Promise.all(others.map(({ id }) => cluster.kill(id)));
    const timeoutMs = 2_000;
    const query = `sloppy=false&timeoutMs=${timeoutMs}`;
    // Through the remaining replica, and through a node that must forward to it.
    for (const url of [keeper?.url ?? "", fallback?.url ?? ""]) {
      const askedMs = performance.now();
      const written = await put(url, "lonely", "y", { query });
      const read = await get(url, "lonely", query);
      // The timeouts of both requests, and the same time again for a busy machine.
      assert.ok(performance.now() - askedMs < 4 * timeoutMs);
      assertProblem(written, 503, /quorum|replica/i);
      assert.deepEqual([written.json.needed, written.json.got], [2, 1], written.text);
      assert.equal(typeof written.json.definite, "boolean", written.text);
      assertProblem(read, 503, /quorum|replica/i);
      assert.deepEqual([read.json.needed, read.json.got], [2, 1], read.text);
    }
    // With R=1 the remaining replica is enough.
    const read = await get(keeper?.url ?? "", "lonely", "r=1&sloppy=false");
    assert.ok(read.status === 200 || read.status === 300, read.text);
  });
});

Deno.test("a paused replica does not delay requests at R=W=2, and answers again after a resume", async () => {
  await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
    const [first, , third] = await preferenceList(cluster, "patient");
    assert.equal((await put(first?.url ?? "", "patient", "x")).status, 200);
    await cluster.pause(third?.id ?? "");
    const read = await get(first?.url ?? "", "patient");
    assert.deepEqual([read.status, read.text], [200, "x"]);
    const context = read.headers.get("x-dynamo-context") ?? "";
    assert.equal((await put(first?.url ?? "", "patient", "y", { context })).status, 200);
    await cluster.resume(third?.id ?? "");
    const late = await get(third?.url ?? "", "patient");
    assert.deepEqual([late.status, late.text], [200, "y"]);
  });
});
