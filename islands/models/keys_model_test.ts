import assert from "node:assert/strict";
import { requestEvent } from "../../tests/page_examples.ts";
import type { SiblingView } from "./api.ts";
import { ClusterApi } from "./cluster_api.ts";
import { KeysModel } from "./keys_model.ts";

interface SentRequest {
  readonly method: string;
  readonly url: string;
  readonly context: string | null;
  readonly body: string;
}

function keysOf(answers: (request: SentRequest) => Response) {
  const requests: SentRequest[] = [];
  const api = new ClusterApi("a", (url, init) => {
    const request = {
      method: init?.method ?? "GET",
      url: url.replace("/api/clusters/a", ""),
      context: new Headers(init?.headers).get("X-Dynamo-Context"),
      body: String(init?.body ?? ""),
    };
    requests.push(request);
    return Promise.resolve(answers(request));
  });
  return { keys: new KeysModel(api, { key: "", outcome: null }), requests };
}

function sibling(value: string, counter: number): SiblingView {
  return { value, contentType: "text/plain", clock: [], dot: ["n1/d/1.1", counter] };
}

function read(siblings: SiblingView[], context = "C1"): Response {
  const body = { key: "k", context, siblings, coordinator: "n1", replicas: [] };
  return Response.json(body, { status: siblings.length > 1 ? 300 : 200 });
}

const written = () =>
  Response.json({ key: "k", context: "C2", coordinator: "n2", acks: ["n2", "n1"], hints: [] });

function problem(status: number, code: string, more: object = {}): Response {
  return Response.json(
    { type: `urn:dynamo-simulator:problem:${code}`, title: code, status, ...more },
    { status, headers: { "Content-Type": "application/problem+json" } },
  );
}

Deno.test("a put sends the context of the last request for the same key", async () => {
  const { keys, requests } = keysOf(({ method }) =>
    method === "GET" ? read([sibling("red", 1)]) : written()
  );
  keys.key.value = "k";
  await keys.get();
  assert.equal(keys.outcome.value?.kind, "read");
  keys.value.value = "blue";
  await keys.put();
  assert.equal(requests.at(-1)?.context, "C1");
  await keys.put();
  assert.equal(requests.at(-1)?.context, "C2");
  keys.key.value = "other";
  await keys.put();
  assert.equal(requests.at(-1)?.context, null);
  keys.key.value = "k";
  keys.useContext.value = false;
  assert.equal(keys.contextForPut(), undefined);
});

Deno.test("R, W and the node are sent, and slashes in keys are encoded", async () => {
  const { keys, requests } = keysOf(({ method }) => method === "GET" ? read([]) : written());
  keys.key.value = "a/b c";
  keys.r.value = "1";
  keys.w.value = "3";
  keys.node.value = "n4";
  await keys.get();
  await keys.remove();
  assert.deepEqual(requests.map(({ method, url }) => `${method} ${url}`), [
    "GET /kv/a%2Fb%20c?node=n4&r=1",
    "DELETE /kv/a%2Fb%20c?node=n4&w=3",
  ]);
});

Deno.test("siblings are reconciled with the context that covers them all, then read again", async () => {
  let reconciled = false;
  const { keys, requests } = keysOf(({ method }) => {
    if (method === "PUT") {
      reconciled = true;
      return written();
    }
    return reconciled
      ? read([sibling("both", 3)])
      : read([sibling("x", 1), sibling("y", 2)], "C12");
  });
  keys.key.value = "k";
  await keys.get();
  // The key in the form may have changed since; the key that was read is reconciled.
  keys.key.value = "elsewhere";
  await keys.reconcile("both");
  const put = requests.find(({ method }) => method === "PUT");
  assert.deepEqual(put, { method: "PUT", url: "/kv/k", context: "C12", body: "both" });
  const outcome = keys.outcome.value;
  assert.ok(outcome?.kind === "read");
  assert.deepEqual(outcome.read.siblings.map((card) => card.text), ["both"]);
});

Deno.test("absence is an answer, and a tombstone's context is kept for the next put", async () => {
  const { keys } = keysOf(() => problem(404, "absent", { context: "T", coordinator: "n1" }));
  keys.key.value = "k";
  await keys.get();
  assert.ok(keys.outcome.value?.kind === "read");
  assert.equal(keys.contextForPut(), "T");
});

Deno.test("other 404s and refusals are problems", async () => {
  for (const [status, code] of [[404, "not-found"], [503, "quorum-not-met"]] as const) {
    const { keys } = keysOf(() => problem(status, code, { needed: 2, got: 1 }));
    keys.key.value = "k";
    await keys.get();
    const outcome = keys.outcome.value;
    assert.ok(outcome?.kind === "problem");
    assert.equal(outcome.problem.needed, 2);
    assert.equal(keys.busy.value, null);
  }
});

Deno.test("a server that does not answer is reported as a problem", async () => {
  const api = new ClusterApi("a", () => Promise.reject(new TypeError("failed to fetch")));
  const keys = new KeysModel(api, { key: "k", outcome: null });
  await keys.get();
  assert.ok(keys.outcome.value?.kind === "problem");
  assert.match(keys.outcome.value.problem.title, /did not answer/);
});

Deno.test("the page's own request gets its waterfall, whether answer or event comes first", async () => {
  const replicas = [
    { node: "n1", primary: true, outcome: "answered", sentUs: 0, answeredUs: 800 },
    { node: "n2", primary: true, outcome: "pending", sentUs: 0 },
  ];
  const envelope = { key: "k", context: "C", siblings: [], coordinator: "n1", replicas };
  const whole = requestEvent({ key: "k", method: "get" });

  const answerFirst = keysOf(() => Response.json(envelope)).keys;
  answerFirst.key.value = "k";
  await answerFirst.get();
  assert.equal(answerFirst.waterfall.value?.bars.length, 2);
  answerFirst.observe(requestEvent({ key: "other" }));
  assert.equal(answerFirst.waterfall.value?.bars.length, 2);
  answerFirst.observe(whole);
  assert.equal(answerFirst.waterfall.value?.bars.length, 3);

  const { keys } = keysOf(() => {
    keys.observe(whole);
    return Response.json(envelope);
  });
  keys.key.value = "k";
  await keys.get();
  assert.equal(keys.waterfall.value?.bars.length, 3);
  // Later requests for the same key are not the page's own.
  keys.observe(requestEvent({ key: "k", method: "get", replicas: [] }));
  assert.equal(keys.waterfall.value?.bars.length, 3);
});
