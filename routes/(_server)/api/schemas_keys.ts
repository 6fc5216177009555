/** Parameters and errors of the API for one key. See `schemas.ts`. */
import { z } from "@hono/zod-openapi";
import { problemResponses } from "./operation.ts";
import { ClusterParams } from "./schemas.ts";

const KeyParams = ClusterParams.extend({
  key: z.string().openapi({
    param: { name: "key", in: "path" },
    description: "One path segment, percent-encoded, with slashes as %2F",
    example: "greeting",
  }),
});
const viaNode = z.string().optional().openapi({
  param: { name: "node", in: "query" },
  description:
    "The node to ask; any running node by default. Other parameters are passed to the node",
});

export const KEY_REQUEST = { params: KeyParams, query: z.object({ node: viaNode }) };

/** Errors of the node, and of the dashboard if it cannot ask a node. */
export const KEY_REFUSALS = problemResponses({
  400: "A parameter is malformed or out of range, or the context is invalid",
  401: "The node requires a client token",
  404: "No such cluster, node or key",
  409: "The cluster is not running, or a write would create too many siblings",
  421: "The key's owners have changed in the meantime: try again",
  502: "The node cannot be reached",
  503: "Too few replicas answered, or the node is overloaded; see needed, got and definite",
  504: "The node did not answer in time",
});
