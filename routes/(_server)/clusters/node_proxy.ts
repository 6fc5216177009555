/**
 * Forwards requests to a node, because pages may send requests only to this server. Statuses,
 * contexts and problem documents stay as the node sent them. `X-Dynamo-Node` names the node.
 */
import { type Answer, attemptHttp } from "../../../lib/client/http.ts";
import type { Refusal } from "../../../lib/client/results.ts";
import type { NodeProcess } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { requireNode } from "./launched_cluster.ts";
import type { LiveCluster } from "./live_cluster.ts";

export interface NodeRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  /** Begins with a slash, percent-encoded as the client sent it. */
  readonly path: string;
  /** The query without `node`. */
  readonly search: URLSearchParams;
  readonly headers: Headers;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** A node's id; null for any running node. */
  readonly node: string | null;
}

/** For stored values: a browser may show them, but not as a page of this server. */
const STORED_BYTES_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'";
/** Time added to the node's own timeout, so that the node can report it first. */
const GRACE_MS = 1_000;
/** Also those that a node refuses: otherwise they would have no effect, and nobody would notice. */
const REQUEST_HEADERS = [
  "Accept",
  "Content-Encoding",
  "Content-Language",
  "Content-Range",
  "Content-Type",
  "If-Match",
  "If-None-Match",
  "X-Dynamo-Context",
];
const RESPONSE_HEADERS = [
  "Content-Type",
  "ETag",
  "Retry-After",
  "X-Dynamo-Context",
  "X-Dynamo-Siblings",
];

/**
 * Forwards a request and returns the node's response. Throws {@link ProblemError}: 404 if there is
 * no such node, 409 if the cluster is not running, 502 or 504 if no node answers.
 */
export async function askNode(
  live: LiveCluster,
  request: NodeRequest,
  fetchFrom: typeof fetch,
): Promise<Response> {
  const candidates = candidatesFor(live, request.node);
  for (const [i, node] of candidates.entries()) {
    const answer = await send(live, node, request, fetchFrom);
    if ("response" in answer) return forwardedResponse(answer.response, node);
    // A write may be retried at another node only if this one certainly did not receive it.
    const mayRetry = request.method === "GET" || answer.definite;
    if (!mayRetry || i === candidates.length - 1) throw unreachable(node, request, answer);
  }
  const states = live.summary().nodes.map((node) => `${node.id} ${node.state}`).join(", ");
  throw new ProblemError("node-unreachable", `No node is running: ${states}`, {
    definite: true,
  });
}

function candidatesFor(live: LiveCluster, id: string | null): readonly NodeProcess[] {
  const cluster = live.requireRunning();
  if (id !== null) return [requireNode(cluster, id)];
  const running = cluster.nodes.filter((node) => node.state === "running");
  const first = Math.floor(Math.random() * running.length);
  return [...running.slice(first), ...running.slice(0, first)];
}

async function send(
  live: LiveCluster,
  node: NodeProcess,
  { method, path, search, headers, body }: NodeRequest,
  fetchFrom: typeof fetch,
): Promise<Answer> {
  const wantedMs = Number(search.get("timeoutMs") ?? NaN);
  const timeoutMs = Number.isInteger(wantedMs) && wantedMs > 0
    ? wantedMs
    : live.summary().config.timeoutMs;
  const query = search.size === 0 ? "" : `?${search}`;
  return await attemptHttp(fetchFrom, {
    method,
    url: `${node.url}${path}${query}`,
    headers: Object.fromEntries(pick(headers, REQUEST_HEADERS)),
    body,
    timeoutMs: timeoutMs + GRACE_MS,
  });
}

function forwardedResponse(answer: Response, node: NodeProcess): Response {
  const headers = pick(answer.headers, RESPONSE_HEADERS);
  headers.set("X-Dynamo-Node", node.id);
  // A stored value may be a web page. It must not run as a page of this server.
  headers.set("Content-Security-Policy", STORED_BYTES_POLICY);
  return new Response(answer.body, { status: answer.status, headers });
}

function pick(from: Headers, names: readonly string[]): Headers {
  const picked = new Headers();
  for (const name of names) {
    const value = from.get(name);
    if (value !== null) picked.set(name, value);
  }
  return picked;
}

function unreachable(node: NodeProcess, request: NodeRequest, refusal: Refusal): ProblemError {
  const timedOut = refusal.error.code === "timed-out";
  const what = timedOut ? "did not answer in time" : "cannot be reached";
  return new ProblemError(
    "node-unreachable",
    `Node ${node.id} ${what}: it is ${node.state}. Use another node, or do not choose one`,
    { status: timedOut ? 504 : 502, definite: request.method === "GET" || refusal.definite },
  );
}
