/**
 * One HTTP attempt, with a time limit, whose failure is a value.
 */
import type { Refusal } from "./results.ts";

export interface Attempt {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
  /** Until the answer's head. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type Answer = { readonly response: Response } | Refusal;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export async function attemptHttp(fetch: Fetch, attempt: Attempt): Promise<Answer> {
  const { method, url, headers, body, timeoutMs, signal } = attempt;
  const isGivenUp = () => signal?.aborted === true;
  if (isGivenUp()) return refused("aborted", "the caller gave up before it was sent", true);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const stop = () => limit.abort();
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal: limit.signal,
      ...(method === "GET" ? {} : bodySentOnce(body)),
    });
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

const IS_DENO = "Deno" in globalThis;

/**
 * A write's body, so that the write is made once. When a connection that was used before breaks under a
 * request, Deno's fetch sends all of it again on a new one, and tells only of that copy (measured, 2.9.6):
 * two writes for one, or one that is called refused and is there. A stream cannot be sent again. Browsers
 * take no stream over HTTP/1.1, and need none: there no failure is certain.
 */
export function bodySentOnce(bytes?: Uint8Array): RequestInit & { duplex?: "half" } {
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
