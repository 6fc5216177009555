/**
 * A real cluster as its clients see it: the REST and RPC interfaces. All steps use one cluster, each
 * with its own keys.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:http2";
import type { RunningCluster } from "../nodes/cluster/launcher.ts";
import { withCluster } from "./live_cluster.ts";
import { assertProblem, type Body, call, contextOf, get, put } from "./rest_calls.ts";

const MIB = 1_048_576;

function urlOf(cluster: RunningCluster, index: number): string {
  return cluster.nodes[index]?.url ?? "";
}

/** The values of the key, sorted, as each node returns them. */
async function valuesEverywhere(cluster: RunningCluster, key: string): Promise<string[][]> {
  return await Promise.all(cluster.nodes.map(async ({ url }) => {
    const answer = await get(url, key);
    if (answer.status === 200) {
      assert.equal(answer.headers.get("x-dynamo-siblings"), "1");
      return [answer.text];
    }
    assert.equal(answer.status, 300, answer.text);
    return answer.json.siblings.map(({ value }) => value).sort();
  }));
}

async function assertEverywhere(
  cluster: RunningCluster,
  key: string,
  expected: readonly string[],
): Promise<void> {
  assert.deepEqual(
    await valuesEverywhere(cluster, key),
    cluster.nodes.map(() => [...expected].sort()),
  );
}

async function everyNodeAnswers(cluster: RunningCluster): Promise<void> {
  const written = await put(urlOf(cluster, 0), "greeting", "hello");
  assert.equal(written.status, 200, written.text);
  const { key, context, coordinator, acks } = written.json;
  assert.equal(key, "greeting");
  assert.equal(context, contextOf(written));
  assert.ok(acks.length >= 2 && acks.includes(coordinator), written.text);
  for (const { url } of cluster.nodes) {
    const read = await get(url, "greeting");
    assert.equal(read.status, 200);
    assert.equal(read.text, "hello");
    assert.equal(read.headers.get("x-dynamo-siblings"), "1");
    contextOf(read);
  }
}

async function contextReplaces(cluster: RunningCluster): Promise<void> {
  await put(urlOf(cluster, 0), "replaced", "old");
  const read = await get(urlOf(cluster, 1), "replaced");
  const written = await put(urlOf(cluster, 2), "replaced", "new", { context: contextOf(read) });
  assert.equal(written.status, 200, written.text);
  await assertEverywhere(cluster, "replaced", ["new"]);
}

async function siblingsAndTheirReconciliation(cluster: RunningCluster): Promise<void> {
  await put(urlOf(cluster, 0), "cart", "milk");
  await put(urlOf(cluster, 3), "cart", "bread");
  await assertEverywhere(cluster, "cart", ["milk", "bread"]);
  const both = await get(urlOf(cluster, 4), "cart");
  assert.equal(both.status, 300);
  assert.equal(both.json.context, contextOf(both));
  const written = await put(urlOf(cluster, 1), "cart", "milk, bread", { context: contextOf(both) });
  assert.equal(written.status, 200, written.text);
  await assertEverywhere(cluster, "cart", ["milk, bread"]);
}

/** With plain vector clocks one of the two writes would be lost. */
async function oneContextTwice(cluster: RunningCluster): Promise<void> {
  const placed = (await call(`${urlOf(cluster, 0)}/ring/raced`)).json;
  const coordinator = placed.preferenceList[0]?.url ?? "";
  await put(coordinator, "raced", "before");
  const context = contextOf(await get(coordinator, "raced"));
  const writes = [
    await put(coordinator, "raced", "one", { context }),
    await put(coordinator, "raced", "two", { context }),
  ];
  assert.deepEqual(writes.map(({ status }) => status), [200, 200]);
  assert.equal(writes[0]?.json.coordinator, writes[1]?.json.coordinator);
  await assertEverywhere(cluster, "raced", ["one", "two"]);
}

async function valuesOfAnySize(cluster: RunningCluster): Promise<void> {
  const value = new Uint8Array(MIB);
  // getRandomValues fills at most 64 KiB at a time.
  for (let at = 0; at < MIB; at += 65_536) {
    crypto.getRandomValues(value.subarray(at, at + 65_536));
  }
  const written = await put(urlOf(cluster, 0), "big", value, { contentType: "image/x-noise" });
  assert.equal(written.status, 200, written.text);
  for (const { url } of cluster.nodes) {
    const read = await get(url, "big");
    assert.equal(read.headers.get("content-type"), "image/x-noise");
    assert.ok(read.bytes.length === MIB && read.bytes.every((byte, i) => byte === value[i]));
  }
  const empty = await put(urlOf(cluster, 1), "empty", "");
  assert.equal(empty.status, 200, empty.text);
  const read = await get(urlOf(cluster, 2), "empty");
  assert.deepEqual([read.status, read.bytes.length], [200, 0]);
}

async function mistakesAreExplained(cluster: RunningCluster): Promise<void> {
  const node = urlOf(cluster, 0);
  assertProblem(await put(node, "huge", new Uint8Array(MIB + 1)), 413, /1048576/);
  assertProblem(await put(node, "k".repeat(1_025), "x"), 400, /1024/);
  assert.equal((await put(node, "k".repeat(1_024), "x")).status, 200);
  assertProblem(await put(node, "garbled", "x", { context: "not-a-context" }), 400, /context/i);
  const foreign = contextOf(await put(node, "one-key", "x"));
  assertProblem(await put(node, "other-key", "x", { context: foreign }), 400, /context/i);
  assertProblem(await get(node, "greeting", "r=4"), 400, /\br\b.*\b3\b/);
  assertProblem(await put(node, "greeting", "x", { query: "w=0" }), 400, /\bw\b/);
  assertProblem(await get(node, "greeting", "r=two"), 400, /two/);
  assertProblem(await call(`${node}/kv/%zz`), 400, /percent|encod/i);
  for (const { url } of cluster.nodes) {
    assertProblem(await get(url, "nobody-wrote-this"), 404, /nobody-wrote-this|absent|no value/i);
  }
}

async function deletesLeaveTombstones(cluster: RunningCluster): Promise<void> {
  const written = await put(urlOf(cluster, 0), "doomed", "x");
  const deleted = await call(`${urlOf(cluster, 1)}/kv/doomed`, {
    method: "DELETE",
    headers: { "x-dynamo-context": contextOf(written) },
  });
  assert.equal(deleted.status, 200, deleted.text);
  for (const { url } of cluster.nodes) {
    const read = await get(url, "doomed");
    assert.equal(read.status, 404);
    contextOf(read);
  }
}

async function everyNodeAgreesOnTheRing(cluster: RunningCluster): Promise<void> {
  const bodies = cluster.nodes.map(async ({ url }) => (await call(`${url}/ring/greeting`)).json);
  const [first, ...others] = await Promise.all(bodies);
  assert.ok(first !== undefined);
  const { key, hash, partition, preferenceList, ringVersion } = first;
  assert.equal(key, "greeting");
  assert.equal(hash, createHash("md5").update("greeting").digest("hex"));
  // With 128 equal partitions, the default, the first 7 bits are the partition's number.
  assert.equal(partition, parseInt(hash.slice(0, 2), 16) >> 1);
  assert.equal(typeof ringVersion, "string");
  assert.deepEqual(
    preferenceList.map(({ primary }) => primary),
    [true, true, true, false, false],
  );
  const urls = new Map(cluster.nodes.map(({ id, url }) => [id, url]));
  assert.equal(new Set(preferenceList.map(({ id }) => id)).size, 5);
  for (const { id, url } of preferenceList) assert.equal(url, urls.get(id));
  for (const other of others) assert.deepEqual(other, first);
}

/** The protocol of `curl --http2-prior-knowledge`. */
async function http2IsSupported(cluster: RunningCluster): Promise<void> {
  const session = connect(urlOf(cluster, 2));
  try {
    const [status, body] = await new Promise<[unknown, string]>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":path": "/kv/greeting" });
      let status: unknown;
      let body = "";
      stream.setEncoding("utf8");
      stream.on("response", (headers) => status = headers[":status"]);
      stream.on("data", (piece) => body += piece);
      stream.on("end", () => resolve([status, body]));
      stream.on("error", reject);
      stream.end();
    });
    assert.equal(status, 200);
    assert.equal(body, "hello");
  } finally {
    await new Promise<void>((resolve) => session.close(resolve));
  }
}

async function rpcNeedsTheSecret(cluster: RunningCluster): Promise<void> {
  const secret = await Deno.readTextFile(cluster.secretFile);
  const ping = (id: number) => ({ jsonrpc: "2.0", id, method: "ping", params: {} });
  const rpc = (authorization: string | null, body: unknown) =>
    call(`${urlOf(cluster, 0)}/rpc`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(authorization === null ? {} : { authorization }),
      },
      body: JSON.stringify(body),
    });
  assert.equal((await rpc(null, ping(1))).status, 401);
  assert.equal((await rpc("Bearer wrong", ping(1))).status, 401);
  assert.equal((await rpc(`Bearer ${secret}x`, ping(1))).status, 401);
  const single = await rpc(`Bearer ${secret}`, ping(7));
  assert.equal(single.status, 200);
  assert.equal(single.json.id, 7);
  assert.ok("result" in single.json, single.text);
  const batch = await rpc(`Bearer ${secret}`, [ping(1), ping(2)]);
  assert.equal(batch.status, 200);
  const replies: Body[] = JSON.parse(batch.text);
  assert.deepEqual(
    replies.map(({ id, result }) => `${id} ${typeof result}`).sort(),
    ["1 object", "2 object"],
  );
  const debug = `${urlOf(cluster, 0)}/debug/keys`;
  assert.equal((await call(debug)).status, 401);
  const held = await call(debug, { headers: { authorization: `Bearer ${secret}` } });
  assert.equal(held.status, 200);
}

const STEPS: readonly [string, (cluster: RunningCluster) => Promise<void>][] = [
  ["a value put on one node is read on every node, with a context", everyNodeAnswers],
  ["a put with the context replaces the value", contextReplaces],
  [
    "puts without context become siblings, and a put with their context replaces them",
    siblingsAndTheirReconciliation,
  ],
  ["two puts with one context through one coordinator are siblings", oneContextTwice],
  ["a value of 1 MiB and an empty one are read back unchanged, with their type", valuesOfAnySize],
  ["invalid requests are refused with the reason", mistakesAreExplained],
  ["a deleted key is absent everywhere, with the tombstone's context", deletesLeaveTombstones],
  ["every node returns the same preference list for a key", everyNodeAgreesOnTheRing],
  ["nodes support HTTP/2 with prior knowledge", http2IsSupported],
  ["RPC and debug need the secret; a batch of two gets two results", rpcNeedsTheSecret],
];

Deno.test("a cluster of five nodes with N=3 R=2 W=2, over REST and RPC", async (t) => {
  await withCluster({ nodes: 5, config: { n: 3, r: 2, w: 2 } }, async (cluster) => {
    for (const [name, step] of STEPS) await t.step(name, () => step(cluster));
  });
});
