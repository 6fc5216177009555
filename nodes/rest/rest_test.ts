/** The REST API of one node with a real store, without sockets. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { BASE, contextOf, problemOf, SECRET, withNode } from "./rest_under_test.ts";

Deno.test("a value comes back byte for byte, with its type", async () => {
  await withNode(async ({ put, send }) => {
    const bytes = new Uint8Array(256).map((_, i) => i);
    const written = await put("/kv/all%2Fbytes", bytes, { "content-type": "image/png" });
    equal(written.status, 200);
    const { context, ...body } = await written.json();
    deepEqual(body, { key: "all/bytes", coordinator: "n1", acks: ["n1"], hints: [] });
    equal(context, contextOf(written));
    const read = await send("/kv/all%2Fbytes");
    equal(read.status, 200);
    equal(read.headers.get("content-type"), "image/png");
    equal(read.headers.get("x-dynamo-siblings"), "1");
    deepEqual(await read.bytes(), bytes);
  });
});

Deno.test("a write with a context replaces, one without makes a sibling, and a later one reconciles", async () => {
  await withNode(async ({ put, send }) => {
    const first = await put("/kv/k", "one", { "content-type": "text/plain" });
    const replaced = await put("/kv/k", "two", { "x-dynamo-context": contextOf(first) });
    equal(await (await send("/kv/k")).text(), "two");
    await put("/kv/k", "three", { "x-dynamo-context": contextOf(first) });
    await put("/kv/k", new Uint8Array([0xff]));
    const several = await send("/kv/k");
    equal(several.status, 300);
    equal(several.headers.get("x-dynamo-siblings"), "3");
    const { key, context, siblings } = await several.json();
    equal(key, "k");
    deepEqual(
      siblings.map((each: Record<string, unknown>) => each["value"] ?? each["valueBase64"]).sort(),
      ["/w==", "three", "two"],
    );
    equal(siblings.every((each: { dot: unknown; clock: unknown }) => each.dot && each.clock), true);
    await put("/kv/k", "all", { "x-dynamo-context": context });
    equal(await (await send("/kv/k")).text(), "all");
    equal(replaced.status, 200);
  });
});

Deno.test("a deleted key is 404 and keeps its context", async () => {
  await withNode(async ({ put, send }) => {
    const unknown = await send("/kv/k");
    equal(unknown.headers.get("x-dynamo-context"), null);
    equal((await problemOf(unknown)).type, "absent");
    const written = await put("/kv/k", "x");
    const headers = { "x-dynamo-context": contextOf(written) };
    equal((await send("/kv/k", { method: "DELETE", headers })).status, 200);
    const gone = await send("/kv/k");
    equal(gone.status, 404);
    const again = await put("/kv/k", "y", { "x-dynamo-context": contextOf(gone) });
    equal(again.status, 200);
    equal(await (await send("/kv/k")).text(), "y");
    equal((await send("/kv/k", { method: "DELETE" })).status, 200);
    equal((await send("/kv/k")).status, 404);
  });
});

Deno.test("a client that accepts JSON sees what each replica answered", async () => {
  await withNode(async ({ put, send }) => {
    await put("/kv/k", "x", { "content-type": "text/plain" });
    const read = await send("/kv/k", { headers: { accept: "application/json" } });
    equal(read.status, 200);
    const { siblings, coordinator, replicas } = await read.json();
    equal(coordinator, "n1");
    const { value, contentType, dot } = siblings[0];
    deepEqual({ value, contentType }, { value: "x", contentType: "text/plain" });
    const { node, outcome, dots, answeredUs } = replicas[0];
    deepEqual({ node, outcome, dots }, { node: "n1", outcome: "answered", dots: [dot] });
    equal(Number.isInteger(answeredUs), true);
  });
});

Deno.test("an ETag stays the same as long as the value does", async () => {
  await withNode(async ({ put, send }) => {
    const written = await put("/kv/k", "x");
    const etag = (await send("/kv/k")).headers.get("etag") as string;
    const ask = (value: string) => send("/kv/k", { headers: { "if-none-match": value } });
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const response = await ask(value);
      equal(response.status, 304, value);
      equal(response.body, null);
      equal(response.headers.get("etag"), etag);
    }
    equal((await ask('"other"')).status, 200);
    const json = { accept: "application/json" };
    const envelopeTag = (await send("/kv/k", { headers: json })).headers.get("etag") as string;
    equal((await ask(envelopeTag)).status, 200);
    await put("/kv/k", "y", { "x-dynamo-context": contextOf(written) });
    equal((await ask(etag)).status, 200);
  });
});

Deno.test("HEAD answers like GET without the body", async () => {
  await withNode(async ({ put, send }) => {
    await put("/kv/k", "hello", { "content-type": "text/plain" });
    const head = await send("/kv/k", { method: "HEAD" });
    equal(head.status, 200);
    equal(head.headers.get("content-length"), "5");
    equal(head.headers.get("content-type"), "text/plain");
    equal(head.body, null);
    const absent = await send("/kv/nothing", { method: "HEAD" });
    equal(absent.status, 404);
    equal(absent.body, null);
    await put("/kv/k", "sibling");
    const lengthOf = async (path: string) => {
      const { headers } = await send(path, { method: "HEAD" });
      return Number(headers.get("content-length"));
    };
    for (const path of ["/ring", "/docs", "/openapi.json"]) {
      equal(await lengthOf(path), (await (await send(path)).bytes()).length, path);
    }
    // These say how long each replica took, which has more digits in one answer than in the next.
    for (const path of ["/kv/k", "/kv/nothing"]) {
      const { length } = await (await send(path)).bytes();
      ok(Math.abs(await lengthOf(path) - length) < 20, path);
    }
    const stream = await send("/events", { method: "HEAD" });
    equal(stream.headers.get("content-length"), null);
    equal(await stream.text(), "");
  });
});

Deno.test("values have at most 1 MiB", async () => {
  await withNode(async ({ put, send }) => {
    const most = new Uint8Array(1_048_576).fill(7);
    equal((await put("/kv/k", most)).status, 200);
    deepEqual(await (await send("/kv/k")).bytes(), most);
    const more = await put("/kv/k", new Uint8Array(1_048_577));
    equal(more.status, 413);
    match((await problemOf(more)).detail, /at most 1048576 bytes/);
    const unannounced = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 17; i++) controller.enqueue(new Uint8Array(65_536));
        controller.close();
      },
    });
    equal((await put("/kv/k", unannounced)).status, 413);
  });
});

for (
  const [path, init, wrong] of [
    ["/kv/k?r=2", {}, /r must be a whole number from 1 to 1: current value is '2'/],
    ["/kv/k?w=1", {}, /unknown parameter 'w': allowed here are r, pr, sloppy, timeoutMs/],
    ["/kv/k?r=1", { method: "PUT", body: "x" }, /unknown parameter 'r'/],
    ["/kv/%zz", {}, /percent-encoding/],
    ["/kv/a/b", {}, /%2F/],
    ["/kv/", {}, /1 to 1024 bytes/],
    [
      "/kv/k",
      { method: "PUT", body: "x", headers: { "x-dynamo-context": "%" } },
      /garbled/,
    ],
    ["/ring/%zz", {}, /percent-encoding/],
  ] as const
) {
  Deno.test(`refused: ${init && "method" in init ? "PUT " : ""}${path}`, async () => {
    await withNode(async ({ send }) => {
      const response = await send(path, init);
      equal(response.status, 400);
      const { type, detail } = await problemOf(response);
      equal(type, "invalid");
      match(detail, wrong);
    });
  });
}

Deno.test("a key's place on the ring is its MD5", async () => {
  await withNode(async ({ send, service }) => {
    const place = await (await send("/ring/greeting")).json();
    deepEqual(place, {
      key: "greeting",
      hash: "699e0311097c48b46019dcfc07c772a1",
      partition: 52,
      preferenceList: [{ id: "n1", url: BASE, primary: true }],
      ringVersion: service.replica.ring.version,
    });
    const ring = await (await send("/ring")).json();
    equal(ring.ranges.length, 128);
    equal(ring.ranges[52].start <= place.hash && place.hash < ring.ranges[52].end, true);
    equal(ring.ringVersion, place.ringVersion);
  });
});

Deno.test("debug shows the node's records, and needs the secret", async () => {
  await withNode(async ({ put, send }) => {
    for (const key of ["a1", "a2", "b1"]) await put(`/kv/${key}`, key);
    equal((await problemOf(await send("/debug/keys"))).type, "unauthorized");
    const ask = (path: string) => send(path, { headers: { authorization: `Bearer ${SECRET}` } });
    const keysOf = async (path: string) => {
      const page = await (await ask(path)).json();
      return [page.keys.map((each: { key: string }) => each.key).sort(), page.next];
    };
    deepEqual(await keysOf("/debug/keys"), [["a1", "a2", "b1"], null]);
    deepEqual(await keysOf("/debug/keys?prefix=a"), [["a1", "a2"], null]);
    const seen: string[] = [];
    let after = "";
    do {
      const page = await (await ask(`/debug/keys?limit=1${after}`)).json();
      seen.push(...page.keys.map((each: { key: string }) => each.key));
      after = page.next === null ? "" : `&after=${page.next}`;
    } while (after !== "");
    deepEqual(seen.sort(), ["a1", "a2", "b1"]);
    const record = await (await ask("/debug/keys/a1")).json();
    equal(record.siblings[0].value, "a1");
    equal(record.primary, true);
    equal((await ask("/debug/keys/none")).status, 404);
    equal((await ask("/debug/keys?limit=0")).status, 400);
  });
});

Deno.test("status, probes and metrics show the node's state", async () => {
  await withNode(async ({ put, send, service }) => {
    await put("/kv/k", "x");
    await send("/kv/none");
    const status = await (await send("/status")).json();
    equal(status.keys, 1);
    deepEqual(status.requests, { inFlight: 0, served: 2, failed: 0 });
    equal(status.members[0].url, BASE);
    equal((await send("/health")).status, 200);
    equal((await send("/ready")).status, 200);
    for (const path of ["/status", "/ring", "/ring/k", "/health"]) {
      match(await (await send(path)).text(), /^\{.*\}\n$/);
    }
    const metrics = await (await send("/metrics")).text();
    match(metrics, /^dynamo_requests_served_total\{.*\} 2$/m);
    match(metrics, /^dynamo_request_duration_seconds_bucket\{.*method="put".*le="\+Inf"\} 1$/m);
    match(metrics, /^process_resident_memory_bytes\{.*\} [1-9]\d+$/m);
    service.stopAccepting();
    equal((await problemOf(await send("/ready"))).type, "not-ready");
    const refused = await put("/kv/k", "y");
    equal(refused.status, 503);
    equal(refused.headers.get("retry-after"), "1");
    equal((await refused.json()).definite, true);
  });
});

Deno.test("metrics follow Prometheus' naming conventions and have help texts", async () => {
  await withNode(async ({ put, send }) => {
    await put("/kv/k", "x");
    const lines = (await (await send("/metrics")).text()).split("\n").filter((line) => line !== "");
    const types = new Map<string, string>();
    const helps = new Map<string, string>();
    for (const line of lines) {
      const [, kind, name = "", text = ""] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? [];
      if (kind === "HELP") helps.set(name, text);
      else if (kind === "TYPE") types.set(name, text);
      else {
        const sample = /^(\w+)\{/.exec(line)?.[1] ?? line;
        const family = types.has(sample) ? sample : sample.replace(/_(bucket|sum|count)$/, "");
        equal(types.has(family), true, `${line} has no type`);
      }
    }
    ok(types.size > 30);
    for (const [name, type] of types) {
      match(name, /^(dynamo|process)_[a-z]+(_[a-z]+)*$/);
      equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
      equal(/_(ms|us|millis|kb|mb|minutes|hours)(_|$)/.test(name), false, `${name}: base units`);
      equal(/_(count|sum|bucket)$/.test(name), false, `${name} looks like part of a histogram`);
      ok((helps.get(name) ?? "").length > 5, `${name} has no help text`);
    }
    const moments = [...helps].filter(([, help]) => help.includes("since 1970"));
    ok(moments.length >= 2);
    for (const [name] of moments) {
      ok(/_timestamp_seconds$/.test(name) || name === "process_start_time_seconds", name);
    }
  });
});

Deno.test("events are streamed", async () => {
  await withNode(async ({ put, send }) => {
    const events = await send("/events");
    equal(events.headers.get("content-type"), "text/event-stream");
    const reader = (events.body as ReadableStream<Uint8Array>).getReader();
    await put("/kv/k", "x");
    let text = "";
    while (!text.includes("event: request")) {
      const { value, done } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    const data = JSON.parse(/event: request\ndata: (.*)\n/.exec(text)?.[1] ?? "{}");
    deepEqual([data.node, data.type, data.method, data.key], ["n1", "request", "put", "k"]);
    equal(Math.abs(data.at - Date.now()) < 60_000, true);
    await reader.cancel();
  });
});

Deno.test("a method that a resource does not support is 405 with the ones that it does", async () => {
  await withNode(async ({ send }) => {
    const secret = { authorization: `Bearer ${SECRET}` };
    for (
      const [path, method, allow, headers = {}] of [
        ["/kv/k", "POST", "GET, HEAD, PUT, DELETE"],
        ["/kv/k", "OPTIONS", "GET, HEAD, PUT, DELETE"],
        ["/status", "DELETE", "GET, HEAD"],
        ["/ring", "PUT", "GET, HEAD"],
        ["/ring", "OPTIONS", "GET, HEAD"],
        ["/", "POST", "GET, HEAD"],
        ["/debug/keys/k", "POST", "GET, HEAD", secret],
      ] as const
    ) {
      const response = await send(path, { method, headers });
      equal(response.status, 405, `${method} ${path}`);
      equal(response.headers.get("allow"), allow, `${method} ${path}`);
      equal((await problemOf(response)).type, "method-not-allowed");
    }
    equal((await send("/nowhere", { method: "POST" })).status, 404);
    equal((await send("/debug/keys/k", { method: "POST" })).status, 401);
  });
});

Deno.test("a header that a node does not implement is refused, and nothing is written", async () => {
  await withNode(async ({ send }) => {
    for (
      const [method, name, value, status] of [
        ["PUT", "If-None-Match", "*", 400],
        ["PUT", "If-Match", '"tag"', 400],
        ["PUT", "Content-Range", "bytes 0-1/2", 400],
        ["PUT", "Content-Language", "en", 400],
        ["PUT", "Content-Encoding", "gzip", 415],
        ["DELETE", "If-Match", '"tag"', 400],
        ["DELETE", "If-None-Match", "*", 400],
        ["GET", "If-Match", '"tag"', 400],
        ["HEAD", "If-Match", '"tag"', 400],
      ] as const
    ) {
      const body = method === "PUT" ? { body: "v" } : {};
      const response = await send("/kv/k", { method, headers: { [name]: value }, ...body });
      equal(response.status, status, `${method} ${name}`);
      if (method !== "HEAD") ok((await problemOf(response)).detail.startsWith(name), name);
    }
    equal((await send("/kv/k")).status, 404);
    const plain = { method: "PUT", headers: { "content-encoding": "identity" }, body: "v" };
    equal((await send("/kv/k", plain)).status, 200);
  });
});

Deno.test("rpc needs the secret", async () => {
  await withNode(async ({ send }) => {
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}';
    const ask = (authorization: string) =>
      send("/rpc", { method: "POST", body, headers: { authorization } });
    equal((await problemOf(await ask("Bearer wrong"))).type, "unauthorized");
    equal((await (await ask(`Bearer ${SECRET}`)).json()).result.status, "pong");
    equal((await send("/rpc")).status, 405);
  });
});

Deno.test("clients need the token if the node was started with one", async () => {
  await withNode(async ({ send }) => {
    equal((await send("/kv/k")).status, 401);
    const headers = { authorization: "Bearer for-clients" };
    equal((await send("/kv/k", { headers })).status, 404);
  }, { rest: { kvToken: "for-clients" } });
});

Deno.test("a page of an allowed origin may use the node, and a foreign host name is refused", async () => {
  await withNode(async ({ send, rest }) => {
    const headers = { origin: "http://localhost:8000" };
    const answer = await send("/kv/k", { headers });
    equal(answer.headers.get("access-control-allow-origin"), "http://localhost:8000");
    equal((await send("/kv/k", { method: "OPTIONS", headers })).status, 204);
    const rebound = await rest.fetch(new Request("http://evil.example:9101/kv/k"));
    equal((await problemOf(rebound)).type, "forbidden-host");
  }, { rest: { allowOrigins: ["http://localhost:8000"] } });
});
