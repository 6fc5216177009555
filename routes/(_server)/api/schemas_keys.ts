/** What the API accepts and answers for one key. See `schemas.ts`. */
import { z } from "@hono/zod-openapi";
import { problemResponses } from "./operation.ts";
import { ClusterParams } from "./schemas.ts";

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

export const KEY_REQUEST = { params: KeyParams, query: z.object({ node: viaNode }) };

/** What the node refuses with, and what becomes of a node that cannot be asked. */
export const KEY_REFUSALS = problemResponses({
  400: "Malformed or out of range, says the node; or a bad context",
  401: "The node wants a token of its clients",
  404: "No such cluster, node or key",
  409: "The cluster is not running; of a write: it would leave too many siblings",
  421: "The key's owners moved meanwhile: ask again",
  502: "The node cannot be reached",
  503: "Too few replicas answered; see needed, got and definite",
  504: "The node did not answer in time",
});
