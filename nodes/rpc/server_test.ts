/** The RPC server without sockets: open methods, streams, and refusals. */
import { deepEqual, equal } from "node:assert/strict";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import { clusterConfig } from "../../lib/dynamo/types/config.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { BATCH_CALLS_LIMIT, PROTOCOL_VERSION } from "./messages.ts";
import { RpcServer } from "./server.ts";

const MEMBERS = [{ id: "n2", url: "http://127.0.0.1:9102", weight: 1 }];
const CONFIG = clusterConfig({ cluster: "tests", n: 2 });
const INITIAL_CONFIG: InitialClusterConfig = {
  config: CONFIG,
  members: MEMBERS,
  ring: makeInitialRing(MEMBERS, CONFIG, SeededRandom.from(1)),
};
const OWN = { protocol: PROTOCOL_VERSION, cluster: "tests", sender: "n2", incarnation: 1 };
const SIBLINGS = [{
  value: "aGk=",
  contentType: "text/plain",
  dot: ["n1/a/1.1", 2],
  clock: [["n1/a/1.1", 1], ["n2/b/1.1", 4]],
  stampUs: 17,
}] as const;

/** Posts a body to a server whose replica records the request and answers "stored". */
async function post(body: string): Promise<{ response: Response; asked: PeerRequest[] }> {
  const asked: PeerRequest[] = [];
  const server = new RpcServer(INITIAL_CONFIG, OWN, (_from, request, answer) => {
    asked.push(request);
    answer({ status: "stored" });
  });
  const response = await server.handle(new Request("http://n2/rpc", { method: "POST", body }));
  return { response, asked };
}

const ENVELOPE = { protocol: PROTOCOL_VERSION, cluster: "tests", sender: "n1", incarnation: 1 };
const call = (method: string, params: unknown) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
const put = (changes: object) =>
  call("replica.put", {
    envelope: ENVELOPE,
    key: "k",
    purpose: "replicate",
    siblings: SIBLINGS,
    ...changes,
  });
const version = (changes: object) => put({ siblings: [{ ...SIBLINGS[0], ...changes }] });

Deno.test("ping needs only the secret, in a batch too", async () => {
  const ping = { jsonrpc: "2.0", method: "ping", params: {} };
  const { response } = await post(JSON.stringify([{ ...ping, id: 1 }, { ...ping, id: "two" }]));
  const results = await response.json();
  deepEqual(results.map((each: { id: unknown }) => each.id), [1, "two"]);
  deepEqual(results[0].result, {
    envelope: { protocol: PROTOCOL_VERSION, cluster: "tests", sender: "n2", incarnation: 1 },
    status: "pong",
  });
});

Deno.test("a node that wants to join can get the initial configuration", async () => {
  const { response } = await post('{"jsonrpc":"2.0","id":1,"method":"initial-config"}');
  deepEqual((await response.json()).result.initialConfig, INITIAL_CONFIG);
});

Deno.test("a notification is executed but not answered", async () => {
  const { response, asked } = await post(put({}).replace('"id":1,', ""));
  equal(response.status, 204);
  equal(asked.length, 1);
});

Deno.test("a stream answers each line when its result is available, and survives a bad line", async () => {
  let release: () => void = () => {};
  const server = new RpcServer(INITIAL_CONFIG, OWN, (_from, request, answer) => {
    const reply = () => answer({ status: "stored" });
    if (request.method === "replica.get" && request.key === "slow") release = reply;
    else reply();
  });
  const line = (id: number, key: string) =>
    `{"jsonrpc":"2.0","id":${id},"method":"replica.get","params":${
      JSON.stringify({ envelope: ENVELOPE, key })
    }}\n`;
  const body = `${line(1, "slow")}${line(2, "quick")}garbage\n[${line(3, "in a batch").trim()}]\n`;
  const response = await server.handle(
    new Request("http://n2/rpc", {
      method: "POST",
      body,
      headers: { "content-type": "application/jsonl" },
    }),
  );
  equal(response.headers.get("content-type"), "application/jsonl");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  let text = "";
  while (text.split("\n").length < 4) text += await read();
  const early = text.trim().split("\n").map((each) => JSON.parse(each));
  deepEqual(early.map((each) => each.id ?? each.error?.code ?? each[0].id), [2, -32700, 3]);
  release();
  equal(JSON.parse(await read()).id, 1);
  equal((await reader.read()).done, true);
});

Deno.test("a stream has its envelopes in the headers, and its lines need none", async () => {
  const from: string[] = [];
  const server = new RpcServer(INITIAL_CONFIG, OWN, (sender, _request, answer) => {
    from.push(sender);
    answer({ status: "stored" });
  });
  const respondWithLines = (envelope: object) =>
    server.handle(
      new Request("http://n2/rpc", {
        method: "POST",
        body: call("replica.get", { key: "k" }),
        headers: {
          "content-type": "application/jsonl",
          "dynamo-envelope": JSON.stringify(envelope),
        },
      }),
    );
  const response = await respondWithLines({ ...ENVELOPE, to: "n2" });
  deepEqual(JSON.parse(response.headers.get("dynamo-envelope") ?? ""), OWN);
  deepEqual(await response.json(), { jsonrpc: "2.0", id: 1, result: { status: "stored" } });
  for (
    const [envelope, code] of [
      [{ ...ENVELOPE, to: "n3" }, -32003],
      [{ ...ENVELOPE, cluster: "others" }, -32002],
      [{ ...ENVELOPE, protocol: 0 }, -32001],
      [{ ...ENVELOPE, sender: 1 }, -32602],
    ] as const
  ) {
    const refused = await respondWithLines(envelope);
    equal(refused.status, 409);
    equal((await refused.json()).error.code, code);
  }
  deepEqual(from, ["n1"]);
});

Deno.test("a stopping node refuses new calls and does not execute them", async () => {
  const server = new RpcServer(INITIAL_CONFIG, OWN, () => {
    throw new Error("the call was executed");
  });
  server.stopAccepting();
  const response = await server.handle(
    new Request("http://n2/rpc", { method: "POST", body: put({}) }),
  );
  equal((await response.json()).error.code, -32000);
});

for (
  const [name, body, code] of [
    ["truncated JSON", "{", -32700],
    ["a control character", "\u0000", -32700],
    ["an empty batch", "[]", -32600],
    ["too long a batch", `[${"1,".repeat(BATCH_CALLS_LIMIT)}1]`, -32600],
    ["a number", "1", -32600],
    ["null", "null", -32600],
    ["no version", '{"id":1,"method":"ping"}', -32600],
    ["an object as id", '{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
    ["params in a list", '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32602],
    ["an unknown method", call("replica.drop", { envelope: ENVELOPE }), -32601],
    ["a method of every object", call("constructor", { envelope: ENVELOPE }), -32601],
    ["no envelope", call("replica.get", { key: "k" }), -32602],
    ["another version", call("replica.get", { envelope: { ...ENVELOPE, protocol: 99 } }), -32001],
    ["another cluster", call("replica.get", { envelope: { ...ENVELOPE, cluster: "x" } }), -32002],
    ["no key", call("replica.get", { envelope: ENVELOPE }), -32602],
    ["a lone surrogate", put({ key: "\ud800" }), -32602],
    ["no siblings", put({ siblings: {} }), -32602],
    ["a value that is not base64", version({ value: "!" }), -32602],
    ["a line break in a content type", version({ contentType: "a\r\nb: c" }), -32602],
    ["a dot with counter 0", version({ dot: ["n1", 0] }), -32602],
    ["a clock out of order", version({ clock: [["b", 1], ["a", 1]] }), -32602],
    ["an actor twice", version({ clock: [["a", 1], ["a", 2]] }), -32602],
    ["a counter that is a string", version({ clock: [["a", "1"]] }), -32602],
    ["a negative stamp", version({ stampUs: -1 }), -32602],
  ] as const
) {
  Deno.test(`refused: ${name}`, async () => {
    const { response, asked } = await post(body);
    const json = await response.json();
    equal((Array.isArray(json) ? json[0] : json).error.code, code);
    deepEqual(asked, []);
  });
}
