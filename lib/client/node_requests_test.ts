/** JSON requests to a node: an answer, a problem that becomes an error, or no answer. */
import assert from "node:assert/strict";
import { BreakingNode } from "../../tests/breaking_node.ts";
import { askForJson, NodeError } from "./node_requests.ts";

const URL = "http://127.0.0.1:9101/status";
const TIMEOUT_MS = 20_000;

async function errorOf(asking: Promise<unknown>): Promise<NodeError> {
  const error = await asking.then(() => assert.fail("it was answered"), (error) => error);
  assert.ok(error instanceof NodeError, String(error));
  return error;
}

Deno.test("a request has the secret and a JSON body", async () => {
  const requests: Request[] = [];
  const fetchFrom = (url: string, init: RequestInit) => {
    requests.push(new Request(url, init));
    return Promise.resolve(Response.json({ well: true }));
  };
  const request = { url: URL, secret: "s", timeoutMs: TIMEOUT_MS };
  assert.deepEqual(await askForJson({ ...request, method: "POST", json: { a: 1 } }, fetchFrom), {
    well: true,
  });
  await askForJson({ url: URL, secret: null, timeoutMs: TIMEOUT_MS }, fetchFrom);
  const [post, get] = requests as [Request, Request];
  assert.deepEqual([post.method, get.method], ["POST", "GET"]);
  assert.equal(post.headers.get("authorization"), "Bearer s");
  assert.equal(get.headers.get("authorization"), null);
  assert.equal(post.headers.get("content-type"), "application/json");
  assert.deepEqual(await post.json(), { a: 1 });
});

Deno.test("a problem becomes an error with its status, code and detail", async () => {
  const answers: readonly (readonly [Response, object])[] = [
    [
      Response.json({ type: "urn:x:ring-moved", detail: "it has moved", title: "no" }, {
        status: 409,
      }),
      { status: 409, code: "ring-moved", message: "it has moved", definite: true },
    ],
    [
      Response.json({ type: "urn:x:storage-failed", detail: "disk", definite: false }, {
        status: 503,
      }),
      { status: 503, code: "storage-failed", message: "disk", definite: false },
    ],
    [
      new Response("oops", { status: 500 }),
      { status: 500, code: "http-500", message: "HTTP 500", definite: false },
    ],
  ];
  for (const [answer, expected] of answers) {
    const request = { url: URL, timeoutMs: TIMEOUT_MS };
    const { status, code, message, definite } = await errorOf(
      askForJson(request, () => Promise.resolve(answer)),
    );
    assert.deepEqual({ status, code, message, definite }, expected);
  }
});

Deno.test("an answer that is not JSON is an error", async () => {
  const fetchFrom = () => Promise.resolve(new Response("<html>"));
  const error = await errorOf(askForJson({ url: URL, timeoutMs: TIMEOUT_MS }, fetchFrom));
  assert.deepEqual([error.status, error.code, error.definite], [200, "bad-answer", false]);
});

Deno.test("a POST whose connection breaks is sent once, and its effect is unknown", async () => {
  await using node = new BreakingNode({});
  const request = { url: node.url, timeoutMs: TIMEOUT_MS };
  await askForJson(request);
  const error = await errorOf(askForJson({ ...request, method: "POST", json: { planId: "p" } }));
  assert.deepEqual([error.status, error.code, error.definite], [null, "unreachable", false]);
  assert.deepEqual(node.received, ["GET", "POST"]);
});

Deno.test("an idempotent request is sent again when its connection breaks", async () => {
  await using node = new BreakingNode({});
  const request = { url: node.url, isIdempotent: true, timeoutMs: TIMEOUT_MS };
  await askForJson(request);
  await askForJson({ ...request, method: "PUT", json: { drop: 1 } });
  assert.deepEqual(node.received, ["GET", "PUT", "PUT"]);
});

Deno.test("a refused connection means no effect; a late or aborted request may have had one", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}`;
  const post = { method: "POST", url, json: {} } as const;
  const late = await errorOf(askForJson({ ...post, timeoutMs: 1 }));
  assert.deepEqual([late.code, late.definite], ["timed-out", false]);
  const aborter = new AbortController();
  const asking = errorOf(askForJson({ ...post, timeoutMs: TIMEOUT_MS, signal: aborter.signal }));
  aborter.abort();
  const aborted = await asking;
  assert.deepEqual([aborted.code, aborted.definite], ["aborted", false]);
  listener.close();
  const refused = await errorOf(askForJson({ ...post, timeoutMs: TIMEOUT_MS }));
  assert.deepEqual([refused.code, refused.definite], ["unreachable", true]);
});
