/** The table of all routes: what is not in it is neither served nor described. */
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem } from "../http/problems.ts";
import { PEER_METHODS } from "../rpc/validate_requests.ts";
import { type ApiRoute, routesIn, type RouteTable } from "./api_route.ts";
import { debugRoutes } from "./debug.ts";
import { kvRoutes } from "./kv.ts";
import { membershipRoutes } from "./membership.ts";
import { antiEntropyRoutes, faultRoutes } from "./orders.ts";
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
      answers: { 200: { description: "Its state now", schema: "Status" } },
      handle: () => jsonAnswer(service.status()),
    },
    "GET /events": {
      access: "open",
      summary: "Protocol events, as server-sent events",
      description:
        "`event` is the observation's type, `data` its JSON with `node`, who observed it, and `at` " +
        "(ms since 1970); `peer` is another node that it is about. A slow reader loses events and " +
        "is told how many by an event `dropped`.",
      answers: {
        200: { description: "Never ends", type: "text/event-stream", schema: "Text" },
        503: "Too many watch already",
      },
      handle: () =>
        service.events.open() ??
          problem("overloaded", "too many watch the events already; try again later"),
    },
    "GET /health": {
      access: "open",
      summary: "Is the process alive?",
      answers: { 200: { description: "Yes", schema: "Alive" } },
      handle: () => jsonAnswer({ status: "alive" }),
    },
    "GET /ready": {
      access: "open",
      summary: "Does it take requests?",
      answers: { 200: { description: "Yes", schema: "Ready" }, 503: "It is stopping" },
      handle: () => {
        const why = service.whyNotReady();
        return why === null ? jsonAnswer({ status: "ready" }) : problem("not-ready", why);
      },
    },
  };
}

/** Few ask for these, and their libraries would slow every start: they are loaded when asked for. */
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
      summary: "Figures for Prometheus",
      answers: { 200: { description: "Text format", type: "text/plain", schema: "Text" } },
      handle: async () => {
        const { renderMetrics } = await import("../host/metrics.ts");
        const { contentType, text } = await renderMetrics(service);
        return new Response(text, { headers: { "content-type": contentType } });
      },
    },
    "GET /openapi.json": {
      access: "open",
      summary: "This description",
      answers: { 200: "OpenAPI 3.1" },
      handle: async () => jsonAnswer(await describe()),
    },
    "GET /docs": {
      access: "open",
      summary: "This description as a page",
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
        `Methods: ping, initial-config, identify, ${PEER_METHODS.join(", ")}; batches too. Try ` +
        '`{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}`. All but the first three need an ' +
        "envelope. Peers send one call a line, as application/jsonl.",
      body: {
        schema: "Anything",
        example: { jsonrpc: "2.0", id: 1, method: "ping", params: {} },
      },
      answers: {
        200: { description: "A result or an error, or a list of them", schema: "Anything" },
        204: "There is nothing to answer: all were notifications",
        400: refusal("The body broke off"),
        409: refusal("The conversation is meant for another node or cluster"),
        413: refusal("The body is too large"),
        503: "It is stopping",
      },
      handle: (request) => {
        // Peers that start together ask what they remember of each other: nobody could answer the other.
        const notServing = service.whyNotServing();
        return notServing === null ? service.rpc.handle(request) : problem("not-ready", notServing);
      },
    },
  };
}
