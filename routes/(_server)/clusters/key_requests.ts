/** Forwards the API's requests for one key to a node. */
import { VALUE_BYTES_MAX } from "../../../lib/dynamo/types/config.ts";
import { limitedBody } from "../api/input.ts";
import { clusterOf, type RouteContext } from "../define.ts";
import { askNode, type NodeRequest } from "./node_proxy.ts";

/** Forwards a request to `/kv/{key}` or `/ring/{key}` of the chosen node or any running node. */
export async function forwardKeyRequest(
  ctx: RouteContext,
  resource: "kv" | "ring",
): Promise<Response> {
  const { live } = clusterOf(ctx);
  return await askNode(live, await nodeRequest(ctx, resource), ctx.state.clusters.fetch);
}

/** The key stays encoded as it was sent: decoding could turn two keys into one. */
async function nodeRequest(
  { req, url }: RouteContext,
  resource: "kv" | "ring",
): Promise<NodeRequest> {
  const key = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  const search = new URLSearchParams(url.search);
  search.delete("node");
  // The answer to GET has the length that HEAD answers with.
  const method = req.method === "HEAD" ? "GET" : req.method as NodeRequest["method"];
  return {
    method,
    path: `/${resource}/${key}`,
    search,
    headers: req.headers,
    node: url.searchParams.get("node"),
    ...(method === "PUT" ? { body: await limitedBody(req, VALUE_BYTES_MAX) } : {}),
  };
}
