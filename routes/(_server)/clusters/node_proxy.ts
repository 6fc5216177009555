/**
 * Requests passed on to a node, because a page may talk to this server alone. Statuses, contexts and
 * problem documents come through as the node said them; `X-Dynamo-Node` tells who did.
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
  /** A node's id; null: any that runs. */
  readonly node: string | null;
}

/** For bytes that a user stored: shown as they are, but never as a page of this server. */
const STORED_BYTES_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'";
/** A node is given its own timeout and this much more before it counts as silent. */
const GRACE_MS = 1_000;
const PASSED_UP = ["Accept", "Content-Type", "X-Dynamo-Context"];
const PASSED_DOWN = [
  "Content-Type",
  "ETag",
  "Retry-After",
  "X-Dynamo-Context",
  "X-Dynamo-Siblings",
];

/** Throws {@link ProblemError}: 404 no such node, 409 cluster not running, 502 or 504 no answer. */
export async function askNode(
  live: LiveCluster,
  request: NodeRequest,
  fetchFrom: typeof fetch,
): Promise<Response> {
  const candidates = candidatesFor(live, request.node);
  for (const [i, node] of candidates.entries()) {
    const answer = await send(live, node, request, fetchFrom);
    if ("response" in answer) return passedDown(answer.response, node);
    // Another node may be asked only if this one certainly never saw a write.
    const again = request.method === "GET" || answer.definite;
    if (!again || i === candidates.length - 1) throw unreachable(node, request, answer);
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
  const asked = Number(search.get("timeoutMs") ?? NaN);
  const timeoutMs = Number.isInteger(asked) && asked > 0 ? asked : live.summary().config.timeoutMs;
  const query = search.size === 0 ? "" : `?${search}`;
  return await attemptHttp(fetchFrom, {
    method,
    url: `${node.url}${path}${query}`,
    headers: Object.fromEntries(pick(headers, PASSED_UP)),
    ...(body === undefined ? {} : { body }),
    timeoutMs: timeoutMs + GRACE_MS,
  });
}

function passedDown(answer: Response, node: NodeProcess): Response {
  const headers = pick(answer.headers, PASSED_DOWN);
  headers.set("X-Dynamo-Node", node.id);
  // A stored value may be a web page; it must not become one of this server's.
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
  const late = refusal.error.code === "timed-out";
  const what = late ? "did not answer in time" : "cannot be reached";
  return new ProblemError(
    "node-unreachable",
    `${node.id} ${what}: it is ${node.state}. Choose another node, or any`,
    { status: late ? 504 : 502, definite: request.method === "GET" || refusal.definite },
  );
}
