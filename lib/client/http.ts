/** One HTTP request to a node with a time limit. A failure is returned, not thrown. */
import type { Refusal } from "./results.ts";

export interface NodeRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  /** The cluster's secret, which `/membership`, `/faults`, `/debug` and `/anti-entropy` need. */
  readonly secret?: string | null | undefined;
  /** Whether `fetch` may send the request twice. Default: only a GET. */
  readonly isIdempotent?: boolean;
  /** The time until the answer has been read completely. */
  readonly timeoutMs: number;
  /** Cancels the request. */
  readonly signal?: AbortSignal | undefined;
}

export type Answer = { readonly response: Response } | Refusal;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Returns the node's answer, whatever its status, or why there is none. Never rejects. */
export async function attemptHttp(fetch: Fetch, request: NodeRequest): Promise<Answer> {
  const { url, timeoutMs, signal } = request;
  const isAborted = () => signal?.aborted === true;
  if (isAborted()) {
    return refused("aborted", "the caller aborted before the request was sent", true);
  }
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const stop = () => limit.abort();
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(url, initOf(request, limit.signal));
    // Read within the time limit, because a node may stop in the middle of its answer.
    const bytes = await response.arrayBuffer();
    return { response: detached(response, bytes) };
  } catch (error) {
    if (isAborted()) return refused("aborted", "the caller aborted the request", false);
    if (limit.signal.aborted) {
      const shown = Math.round(timeoutMs);
      return refused("timed-out", `${origin(url)} did not answer within ${shown} ms`, false);
    }
    const reason = reasonOf(error);
    return refused("unreachable", `${origin(url)}: ${reason}`, isUndelivered(reason));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function initOf(request: NodeRequest, signal: AbortSignal): RequestInit {
  const { method, body, secret } = request;
  const headers: Record<string, string> = { ...request.headers };
  if (typeof secret === "string") headers["authorization"] = `Bearer ${secret}`;
  const init: RequestInit = { method, headers, signal };
  if (!(request.isIdempotent ?? method === "GET")) return Object.assign(init, bodySentOnce(body));
  if (body !== undefined) init.body = body as BodyInit;
  return init;
}

const IS_DENO = "Deno" in globalThis;

/**
 * The body of a write, in a form that `fetch` sends only once. If a reused connection breaks during a
 * request, Deno's fetch sends the whole request again on a new connection, and reports only the second
 * attempt (measured, 2.9.6). The write could then be made twice, or be reported as refused although it
 * was made. A stream cannot be sent again. Browsers do not accept streams over HTTP/1.1, and do not need
 * them, because there a failed write always counts as possibly made.
 */
function bodySentOnce(bytes?: Uint8Array): RequestInit & { duplex?: "half" } {
  if (!IS_DENO) return bytes === undefined ? {} : { body: bytes as BodyInit };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (bytes !== undefined && bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
  return { body, duplex: "half" };
}

/** The same response with a body that has been read. */
function detached(response: Response, bytes: ArrayBuffer): Response {
  const { status, headers } = response;
  // Responses with status 204 or 304 must not have a body.
  return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers });
}

/** The message of Deno's error is only "fetch failed". Its cause has the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/**
 * Whether no connection was made, so that a write certainly did not arrive. Deno says so in its message.
 * Browsers do not, so there it is never certain.
 */
function isUndelivered(reason: string): boolean {
  return /\(Connect\)|ECONNREFUSED|connection refused/i.test(reason);
}

function refused(code: string, message: string, definite: boolean): Refusal {
  return { definite, error: { code, message, status: null } };
}

function origin(url: string): string {
  return new URL(url).origin;
}
