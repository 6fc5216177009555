import assert from "node:assert/strict";
import { BreakingNode } from "../../tests/breaking_node.ts";
import { makeInitialRing } from "../dynamo/ring/initial_ring.ts";
import { Ring } from "../dynamo/ring/ring.ts";
import { clusterConfig } from "../dynamo/types/config.ts";
import { SeededRandom } from "../random/seeded.ts";
import { type ClientOptions, DynamoClient } from "./client.ts";

const NODES = ["http://a:1", "http://b:1", "http://c:1", "http://d:1", "http://e:1"];

interface Asked {
  readonly method: string;
  readonly node: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array | null;
}
type Reply = (asked: Asked) => Response | Promise<Response>;

/** A client whose requests `reply` answers, and the requests that it made. */
function clientOf(reply: Reply, options: Partial<ClientOptions> = {}) {
  const asked: Asked[] = [];
  const client = new DynamoClient({
    nodes: NODES,
    random: SeededRandom.from("client"),
    fetch: async (url, init) => {
      const { origin, pathname, search } = new URL(url);
      const sent = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
      const body = sent.length === 0 ? null : sent;
      const headers = new Headers(init.headers);
      const one: Asked = {
        method: init.method ?? "GET",
        node: origin,
        path: pathname + search,
        headers,
        body,
      };
      asked.push(one);
      return await reply(one);
    },
    ...options,
  });
  return { client, asked };
}

const value = (text: string, context = "ctx") =>
  new Response(text, { headers: { "x-dynamo-context": context, "content-type": "text/plain" } });
const written = (context = "ctx") =>
  Response.json({ key: "k", context, coordinator: "n1", acks: ["n1", "n2"], hints: [] });
const problem = (status: number, type: string, more: Record<string, unknown> = {}) =>
  new Response(JSON.stringify({ type: `urn:dynamo:problem:${type}`, title: type, ...more }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
const refuseConnection = () => {
  const cause = new Error("client error (Connect): tcp connect error: Connection refused");
  throw new TypeError("fetch failed", { cause });
};
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("get: the value with its type and context", async () => {
  const { client, asked } = clientOf(() => value("hello", "c1"));
  const result = await client.get("a/b ü", { r: 1, sloppy: false });
  assert.ok(result.outcome === "ok" && result.found === true);
  assert.equal(text(result.value), "hello");
  assert.equal(result.contentType, "text/plain");
  assert.equal(result.context, "c1");
  assert.equal(asked[0]?.path, "/kv/a%2Fb%20%C3%BC?r=1&sloppy=false");
});

Deno.test("get: absent, and deleted with the tombstone's context", async () => {
  const absent = await clientOf(() => problem(404, "absent")).client.get("k");
  assert.ok(absent.outcome === "ok" && absent.found === false);
  assert.equal(absent.context, null);
  const gone = new Response(null, { status: 404, headers: { "x-dynamo-context": "tomb" } });
  const deleted = await clientOf(() => gone).client.get("k");
  assert.ok(deleted.outcome === "ok" && deleted.found === false);
  assert.equal(deleted.context, "tomb");
});

const twoSiblings = () =>
  Response.json({
    key: "k",
    context: "both",
    siblings: [
      { value: "milk", contentType: "text/plain", clock: [] },
      { valueBase64: btoa("\xff\x00"), contentType: "image/x", clock: [] },
    ],
  }, { status: 300 });

Deno.test("siblings: all are returned without a resolver, one value with a resolver", async () => {
  const plain = await clientOf(twoSiblings).client.get("k");
  assert.ok(plain.outcome === "ok" && plain.found === "siblings");
  assert.equal(plain.context, "both");
  assert.deepEqual(plain.siblings.map((sibling) => [...sibling.value]), [
    [...new TextEncoder().encode("milk")],
    [0xff, 0],
  ]);
  const { client } = clientOf(twoSiblings, {
    resolve: (siblings) => ({ value: `${siblings.length} of them`, contentType: "text/x" }),
  });
  const resolved = await client.get("k");
  assert.ok(resolved.outcome === "ok" && resolved.found === true);
  assert.equal(text(resolved.value), "2 of them");
  assert.equal(resolved.contentType, "text/x");
  assert.equal(resolved.siblings.length, 2);
});

Deno.test("update replaces what it has read", async () => {
  const { client, asked } = clientOf(
    ({ method }) => method === "GET" ? twoSiblings() : written(),
    { resolve: (siblings) => siblings.map((sibling) => text(sibling.value)).join() },
  );
  const result = await client.update("k", (current) => `${text(current!.value)}!`, { w: 3 });
  assert.equal(result.outcome, "ok");
  assert.equal(asked[1]?.method, "PUT");
  assert.equal(asked[1]?.path, "/kv/k?w=3");
  assert.equal(asked[1]?.headers.get("x-dynamo-context"), "both");
  assert.match(text(asked[1]?.body as Uint8Array), /^milk,.*!$/);
});

Deno.test("update: fails for siblings without a resolver; null writes nothing", async () => {
  const { client, asked } = clientOf(twoSiblings);
  const result = await client.update("k", () => "x");
  assert.ok(result.outcome === "failed");
  assert.match(
    result.error.message,
    /Cannot update 'k': it has 2 siblings and there is no resolver/,
  );
  const quiet = clientOf(() => value("v"));
  assert.deepEqual(await quiet.client.update("k", () => null), { outcome: "ok", unchanged: true });
  assert.equal(asked.length + quiet.asked.length, 2);
});

Deno.test("put: sends the bytes, type and context, and returns the acknowledgements", async () => {
  const { client, asked } = clientOf(() => written("c2"));
  const bytes = new Uint8Array([0, 1, 255]);
  const result = await client.put("k", bytes, { context: "c1", contentType: "image/png" });
  assert.ok(result.outcome === "ok");
  assert.deepEqual([result.context, result.acks], ["c2", ["n1", "n2"]]);
  assert.deepEqual(asked[0]?.body, bytes);
  assert.equal(asked[0]?.headers.get("content-type"), "image/png");
  assert.equal(asked[0]?.headers.get("x-dynamo-context"), "c1");
});

Deno.test("contexts are remembered if asked for, and the least recently used is dropped first", async () => {
  let count = 0;
  const reply: Reply = ({ method }) =>
    method === "GET" ? value("v", "read") : written(`w${++count}`);
  const forgetful = clientOf(reply);
  await forgetful.client.put("k", "1");
  await forgetful.client.put("k", "2");
  assert.equal(forgetful.asked[1]?.headers.get("x-dynamo-context"), null);

  const { client, asked } = clientOf(reply, { rememberContexts: 2 });
  await client.get("a");
  await client.put("a", "1");
  await client.put("b", "2");
  await client.put("a", "3");
  await client.put("c", "4");
  await client.put("b", "5");
  await client.put("a", "6", { context: null });
  const sent = asked.slice(1).map((one) => one.headers.get("x-dynamo-context"));
  assert.deepEqual(sent, ["read", null, "w3", null, null, null]);
});

Deno.test("a node that refuses connections is skipped, and asked last afterwards", async () => {
  const { client, asked } = clientOf(({ node, method }) =>
    node === "http://b:1" ? refuseConnection() : method === "GET" ? value("v") : written()
  );
  for (let i = 0; i < 10; i++) {
    assert.equal((await client.put(`k${i}`, "v")).outcome, "ok");
    assert.equal((await client.get(`k${i}`)).outcome, "ok");
  }
  assert.equal(asked.filter((one) => one.node === "http://b:1").length, 1);
  const others = new Set(asked.map((one) => one.node));
  assert.equal(others.size, 5, "the load is spread over all nodes");
});

Deno.test("a write that may have arrived is indeterminate and not sent again", async () => {
  const { client, asked } = clientOf(() => {
    throw new TypeError("connection reset");
  });
  const put = await client.put("k", "v");
  assert.ok(put.outcome === "indeterminate");
  assert.equal(put.error.code, "unreachable");
  assert.equal(asked.length, 1);
  const get = await client.get("k");
  assert.equal(get.outcome, "failed");
  assert.equal(asked.length, 1 + NODES.length, "a read is: it has no effect to double");
});

Deno.test("all nodes down: the write has certainly failed, and the error lists the nodes", async () => {
  const put = await clientOf(refuseConnection).client.put("k", "v");
  assert.ok(put.outcome === "failed");
  assert.deepEqual([...put.error.tried].sort(), NODES);
  assert.match(put.error.message, /Connection refused/);
});

Deno.test("503: `definite` decides the outcome; another node is asked only for some errors", async () => {
  const quorum = (definite: boolean) =>
    problem(503, "quorum-not-met", { definite, needed: 2, got: 1, unreachable: ["n2"] });
  const unsure = clientOf(() => quorum(false));
  const maybe = await unsure.client.put("k", "v");
  assert.ok(maybe.outcome === "indeterminate");
  assert.deepEqual([maybe.error.code, maybe.error.needed, maybe.error.got], [
    "quorum-not-met",
    2,
    1,
  ]);
  assert.deepEqual(maybe.error.unreachable, ["n2"]);
  assert.equal((await clientOf(() => quorum(true)).client.put("k", "v")).outcome, "failed");
  assert.equal(unsure.asked.length, 1);

  let refusals = 0;
  const busy = clientOf(() =>
    ++refusals < 3 ? problem(503, "overloaded", { definite: true }) : written()
  );
  assert.equal((await busy.client.put("k", "v")).outcome, "ok");
  assert.equal(busy.asked.length, 3);
});

Deno.test("503: without a quorum, a read tries the other side of a partition, but a write does not", async () => {
  const quorum = () => problem(503, "quorum-not-met", { definite: true, needed: 2, got: 1 });
  const cutOff = (): Reply => {
    let asked = 0;
    return ({ method }) => ++asked === 1 ? quorum() : method === "GET" ? value("v") : written();
  };
  const reader = clientOf(cutOff());
  assert.equal((await reader.client.get("k")).outcome, "ok");
  assert.equal(reader.asked.length, 2);
  const writer = clientOf(cutOff());
  assert.equal((await writer.client.put("k", "v")).outcome, "failed");
  assert.equal(writer.asked.length, 1);

  let asked = 0;
  const lonely = clientOf(() => ++asked === 1 ? quorum() : refuseConnection());
  const read = await lonely.client.get("k");
  assert.ok(read.outcome === "failed");
  assert.equal(
    read.error.code,
    "quorum-not-met",
    "what one said counts more than what others did not",
  );
  assert.equal(read.error.tried.length, NODES.length);
});

Deno.test("a write fails with a 4xx, and is indeterminate with a 5xx that has no `definite`", async () => {
  const conflict = await clientOf(() => problem(409, "too-many-siblings", { context: "all" }))
    .client.put("k", "v");
  assert.ok(conflict.outcome === "failed");
  assert.equal(conflict.error.context, "all");
  assert.equal(conflict.error.status, 409);
  const broken = await clientOf(() => new Response("oops", { status: 500 })).client.put("k", "v");
  assert.ok(broken.outcome === "indeterminate");
  assert.equal(broken.error.code, "http-500");
  const garbled = await clientOf(() => new Response("{")).client.put("k", "v");
  assert.ok(garbled.outcome === "indeterminate");
  assert.equal(garbled.error.code, "bad-answer");
});

Deno.test("after a timeout a write is indeterminate, and a read has failed", async () => {
  const pending: Reply[] = [];
  const { client } = clientOf(() => new Promise<Response>(() => pending.length), {
    timeoutMs: 30,
    nodes: ["http://a:1"],
    fetch: (_, init) =>
      new Promise((_, reject) =>
        init.signal?.addEventListener("abort", () => reject(new DOMException("", "AbortError")))
      ),
  });
  const put = await client.put("k", "v");
  assert.ok(put.outcome === "indeterminate");
  assert.equal(put.error.code, "timed-out");
  const get = await client.get("k");
  assert.ok(get.outcome === "failed");
  assert.match(get.error.message, /http:\/\/a:1 did not answer within 30 ms/);
});

Deno.test("an aborted operation ends with `aborted`", async () => {
  const stop = new AbortController();
  const { client } = clientOf(() => {
    stop.abort();
    throw new DOMException("", "AbortError");
  });
  const put = await client.put("k", "v", { signal: stop.signal });
  assert.ok(put.outcome === "indeterminate");
  assert.equal(put.error.code, "aborted");
  const late = await client.put("k", "v", { signal: stop.signal });
  assert.equal(late.outcome, "failed", "it was never sent");
});

Deno.test("keys that are not possible in a URL are refused without a request", async () => {
  const { client, asked } = clientOf(() => written());
  for (const key of ["", ".", "..", "\ud800"]) {
    const put = await client.put(key, "v");
    assert.ok(put.outcome === "failed");
    assert.match(put.error.message, /a key (must|cannot)/);
  }
  assert.equal(asked.length, 0);
  assert.throws(() => new DynamoClient({ nodes: [] }), /nodes must have at least one URL/);
});

// Partition-aware ---------------------------------------------------------------------------------

const members = NODES.map((url, i) => ({ id: `n${i}`, url, weight: 1 }));
const config = clusterConfig({ n: 3, partitions: 64 });
const state = makeInitialRing(members, config, SeededRandom.from("ring"));
const ring = new Ring(state, config.n);
const ringAnswer = () =>
  Response.json({ ...state, members, n: config.n, ringVersion: ring.version });
const primariesOf = (key: string) =>
  ring.primariesOfKey(key).map((id) => members.find((member) => member.id === id)?.url as string);

Deno.test("partition-aware: asks the key's first replica, the next when it does not answer", async () => {
  const down = new Set<string>();
  const { client, asked } = clientOf(
    ({ node, path }) =>
      path === "/ring" ? ringAnswer() : down.has(node) ? refuseConnection() : written(),
    { nodes: [NODES[0] as string], routing: "partition-aware" },
  );
  for (let i = 0; i < 40; i++) await client.put(`k${i}`, "v");
  const puts = asked.filter((one) => one.method === "PUT");
  puts.forEach((one, i) => assert.equal(one.node, primariesOf(`k${i}`)[0]));
  assert.equal(asked.filter((one) => one.path === "/ring").length, 1, "the ring is asked for once");

  const [first, second] = primariesOf("k7");
  down.add(first as string);
  const put = await client.put("k7", "v");
  assert.ok(put.outcome === "ok");
  assert.equal(put.node, second);
});

Deno.test("partition-aware: every coordinator choice stays among the primaries", async () => {
  for (const coordinator of ["first", "random", "fastest", "least-loaded"] as const) {
    const { client, asked } = clientOf(({ path }) => path === "/ring" ? ringAnswer() : written(), {
      routing: "partition-aware",
      coordinator,
    });
    for (let i = 0; i < 30; i++) await client.put("greeting", "v");
    const nodes = new Set(
      asked.filter((one) => one.method === "PUT").map((one) => one.node),
    );
    for (const node of nodes) assert.ok(primariesOf("greeting").includes(node), coordinator);
    if (coordinator === "random") assert.equal(nodes.size, 3);
  }
});

Deno.test("partition-aware: without a ring any node is asked", async () => {
  const { client } = clientOf(
    ({ path }) => path === "/ring" ? new Response("no", { status: 500 }) : written(),
    { routing: "partition-aware" },
  );
  assert.equal((await client.put("k", "v")).outcome, "ok");
});

Deno.test("a write whose connection breaks is sent once, and its effect is unknown", async () => {
  for (const method of ["put", "delete"] as const) {
    await using node = new BreakingNode();
    const client = new DynamoClient({ nodes: [node.url], random: SeededRandom.from("broken") });
    await client.get("k");
    const done = method === "put" ? await client.put("k", "v") : await client.delete("k");
    assert.equal(done.outcome, "indeterminate");
    assert.deepEqual(node.received, ["GET", method.toUpperCase()]);
  }
});
