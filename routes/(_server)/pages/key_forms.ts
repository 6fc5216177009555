/** Requests for a key from a page without scripts: gets by its query, writes by a form. */
import type { Problem, ReadEnvelope, WriteEnvelope } from "../../../islands/models/api.ts";
import type { Answer } from "../../../islands/models/cluster_api.ts";
import { getResult, type KeyRequestResult } from "../../../islands/models/keys_model.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { askNode, type NodeRequest } from "../clusters/node_proxy.ts";
import type { ClusterRegistry, Registered } from "../clusters/registry.ts";

/** Gets a key with the parameters in the page's query. */
export async function getForPage(
  registry: ClusterRegistry,
  { live }: Registered,
  key: string,
  query: URLSearchParams,
): Promise<KeyRequestResult> {
  const r = query.get("r");
  const answer = await askForPage<ReadEnvelope>(registry, live, {
    method: "GET",
    path: `/kv/${encodeURIComponent(key)}`,
    search: new URLSearchParams(r ? { r } : {}),
    headers: new Headers({ Accept: "application/json" }),
    node: query.get("node") || null,
  });
  return getResult(key, answer);
}

/** Puts or deletes a key with the fields of the page's form. */
export async function writeForPage(
  registry: ClusterRegistry,
  { live }: Registered,
  key: string,
  form: URLSearchParams,
): Promise<KeyRequestResult> {
  const method = form.get("op") === "delete" ? "delete" : "put";
  const context = form.get("useContext") ? form.get("context") ?? "" : "";
  const headers = new Headers({
    "Accept": "application/json",
    "Content-Type": "text/plain; charset=utf-8",
  });
  if (context !== "") headers.set("X-Dynamo-Context", context);
  const w = form.get("w");
  const answer = await askForPage<WriteEnvelope>(registry, live, {
    method: method === "put" ? "PUT" : "DELETE",
    path: `/kv/${encodeURIComponent(key)}`,
    search: new URLSearchParams(w ? { w } : {}),
    headers,
    node: form.get("node") || null,
    // Browsers send line breaks in forms as CR LF.
    body: new TextEncoder().encode((form.get("value") ?? "").replaceAll("\r\n", "\n")),
  });
  return answer.ok
    ? { kind: "written", method, written: answer.value }
    : { kind: "problem", method, problem: answer.problem };
}

/** The node's answer or a problem, in the form that the page's scripts get from the API. */
async function askForPage<T>(
  registry: ClusterRegistry,
  live: Registered["live"],
  request: NodeRequest,
): Promise<Answer<T>> {
  try {
    const response = await askNode(live, request, registry.fetch);
    const json: unknown = await response.json();
    const { status } = response;
    const node = response.headers.get("X-Dynamo-Node");
    return response.ok || status === 300
      ? { ok: true, status, node, value: json as T }
      : { ok: false, node, problem: json as Problem };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { ok: false, node: null, problem: error.problem };
  }
}
