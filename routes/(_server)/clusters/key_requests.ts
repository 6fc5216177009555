/** Requests of the API for one key, passed on to a chosen node or any. */
import { VALUE_BYTES_MAX } from "../../../lib/dynamo/types/config.ts";
import { limitedBody } from "../api/input.ts";
import { clusterOf, type RouteContext } from "../define.ts";
import { askNode, type NodeRequest } from "./node_proxy.ts";

/** Asks a node's `/kv/{key}` or `/ring/{key}`. */
export async function forwardKeyRequest(ctx: RouteContext, part: "kv" | "ring"): Promise<Response> {
  const { live } = clusterOf(ctx);
  return await askNode(live, await nodeRequest(ctx, part), ctx.state.clusters.fetch);
}

/** The key stays as it was encoded: decoding it here could make two keys one. */
async function nodeRequest({ req, url }: RouteContext, part: "kv" | "ring"): Promise<NodeRequest> {
  const key = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  const search = new URLSearchParams(url.search);
  search.delete("node");
  const method = req.method as NodeRequest["method"];
  return {
    method,
    path: `/${part}/${key}`,
    search,
    headers: req.headers,
    node: url.searchParams.get("node"),
    ...(method === "PUT" ? { body: await limitedBody(req, VALUE_BYTES_MAX) } : {}),
  };
}
