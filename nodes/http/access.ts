/**
 * Who may ask a node, or the dashboard, what.
 *
 * A server on loopback must not answer a web page of somebody else that got the browser to call it by
 * another name (DNS rebinding), so the Host header has to be a name of this machine. Pages of other
 * origins may read a node's answers only where `--allow-origin` names them (CORS); without that a
 * browser keeps the answers from them, and sends none of their puts.
 */
import { problem } from "./problems.ts";

const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host) || host === "::1";
}

/** Checks the authority (`host[:port]`) that a request was sent to. */
export class HostCheck {
  /** Null: every name passes, since the server listens beyond loopback, where it has names we do not know. */
  private readonly own: string | null;
  /** The same few are asked again and again. */
  private readonly passed = new Set<string>();

  constructor(listenHost: string) {
    this.own = isLoopback(listenHost) ? listenHost : null;
  }

  passes(authority: string): boolean {
    if (this.own === null || this.passed.has(authority)) return true;
    const host = /^(.*?)(:\d{1,5})?$/.exec(authority)?.[1]?.toLowerCase() ?? "";
    if (!LOOPBACK.test(host) && host !== this.own) return false;
    if (this.passed.size < 100) this.passed.add(authority);
    return true;
  }

  /** The node's refusal, or null when the request may pass. */
  refuse(authority: string): Response | null {
    if (this.passes(authority)) return null;
    return problem(
      "forbidden-host",
      "this node listens on loopback, so Host must be localhost or a loopback address: it is " +
        `'${authority.slice(0, 100)}'`,
    );
  }
}

const METHODS = "GET, HEAD, PUT, DELETE, OPTIONS";
const REQUEST_HEADERS = "content-type, x-dynamo-context, accept, if-none-match, authorization";
const EXPOSED_HEADERS = "x-dynamo-context, x-dynamo-siblings, etag, retry-after";
const PREFLIGHT_SECONDS = "600";

/** Cross-origin reads, for the origins that were named when the node was started. */
export class Cors {
  private readonly allowed: ReadonlySet<string>;

  /** Origins such as `http://localhost:8000`. */
  constructor(origins: readonly string[]) {
    this.allowed = new Set(origins);
  }

  get isOff(): boolean {
    return this.allowed.size === 0;
  }

  /** The answer to a preflight; null when the request is none of an allowed origin. */
  preflight(request: Request): Response | null {
    const origin = this.originOf(request);
    if (origin === null || request.method !== "OPTIONS") return null;
    return new Response(null, {
      status: 204,
      headers: {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": REQUEST_HEADERS,
        "access-control-max-age": PREFLIGHT_SECONDS,
        "vary": "origin",
      },
    });
  }

  /** Lets an allowed origin read the answer. */
  mark(request: Request, response: Response): Response {
    const origin = this.originOf(request);
    if (origin === null) return response;
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set("access-control-expose-headers", EXPOSED_HEADERS);
    response.headers.append("vary", "origin");
    return response;
  }

  private originOf(request: Request): string | null {
    const origin = request.headers.get("origin");
    return origin !== null && this.allowed.has(origin) ? origin : null;
  }
}
