/** `/api/clusters/{id}/kv/{key}` and `/ring/{key}`: one key, through a chosen node or any. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { VALUE_BYTES_MAX } from "../lib/dynamo/types/config.ts";
import { answers, type ApiRoute, limitedBody, problems } from "./(_server)/api/frame.ts";
import { askNode, type NodeRequest } from "./(_server)/clusters/node_proxy.ts";
import type { ClusterRegistry } from "./(_server)/clusters/registry.ts";
import { ClusterParams } from "./(_server)/api/schemas.ts";

const KeyParams = ClusterParams.extend({
  key: z.string().openapi({
    param: { name: "key", in: "path" },
    description: "One percent-encoded path segment, slashes encoded",
    example: "greeting",
  }),
});
const viaNode = z.string().optional().openapi({
  param: { name: "node", in: "query" },
  description: "The node to ask; any running one when left out. Other parameters reach the node",
});
const request = { params: KeyParams, query: z.object({ node: viaNode }) };
/** What the node refuses with, and what becomes of a node that cannot be asked. */
const refused = problems({
  400: "Malformed or out of range, says the node; or a bad context",
  401: "The node wants a token of its clients",
  404: "No such cluster, node or key",
  409: "The cluster is not running; of a write: it would leave too many siblings",
  421: "The key's owners moved meanwhile: ask again",
  502: "The node cannot be reached",
  503: "Too few replicas answered; see needed, got and definite",
  504: "The node did not answer in time",
});
const placeRefused = problems({
  400: "Malformed key, says the node",
  404: "No such cluster or node",
  409: "The cluster is not running",
  502: "The node cannot be reached",
  504: "The node did not answer in time",
});
const body = {
  content: { "*/*": { schema: { type: "string", format: "binary" } as const } },
  required: true,
};

export function kvRoutes(registry: ClusterRegistry): ApiRoute[] {
  const pass = (part: "kv" | "ring") => async (c: Context): Promise<Response> => {
    const { live } = registry.find(c.req.param("id") ?? "");
    return await askNode(live, await nodeRequest(c, part), registry.fetch);
  };
  return [
    {
      config: {
        method: "get",
        path: "/api/clusters/{id}/kv/{key}",
        summary:
          "Get a key; with Accept: application/json all that the coordinator knows of the read",
        request,
        responses: {
          ...answers(200, "The value, as it was stored"),
          ...answers(300, "Several siblings, as JSON with their clocks and one context"),
          ...refused,
        },
      },
      handle: pass("kv"),
    },
    {
      config: {
        method: "put",
        path: "/api/clusters/{id}/kv/{key}",
        summary: "Put a value; X-Dynamo-Context says which versions it replaces",
        request: { ...request, body },
        responses: {
          ...answers(200, "Who committed it, and the context of the new version"),
          ...refused,
          ...problems({ 413: `The value has more than ${VALUE_BYTES_MAX} bytes` }),
        },
      },
      handle: pass("kv"),
    },
    {
      config: {
        method: "delete",
        path: "/api/clusters/{id}/kv/{key}",
        summary: "Delete a key: writes a tombstone",
        request,
        responses: { ...answers(200, "As put"), ...refused },
      },
      handle: pass("kv"),
    },
    {
      config: {
        method: "get",
        path: "/api/clusters/{id}/ring/{key}",
        summary: "Where a key lies on the ring, and its preference list",
        request,
        responses: {
          ...answers(200, "Its MD5 position, partition and preference list"),
          ...placeRefused,
        },
      },
      handle: pass("ring"),
    },
  ];
}

/** The key stays as it was encoded: decoding it here could make two keys one. */
async function nodeRequest(c: Context, part: "kv" | "ring"): Promise<NodeRequest> {
  const url = new URL(c.req.url);
  const marker = `/${part}/`;
  const path = url.pathname.slice(url.pathname.indexOf(marker, "/api/clusters/".length));
  const search = new URLSearchParams(url.search);
  search.delete("node");
  const method = c.req.method as NodeRequest["method"];
  return {
    method,
    path,
    search,
    headers: c.req.raw.headers,
    node: url.searchParams.get("node"),
    ...(method === "PUT" ? { body: await limitedBody(c.req.raw, VALUE_BYTES_MAX) } : {}),
  };
}
