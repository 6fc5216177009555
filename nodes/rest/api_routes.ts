/** The table of all routes of a node's REST API. */
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem } from "../http/problems.ts";
import { PEER_METHODS } from "../rpc/validate_requests.ts";
import { antiEntropyRoutes } from "./anti_entropy.ts";
import { type ApiRoute, routesIn, type RouteTable } from "./api_route.ts";
import { debugRoutes } from "./debug.ts";
import { faultRoutes } from "./faults.ts";
import { kvRoutes } from "./kv.ts";
import { membershipRoutes } from "./membership.ts";

import { ringRoutes } from "./ring.ts";

export function apiRoutes(service: NodeService): readonly ApiRoute[] {
  const routes: readonly ApiRoute[] = routesIn({
    ...kvRoutes(service),
    ...ringRoutes(service),
    ...stateRoutes(service),
    ...descriptionRoutes(service, () => routes),
    ...debugRoutes(service),
    ...antiEntropyRoutes(service),
    ...membershipRoutes(service),
    ...faultRoutes(service),
    ...rpcRoutes(service),
  });
  return routes;
}

function stateRoutes(service: NodeService): RouteTable {
  return {
    "GET /status": {
      access: "open",
      summary: "The node's state",
      answers: { 200: { description: "The node's current state", schema: "Status" } },
      handle: () => jsonAnswer(service.status()),
    },
    "GET /events": {
      access: "open",
      summary: "Protocol events, as server-sent events",
      description:
        "`event` is the type of the event. `data` is its JSON: `node` observed it, `at` is the time (ms " +
        "since 1970), and `peer`, if present, is another node involved. A slow reader loses events; " +
        "then an event `dropped` says how many.",
      answers: {
        200: {
          description: "A stream without an end",
          type: "text/event-stream",
          schema: "Text",
        },
        503: "Too many streams are open",
      },
      handle: () =>
        service.events.open() ??
          problem("overloaded", "too many streams of /events are open; try again later"),
    },
    "GET /health": {
      access: "open",
      summary: "Whether the process is alive",
      answers: { 200: { description: "It is alive", schema: "Alive" } },
      handle: () => jsonAnswer({ status: "alive" }),
    },
    "GET /ready": {
      access: "open",
      summary: "Whether the node accepts requests",
      answers: {
        200: { description: "It accepts requests", schema: "Ready" },
        503: "The node is starting or stopping",
      },
      handle: () => {
        const why = service.whyNotReady();
        return why === null ? jsonAnswer({ status: "ready" }) : problem("not-ready", why);
      },
    },
  };
}

/** These routes are rarely used, so their libraries are loaded on demand instead of at every start. */
function descriptionRoutes(
  service: NodeService,
  routes: () => readonly ApiRoute[],
): RouteTable {
  const describe = async () => {
    const { describeApi } = await import("./openapi.ts");
    return describeApi(routes(), service.self.url);
  };
  return {
    "GET /metrics": {
      access: "open",
      summary: "Metrics for Prometheus",
      answers: {
        200: { description: "Prometheus' text format", type: "text/plain", schema: "Text" },
      },
      handle: async () => {
        const { renderMetrics } = await import("../host/metrics.ts");
        const { contentType, text } = await renderMetrics(service);
        return new Response(text, { headers: { "content-type": contentType } });
      },
    },
    "GET /openapi.json": {
      access: "open",
      summary: "The description of this API",
      answers: { 200: "OpenAPI 3.1" },
      handle: async () => jsonAnswer(await describe()),
    },
    "GET /docs": {
      access: "open",
      summary: "The description of this API as a page",
      answers: { 200: "HTML" },
      handle: async () => {
        const { DOCS_HEADERS, renderDocs } = await import("./docs_page.ts");
        const page = renderDocs(await describe(), "/openapi.json");
        const headers = { "content-type": "text/html; charset=UTF-8", ...DOCS_HEADERS };
        return new Response(page, { headers });
      },
    },
  };
}

function rpcRoutes(service: NodeService): RouteTable {
  const refusal = (description: string) => ({ description, schema: "RpcRefusal" }) as const;
  return {
    "POST /rpc": {
      access: "secret",
      summary: "JSON-RPC 2.0 between nodes",
      description:
        `Methods: ping, initial-config, identify, ${
          PEER_METHODS.join(", ")
        }. All but the first three ` +
        "need an envelope. A body is one call or a batch; peers send one call on each line, as " +
        'application/jsonl. Try `{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}`.',
      body: {
        schema: "Anything",
        example: { jsonrpc: "2.0", id: 1, method: "ping", params: {} },
      },
      answers: {
        200: { description: "A result, an error, or a list of them", schema: "Anything" },
        204: "All calls were notifications, which have no answer",
        400: refusal("The body ended too early"),
        409: refusal("The envelope names another node or cluster"),
        413: refusal("The body is too large"),
        503: "The node is stopping",
      },
      handle: (request) => {
        // Not `whyNotReady`: nodes that start together must be able to check their disks with each other.
        const notServing = service.whyNotServing();
        return notServing === null ? service.rpc.handle(request) : problem("not-ready", notServing);
      },
    },
  };
}
