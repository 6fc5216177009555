/**
 * Requests to real nodes. The experiment chooses the node of each request, because the choice is
 * part of what it studies. The client library would choose by itself.
 */
import { attemptHttp, type NodeRequest } from "../../client/http.ts";
import { askForJson } from "../../client/node_requests.ts";
import type { ReplicaTrace } from "../../dynamo/types/client_messages.ts";
import type { RequestOutcome } from "../workload/tally.ts";
import type { LiveCluster } from "./live_cluster.ts";

export interface LiveDone {
  readonly outcome: RequestOutcome;
  readonly tookMs: number;
  readonly context: string | null;
}

/** A read with all details that the node reports. */
interface LiveRead extends LiveDone {
  /** The values returned, as text, with their dots; empty for an absent key. */
  readonly siblings: readonly {
    readonly value: string;
    readonly dot: readonly [string, number];
  }[];
  readonly replicas: readonly ReplicaTrace[];
}

/** Longer than any timeout of a node: which requests are late is for the nodes to say. */
const TIMEOUT_MS = 60_000;

/** The URLs of the nodes that own the key. */
export async function primariesOf(cluster: LiveCluster, key: string): Promise<string[]> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new RangeError("the cluster must have at least one node");
  const { preferenceList } = await askForJson<{
    readonly preferenceList: readonly { readonly url: string; readonly primary: boolean }[];
  }>({ url: `${node.url}/ring/${encodeURIComponent(key)}`, timeoutMs: TIMEOUT_MS });
  return preferenceList.filter(({ primary }) => primary).map(({ url }) => url);
}

export async function livePut(
  url: string,
  key: string,
  value: string | Uint8Array<ArrayBuffer>,
  context: string | null = null,
): Promise<LiveDone> {
  const headers: Record<string, string> = { "content-type": "text/plain" };
  if (context !== null) headers["x-dynamo-context"] = context;
  const body = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const { response, tookMs } = await timed({ method: "PUT", url: urlOf(url, key), headers, body });
  const given = response?.headers.get("x-dynamo-context") ?? null;
  // Without an answer, or with any other status, the write may have reached some replicas.
  return { outcome: response?.status === 200 ? "ok" : "indeterminate", tookMs, context: given };
}

/** An ordinary read. */
export async function liveGet(url: string, key: string): Promise<LiveDone> {
  const { response, tookMs } = await timed({ method: "GET", url: urlOf(url, key) });
  const context = response?.headers.get("x-dynamo-context") ?? null;
  return { outcome: isRead(response) ? "ok" : "failed", tookMs, context };
}

/** A read that also asks which replica answered what. */
export async function liveRead(url: string, key: string): Promise<LiveRead> {
  const headers = { accept: "application/json" };
  const { response, tookMs } = await timed({ method: "GET", url: urlOf(url, key), headers });
  if (!isRead(response)) {
    return { outcome: "failed", tookMs, context: null, siblings: [], replicas: [] };
  }
  const body = await response.json() as Partial<LiveRead>;
  const { context = null, siblings = [], replicas = [] } = body;
  return { outcome: "ok", tookMs, context, siblings, replicas };
}

/** Reads the siblings, and replaces them with what `change` makes of them. */
export async function liveUpdate(
  url: string,
  key: string,
  change: (values: readonly string[]) => string,
): Promise<LiveDone> {
  const read = await liveRead(url, key);
  if (read.outcome !== "ok") return read;
  const put = await livePut(
    url,
    key,
    change(read.siblings.map(({ value }) => value)),
    read.context,
  );
  return { ...put, tookMs: read.tookMs + put.tookMs };
}

function urlOf(url: string, key: string): string {
  return `${url}/kv/${encodeURIComponent(key)}`;
}

/** An absent key and siblings are valid answers too. */
function isRead(response: Response | null): response is Response {
  return response !== null && [200, 300, 404].includes(response.status);
}

/** The response is null when none came. */
async function timed(
  request: Omit<NodeRequest, "timeoutMs">,
): Promise<{ response: Response | null; tookMs: number }> {
  const startedMs = performance.now();
  const answer = await attemptHttp(fetch, { ...request, timeoutMs: TIMEOUT_MS });
  const response = "response" in answer ? answer.response : null;
  return { response, tookMs: performance.now() - startedMs };
}
