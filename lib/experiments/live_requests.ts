/**
 * Requests to real nodes, each to a node of the experiment's own choosing: the client library would
 * choose for itself, and that is what is being studied.
 */
import type { LiveCluster } from "./live_cluster.ts";

export interface LiveDone {
  readonly outcome: "ok" | "failed" | "indeterminate";
  readonly tookMs: number;
  /** A read's value was there. */
  readonly found: boolean;
  readonly context: string | null;
}

/** The URLs of the nodes that own the key. */
export async function primariesOf(cluster: LiveCluster, key: string): Promise<string[]> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new RangeError("a cluster without nodes owns nothing");
  const answer = await fetch(`${node.url}/ring/${encodeURIComponent(key)}`);
  const body = await answer.json() as {
    preferenceList: readonly { readonly url: string; readonly primary: boolean }[];
  };
  return body.preferenceList.filter(({ primary }) => primary).map(({ url }) => url);
}

export async function livePut(
  url: string,
  key: string,
  value: string,
  context: string | null = null,
): Promise<LiveDone> {
  const headers: Record<string, string> = { "content-type": "text/plain" };
  if (context !== null) headers["x-dynamo-context"] = context;
  return await timed(`${url}/kv/${encodeURIComponent(key)}`, {
    method: "PUT",
    headers,
    body: value,
  });
}

export async function liveGet(url: string, key: string): Promise<LiveDone> {
  return await timed(`${url}/kv/${encodeURIComponent(key)}`, { method: "GET" });
}

async function timed(url: string, init: RequestInit): Promise<LiveDone> {
  const startedMs = performance.now();
  try {
    const answer = await fetch(url, init);
    await answer.arrayBuffer();
    const tookMs = performance.now() - startedMs;
    const context = answer.headers.get("x-dynamo-context");
    const { status } = answer;
    // Absent is an answer, and so are siblings.
    if (status === 200 || status === 300) return { outcome: "ok", tookMs, found: true, context };
    if (status === 404) return { outcome: "ok", tookMs, found: false, context };
    const outcome = init.method === "GET" ? "failed" : "indeterminate";
    return { outcome, tookMs, found: false, context };
  } catch {
    const tookMs = performance.now() - startedMs;
    const outcome = init.method === "GET" ? "failed" : "indeterminate";
    return { outcome, tookMs, found: false, context: null };
  }
}
