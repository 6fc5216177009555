/** Every route behaves as its table describes it: who may use it, and what it answers. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { ErrorCode } from "../../lib/dynamo/types/errors.ts";
import { statusOf } from "../http/problems.ts";
import { ENVELOPE_HEADER, JSON_LINES, PROTOCOL_VERSION, RPC_BYTES_MAX } from "../rpc/messages.ts";
import type { ApiRoute } from "./api_route.ts";
import { answersOf } from "./openapi.ts";
import { SCHEMAS } from "./openapi_schemas.ts";
import {
  BASE,
  contextOf,
  problemOf,
  routeOf,
  SECRET,
  type TestNode,
  withNode,
} from "./rest_under_test.ts";

const AUTHORIZATION = `Bearer ${SECRET}`;
const nameOf = ({ method, path }: ApiRoute) => `${method} ${path}`;

/** A request for the route without a body, query or token. */
function bare({ method, path }: ApiRoute, base = BASE): Request {
  return new Request(base + path.replace("{key}", "k"), { method });
}

/** The routes that need no token. */
const OPEN = [
  ...["/ring", "/ring/{key}", "/status", "/events", "/health", "/ready", "/metrics"],
  ...["/openapi.json", "/docs"],
];

Deno.test("each route refuses requests that its access does not allow", async () => {
  await withNode(async ({ rest }) => {
    const open = rest.routes.filter(({ access }) => access === "open").map(nameOf);
    deepEqual(open, OPEN.map((path) => `GET ${path}`));
    ok(rest.routes.length > open.length);
    for (const route of rest.routes) {
      const foreign = await rest.fetch(bare(route, "http://evil.example:9101"));
      equal((await problemOf(foreign)).type, "forbidden-host", nameOf(route));
      const refused = await rest.fetch(bare(route));
      await refused.body?.cancel();
      equal(refused.status === 401, route.access !== "open", nameOf(route));
      if (route.access === "open") continue;
      const request = bare(route);
      const token = route.access === "clients" ? "Bearer for-clients" : AUTHORIZATION;
      request.headers.set("authorization", token);
      ok((await rest.fetch(request)).status !== 401, `${nameOf(route)} with its token`);
    }
  }, { rest: { kvToken: "for-clients" } });
});

Deno.test("an internal error is answered with 500, and is reported", async () => {
  const reported: unknown[] = [];
  await withNode(async ({ send, service }) => {
    const mistake = new Error("a defect");
    service.status = () => {
      throw mistake;
    };
    const failed = await send("/status");
    deepEqual([failed.status, (await problemOf(failed)).type], [500, "internal"]);
    deepEqual(reported, [mistake]);
  }, { rest: { onError: (error) => reported.push(error) } });
});

const EVENT_STREAMS_MAX = 64;
/** Described, but one node alone cannot answer with it. */
const NOT_PROVOKED = [
  "DELETE /kv/{key} 421",
  "GET /kv/{key} 421",
  "PUT /kv/{key} 421",
];
/** The tests above check these for every route. */
const OF_EVERY_ROUTE = /^(403|500)$/;

Deno.test("each route answers with every status that is described", async () => {
  const seen = new Set<string>();
  let routes: readonly ApiRoute[] = [];
  const watched = async (
    provoke: (ask: Ask, node: TestNode) => Promise<void>,
    options: Parameters<typeof withNode>[1] = {},
  ) => {
    await withNode(async (node) => {
      routes = node.rest.routes;
      await provoke(async (request, body, headers = {}) => {
        const [method = "", path = ""] = request.split(" ");
        const route = routeOf(routes, method, path);
        ok(route !== undefined, request);
        const shown = { authorization: AUTHORIZATION, ...headers };
        const response = await node.send(path, { method, headers: shown, body: body ?? null });
        seen.add(`${nameOf(route)} ${response.status}`);
        return response;
      }, node);
    }, options);
  };
  await watched(askForKeys, { config: { siblingsMax: 2 } });
  await watched(askForState);
  await watched(askPeers);
  await watched(askMembership, { others: ["n2", "n3"], config: { n: 2, r: 1, w: 1 } });
  const started = { start: true, config: { antiEntropyIntervalMs: 60_000 } };
  await watched(askForAdministration, { ...started, others: ["n2"], allowFaults: true });
  await watched(askWithoutFaults);
  await watched(askStopping);
  await watched(askWithoutToken, { rest: { kvToken: "for-clients" } });
  const described = routes.flatMap((route) =>
    Object.keys(answersOf(route)).filter((status) => !OF_EVERY_ROUTE.test(status))
      .map((status) => `${nameOf(route)} ${status}`)
  );
  deepEqual(described.filter((name) => !seen.has(name)).toSorted(), NOT_PROVOKED);
});

type Ask = (
  request: string,
  body?: BodyInit,
  headers?: Record<string, string>,
) => Promise<Response>;

async function askForKeys(ask: Ask): Promise<void> {
  await ask("GET /kv/k");
  const before = contextOf(await ask("PUT /kv/k", "a"));
  await ask("GET /kv/k");
  await ask("GET /kv/k", undefined, { "if-none-match": "*" });
  await ask("PUT /kv/k", "b", { "x-dynamo-context": before });
  await ask("PUT /kv/k", "c");
  await ask("PUT /kv/k", "d", { "content-encoding": "gzip" });
  await ask("GET /kv/k");
  await ask("PUT /kv/k", "d");
  await ask("DELETE /kv/k", undefined, { "x-dynamo-context": before });
  await ask("DELETE /kv/k");
  await ask("PUT /kv/k", new Uint8Array(1_048_577));
  for (const method of ["GET", "PUT", "DELETE"]) await ask(`${method} /kv/k?x=1`);
}

async function askForState(ask: Ask, { put, service }: TestNode): Promise<void> {
  for (const path of ["/ring", "/ring/k", "/ring/%zz", "/status", "/health", "/ready"]) {
    await ask(`GET ${path}`);
  }
  for (const path of ["/metrics", "/openapi.json", "/docs"]) await ask(`GET ${path}`);
  for (let i = 0; i <= EVENT_STREAMS_MAX; i++) await ask("GET /events");
  service.events.close();
  await put("/kv/k", "x");
  for (const path of ["", "?x=1", "/k", "/%zz", "/none"]) await ask(`GET /debug/keys${path}`);
  await service.store.close();
  for (const path of ["", "/k"]) await ask(`GET /debug/keys${path}`);
}

async function askPeers(ask: Ask): Promise<void> {
  await ask("POST /rpc", '{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}');
  await ask("POST /rpc", '{"jsonrpc":"2.0","method":"ping","params":{}}');
  await ask("POST /rpc", "", { "content-length": `${RPC_BYTES_MAX + 1}` });
  await ask("POST /rpc", new ReadableStream({ start: (it) => it.error(new Error("gone")) }));
  const envelope = { protocol: PROTOCOL_VERSION, cluster: "another", sender: "n2", incarnation: 1 };
  const headers = { "content-type": JSON_LINES, [ENVELOPE_HEADER]: JSON.stringify(envelope) };
  await ask("POST /rpc", "", headers);
}

async function askMembership(ask: Ask): Promise<void> {
  const asked = await ask("POST /rpc", '{"jsonrpc":"2.0","id":1,"method":"identify","params":{}}');
  const line = (await asked.text()).replace('"id":"n1"', '"id":"n4"')
    .replace(/"dataId":"[^"]+"/, '"dataId":"of-n4"');
  // It answers like a node of the cluster that may join.
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    return new Response(line, { headers: { "content-type": JSON_LINES } });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const acts = { join: { url }, leave: { node: "n2" }, remove: { node: "n2" } };
  for (const [kind, fields] of Object.entries({ ...acts, replace: { node: "n2", url } })) {
    const act = (body: unknown) => ask(`POST /membership/${kind}`, JSON.stringify(body));
    match((await problemOf(await act({ x: 1 }))).detail, /^unknown field 'x'/);
    equal((await act({ plan: true, ...fields })).status, 200);
    await act({ planId: "none" });
    await act({ plan: true, ...fields, node: "nobody" });
    const wrong = "url" in fields ? { url: "http://127.0.0.1:1" } : { node: "nobody" };
    await act({ plan: true, ...fields, ...wrong });
  }
  await ask("GET /membership/transfers");
  await server.shutdown();
}

async function askForAdministration(ask: Ask, { service }: TestNode): Promise<void> {
  await ask("GET /faults");
  await ask("PUT /faults", "{}");
  await ask("PUT /faults", "{");
  await ask("DELETE /faults");
  await ask("POST /anti-entropy", '{"pause":true}');
  await ask("POST /anti-entropy", '{"range":-1}');
  const { ring } = service.membership;
  const range = ring.primaries(0).includes("n1") ? 1 : 0;
  equal(ring.primaries(range).includes("n1"), false);
  await ask("POST /anti-entropy", JSON.stringify({ range }));
}

async function askWithoutFaults(ask: Ask): Promise<void> {
  for (const method of ["GET", "PUT", "DELETE"]) {
    equal((await problemOf(await ask(`${method} /faults`))).type, "faults-not-allowed");
  }
}

async function askStopping(ask: Ask, { service, rest }: TestNode): Promise<void> {
  service.stopAccepting();
  const refusing = rest.routes.filter(({ path, answers }) =>
    503 in answers && !/^\/(events|debug)/.test(path)
  );
  for (const { method, path } of refusing) {
    equal((await ask(`${method} ${path.replace("{key}", "k")}`)).status, 503, path);
  }
}

async function askWithoutToken(ask: Ask, { rest }: TestNode): Promise<void> {
  for (const { method, path, access } of rest.routes) {
    if (access === "open") continue;
    await ask(`${method} ${path.replace("{key}", "k")}`, undefined, { authorization: "Bearer no" });
  }
}

Deno.test("every refusal of the replica has a status that is described", async () => {
  const reads: ErrorCode[] = [
    ...["invalid", "quorum-not-met", "overloaded", "wrong-owner", "too-late"] as const,
    ...["storage-failed", "record-damaged", "recovering", "hints-full"] as const,
  ];
  const writes: ErrorCode[] = [...reads, "too-many-siblings"];
  await withNode(({ rest }) => {
    const ofKeys = rest.routes.filter(({ path }) => path.startsWith("/kv/"));
    equal(ofKeys.length, 3);
    for (const route of ofKeys) {
      for (const code of route.method === "GET" ? reads : writes) {
        ok(statusOf(code) in answersOf(route), `${nameOf(route)}: ${code}`);
      }
    }
    return Promise.resolve();
  });
});

Deno.test("queries and bodies take exactly the fields that are described", async () => {
  await withNode(async ({ rest, send }) => {
    const { paths, components: { schemas } } = await (await send("/openapi.json")).json();
    for (const { method, path, query, body } of rest.routes) {
      const hasFields = body !== undefined && body.type === undefined && body.schema !== "Anything";
      if (query === undefined && !hasFields) continue;
      const { parameters, requestBody } = paths[path][method.toLowerCase()];
      const allowed = hasFields
        ? Object.keys(
          schemas[requestBody.content["application/json"].schema.$ref.split("/").pop()].properties,
        )
        : parameters.filter((each: { in: string }) => each.in === "query").map((
          each: { name: string },
        ) => each.name);
      const asked = `${path.replace("{key}", "k")}${query === undefined ? "" : "?nonsense=1"}`;
      const refused = await send(asked, {
        method,
        headers: { authorization: AUTHORIZATION },
        body: hasFields ? '{"nonsense":1}' : null,
      });
      const { detail } = await problemOf(refused);
      const [, names = ""] =
        /^unknown (?:field|parameter) 'nonsense'.*: allowed.* are (.*)$/.exec(detail) ?? [];
      deepEqual(names.split(", ").toSorted(), allowed.toSorted(), `${method} ${path}: ${detail}`);
    }
  }, { allowFaults: true });
});

Deno.test("the description has every route and every schema that it refers to", async () => {
  await withNode(async ({ rest, send }) => {
    const text = await (await send("/openapi.json")).text();
    const { openapi, paths } = JSON.parse(text);
    equal(openapi, "3.1.0");
    const described = Object.entries(paths as Record<string, object>).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
    );
    deepEqual(described.toSorted(), rest.routes.map(nameOf).toSorted());
    const referred = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    deepEqual([...new Set(referred)].toSorted(), Object.keys(SCHEMAS).toSorted());
  });
});

Deno.test("the description is also a page, with commands to copy", async () => {
  await withNode(async ({ send }) => {
    const page = await send("/docs");
    match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    const html = await page.text();
    equal(html.includes("<script"), false);
    match(html, /<pre>curl http:\/\/127\.0\.0\.1:9101\/kv\/greeting<\/pre>/);
    match(html, /-d '\{&#34;drop&#34;:0\.1\}' http:\/\/127\.0\.0\.1:9101\/faults/);
    const antiEntropy =
      /-d '\{&#34;key&#34;:&#34;greeting&#34;\}' http:\/\/127\.0\.0\.1:9101\/anti-entropy/;
    match(html, antiEntropy);
  });
});
