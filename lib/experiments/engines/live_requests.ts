/**
 * Requests to real nodes. The experiment chooses the node of each request, because the choice is
 * part of what it studies. The client library would choose by itself.
 */
import { bodySentOnce } from "../../client/http.ts";
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

/** The URLs of the nodes that own the key. */
export async function primariesOf(cluster: LiveCluster, key: string): Promise<string[]> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new RangeError("the cluster must have at least one node");
  const answer = await fetch(`${node.url}/ring/${encodeURIComponent(key)}`);
  const body = await answer.json() as {
    preferenceList: readonly { readonly url: string; readonly primary: boolean }[];
  };
  return body.preferenceList.filter(({ primary }) => primary).map(({ url }) => url);
}

export async function livePut(
  url: string,
  key: string,
  value: string | Uint8Array<ArrayBuffer>,
  context: string | null = null,
): Promise<LiveDone> {
  const headers: Record<string, string> = { "content-type": "text/plain" };
  if (context !== null) headers["x-dynamo-context"] = context;
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const init = { method: "PUT", headers, ...bodySentOnce(bytes) };
  const { response, tookMs } = await timed(urlOf(url, key), init);
  const given = response?.headers.get("x-dynamo-context") ?? null;
  // Without an answer, or with any other status, the write may have reached some replicas.
  return { outcome: response?.status === 200 ? "ok" : "indeterminate", tookMs, context: given };
}

/** An ordinary read. */
export async function liveGet(url: string, key: string): Promise<LiveDone> {
  const { response, tookMs } = await timed(urlOf(url, key), { method: "GET" });
  const context = response?.headers.get("x-dynamo-context") ?? null;
  return { outcome: isRead(response) ? "ok" : "failed", tookMs, context };
}

/** A read that also asks which replica answered what. */
export async function liveRead(url: string, key: string): Promise<LiveRead> {
  const headers = { accept: "application/json" };
  const { response, body, tookMs } = await timed(urlOf(url, key), { method: "GET", headers });
  if (!isRead(response)) {
    return { outcome: "failed", tookMs, context: null, siblings: [], replicas: [] };
  }
  const { context = null, siblings = [], replicas = [] } = JSON.parse(body) as Partial<LiveRead>;
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
function isRead(response: Response | null): boolean {
  return response !== null && [200, 300, 404].includes(response.status);
}

async function timed(
  url: string,
  init: RequestInit,
): Promise<{ response: Response | null; body: string; tookMs: number }> {
  const startedMs = performance.now();
  try {
    const response = await fetch(url, init);
    const body = await response.text();
    return { response, body, tookMs: performance.now() - startedMs };
  } catch {
    return { response: null, body: "", tookMs: performance.now() - startedMs };
  }
}
