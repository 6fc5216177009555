import assert from "node:assert/strict";
import { BreakingNode } from "../../../../../tests/breaking_node.ts";
import { dashboardFixture } from "../../../../../tests/dashboard_fixture.ts";

async function started() {
  const fixture = dashboardFixture();
  await fixture.post("/api/clusters", { name: "a" });
  return fixture;
}

Deno.test("a get returns the node's status, bytes and context, and the node's id", async () => {
  const { ask, nodes } = await started();
  nodes.answer = () =>
    new Response(new Uint8Array([0, 255, 7]), {
      headers: {
        "Content-Type": "image/x-odd",
        "X-Dynamo-Context": "abc",
        "X-Dynamo-Siblings": "1",
        "Set-Cookie": "no=1",
      },
    });
  const response = await ask("/api/clusters/a/kv/greeting?node=n3&r=1");
  assert.equal(response.status, 200);
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([0, 255, 7]));
  assert.equal(response.headers.get("Content-Type"), "image/x-odd");
  assert.equal(response.headers.get("X-Dynamo-Context"), "abc");
  assert.equal(response.headers.get("X-Dynamo-Node"), "n3");
  assert.equal(response.headers.get("Set-Cookie"), null);
  // A stored HTML page must not run as a page of the dashboard.
  assert.match(response.headers.get("Content-Security-Policy") ?? "", /sandbox/);
  assert.equal(nodes.asked.at(-1), "GET http://127.0.0.1:20003/kv/greeting?r=1");
});

Deno.test("a put forwards body, type and context, and the key stays encoded as it was sent", async () => {
  const { ask, nodes } = await started();
  let body = new Uint8Array();
  nodes.answer = async (request) => {
    body = new Uint8Array(await request.arrayBuffer());
    return Response.json({ key: "a/b", context: "next" });
  };
  const response = await ask("/api/clusters/a/kv/a%2Fb%20%C3%A9?node=n1&w=3", {
    method: "PUT",
    headers: { "Content-Type": "text/csv", "X-Dynamo-Context": "ctx" },
    body: "1,2",
  });
  assert.equal(response.status, 200);
  assert.equal(new TextDecoder().decode(body), "1,2");
  const sent = nodes.requests.at(-1);
  assert.equal(sent?.url, "http://127.0.0.1:20001/kv/a%2Fb%20%C3%A9?w=3");
  assert.equal(sent?.headers.get("Content-Type"), "text/csv");
  assert.equal(sent?.headers.get("X-Dynamo-Context"), "ctx");
});

Deno.test("HEAD asks the node with GET, and answers with that length", async () => {
  const { ask, nodes } = await started();
  nodes.answer = () => new Response("hello");
  const response = await ask("/api/clusters/a/kv/k?node=n1", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("Content-Length"), "5");
  assert.equal(response.body, null);
  assert.equal(nodes.asked.at(-1), "GET http://127.0.0.1:20001/kv/k");
});

Deno.test("conditions and encodings reach the node, which refuses what it does not implement", async () => {
  const { ask, nodes } = await started();
  nodes.answer = () => Response.json({});
  const headers = { "If-None-Match": "*", "If-Match": '"t"', "Content-Encoding": "gzip" };
  await ask("/api/clusters/a/kv/k?node=n1", { method: "PUT", headers, body: "v" });
  const sent = nodes.requests.at(-1)?.headers;
  for (const [name, value] of Object.entries(headers)) assert.equal(sent?.get(name), value);
});

Deno.test("a node's problems are forwarded unchanged", async () => {
  const { ask, nodes } = await started();
  const problem = { type: "urn:x", title: "t", status: 503, needed: 2, got: 1, definite: false };
  nodes.answer = () =>
    Response.json(problem, {
      status: 503,
      headers: { "Content-Type": "application/problem+json", "Retry-After": "1" },
    });
  const response = await ask("/api/clusters/a/kv/k", { method: "PUT", body: "v" });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("Retry-After"), "1");
  assert.deepEqual(await response.json(), problem);
});

Deno.test("a value over 1 MiB is refused with 413 before any node is asked", async () => {
  const { ask, nodes } = await started();
  const before = nodes.asked.length;
  const body = new Uint8Array(1_048_577);
  const response = await ask("/api/clusters/a/kv/k", { method: "PUT", body });
  assert.equal(response.status, 413);
  assert.equal(nodes.asked.length, before);
});

Deno.test("a get is retried at another node; a put only if it certainly did not arrive", async () => {
  const { ask, nodes } = await started();
  const refusals: string[] = [];
  nodes.answer = (request) => {
    if (refusals.length < 2) {
      refusals.push(request.url);
      throw new TypeError("error sending request: client error (Connect): refused");
    }
    return Response.json({});
  };
  assert.equal((await ask("/api/clusters/a/kv/k", { method: "PUT", body: "v" })).status, 200);
  assert.equal(new Set(refusals).size, 2);

  let asked = 0;
  nodes.answer = () => {
    asked++;
    throw new TypeError("error sending request: connection reset by peer");
  };
  const lost = await ask("/api/clusters/a/kv/k", { method: "PUT", body: "v" });
  assert.equal(lost.status, 502);
  assert.equal((await lost.json()).definite, false);
  assert.equal(asked, 1);
  asked = 0;
  assert.equal((await ask("/api/clusters/a/kv/k")).status, 502);
  assert.equal(asked, 5);
});

Deno.test("a write whose connection breaks is sent once, and its outcome is not definite", async () => {
  for (const init of [{ method: "PUT", body: "v" }, { method: "DELETE" }]) {
    await using node = new BreakingNode();
    const { ask, nodes } = await started();
    nodes.answer = (request) => fetch(new Request(node.url, request));
    assert.equal((await ask("/api/clusters/a/kv/k?node=n1")).status, 404);
    const lost = await ask("/api/clusters/a/kv/k?node=n1", init);
    assert.equal(lost.status, 502);
    assert.equal((await lost.json()).definite, false);
    assert.deepEqual(node.received, ["GET", init.method]);
  }
});

Deno.test("only running nodes are asked, unless the request chooses one", async () => {
  const { ask, post, nodes } = await started();
  for (const id of ["n1", "n2", "n3", "n4"]) await post(`/api/clusters/a/nodes/${id}/kill`);
  nodes.answer = () => Response.json({});
  const response = await ask("/api/clusters/a/ring/k");
  assert.equal(response.headers.get("X-Dynamo-Node"), "n5");
  assert.equal(nodes.asked.at(-1), "GET http://127.0.0.1:20005/ring/k");
  await post("/api/clusters/a/nodes/n5/stop");
  const none = await ask("/api/clusters/a/kv/k");
  assert.equal(none.status, 502);
  assert.match((await none.json()).detail, /No node is running: n1 killed/);
  const unknown = await ask("/api/clusters/a/kv/k?node=n9");
  assert.equal(unknown.status, 404);
});
