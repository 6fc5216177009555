/** Real processes killed with SIGKILL: who still answers, what is still there, and what a refusal says. */
import assert from "node:assert/strict";
import type { RunningCluster } from "../nodes/cluster/launcher.ts";
import { launchCluster } from "../nodes/cluster/launcher.ts";
import { until, withCluster, withDirectory } from "./live_cluster.ts";
import { assertProblem, call, get, type Placed, put } from "./rest_calls.ts";

const CONFIG = { n: 3, r: 2, w: 2 };

async function preferenceList(cluster: RunningCluster, key: string): Promise<readonly Placed[]> {
  return (await call(`${cluster.nodes[0]?.url}/ring/${key}`)).json.preferenceList;
}

Deno.test("kill -9 of one node: gets and puts at R=W=2 go on, through every other node", async () => {
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
    // Back with what it had, and caught up by reads at R=3 of all that it missed.
    await cluster.restart("n3");
    for (const key of keys) {
      const read = await get(cluster.node("n3").url, key, "r=3");
      assert.deepEqual([read.status, read.text], [200, "new"], key);
    }
  });
});

/** Puts one key after another until the cluster is gone; resolves with those that were acknowledged. */
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

Deno.test("kill -9 of all five at once: every acknowledged value is there after a restart", async () => {
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

Deno.test("the same nodes restarted one by one after all were killed serve what was acknowledged", async () => {
  await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
    const [first, second] = cluster.nodes;
    for (let i = 0; i < 10; i++) {
      assert.equal((await put(first?.url ?? "", `kept-${i}`, `${i}`)).status, 200);
    }
    await Promise.all(cluster.nodes.map(({ id }) => cluster.kill(id)));
    for (const { id } of cluster.nodes) await cluster.restart(id);
    // They were killed before they had heard of each other: none counts for a read before it has heard
    // from all that nobody remembers a later life of it, and the last has only just come.
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

Deno.test("two of a key's three replicas killed: strict requests are refused with the count, in time", async () => {
  await withCluster({ nodes: 5, config: CONFIG }, async (cluster) => {
    const list = await preferenceList(cluster, "lonely");
    const [keeper, ...others] = list.filter(({ primary }) => primary);
    const joiningNode = list.find(({ primary }) => !primary);
    assert.equal((await put(keeper?.url ?? "", "lonely", "x")).status, 200);
    await Promise.all(others.map(({ id }) => cluster.kill(id)));
    const timeoutMs = 2_000;
    const query = `sloppy=false&timeoutMs=${timeoutMs}`;
    // Through the replica that is left, and through a node that must forward to it.
    for (const url of [keeper?.url ?? "", joiningNode?.url ?? ""]) {
      const askedMs = performance.now();
      const written = await put(url, "lonely", "y", { query });
      const read = await get(url, "lonely", query);
      // The request's own bound, for the two, and as much again for the machine's other work.
      assert.ok(performance.now() - askedMs < 4 * timeoutMs);
      assertProblem(written, 503, /quorum|replica/i);
      assert.deepEqual([written.json.needed, written.json.got], [2, 1], written.text);
      assert.equal(typeof written.json.definite, "boolean", written.text);
      assertProblem(read, 503, /quorum|replica/i);
      assert.deepEqual([read.json.needed, read.json.got], [2, 1], read.text);
    }
    // One is enough for whoever says so.
    const read = await get(keeper?.url ?? "", "lonely", "r=1&sloppy=false");
    assert.ok(read.status === 200 || read.status === 300, read.text);
  });
});

Deno.test("a paused replica does not hold up a request at R=W=2, and answers again when resumed", async () => {
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
