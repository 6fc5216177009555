/**
 * One HTTP request to a node, with a time limit, whose failure is a value.
 */
import type { Refusal } from "./results.ts";

export interface NodeRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  /** The cluster's secret, which `/membership`, `/faults`, `/debug` and `/anti-entropy` ask for. */
  readonly secret?: string | null | undefined;
  /** Twice does no more than once, so `fetch` may send it again. Left out: a GET is. */
  readonly isIdempotent?: boolean;
  /** Until the end of the answer. */
  readonly timeoutMs: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

export type Answer = { readonly response: Response } | Refusal;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Whatever the node answered, of any status, or why there is no answer. Never rejects. */
export async function attemptHttp(fetch: Fetch, request: NodeRequest): Promise<Answer> {
  const { url, timeoutMs, signal } = request;
  const isGivenUp = () => signal?.aborted === true;
  if (isGivenUp()) return refused("aborted", "the caller gave up before it was sent", true);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const stop = () => limit.abort();
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(url, initOf(request, limit.signal));
    // Read here, under the limit: a node that stops in the middle of its answer has not answered.
    const bytes = await response.arrayBuffer();
    return { response: detached(response, bytes) };
  } catch (error) {
    if (isGivenUp()) return refused("aborted", "the caller gave up", false);
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
 * A write's body, so that the write is made once. When a connection that was used before breaks under a
 * request, Deno's fetch sends all of it again on a new one, and tells only of that copy (measured, 2.9.6):
 * two writes for one, or one that is called refused and is there. A stream cannot be sent again. Browsers
 * take no stream over HTTP/1.1, and need none: there no failure is certain.
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

/** The same answer over bytes already here. */
function detached(response: Response, bytes: ArrayBuffer): Response {
  const { status, headers } = response;
  // 204 and 304 may have no body.
  return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers });
}

/** Deno says only "fetch failed" and keeps what happened in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/**
 * True when no connection was made, so that a write certainly did not arrive. Deno says so in the
 * message; browsers do not tell, and then it is not certain.
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
