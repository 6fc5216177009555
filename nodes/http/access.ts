/**
 * Which web pages may send requests to a node or to the dashboard.
 *
 * DNS rebinding lets another site's page reach a server on loopback under that site's own host
 * name. So the Host header must name this machine. Pages of other origins can read a node's
 * responses only if `--allow-origin` lists their origin (CORS). Without it, browsers hide the
 * responses from the page and do not send its puts.
 */
import { problem } from "./problems.ts";

const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host) || host === "::1";
}

/** Checks the authority (`host[:port]`) in a request. */
export class HostCheck {
  /** Null if the server listens beyond loopback: it may have any name there, so all names pass. */
  private readonly listenHost: string | null;
  /** A cache of authorities that passed: most requests use the same few. */
  private readonly passed = new Set<string>();

  constructor(listenHost: string) {
    this.listenHost = isLoopback(listenHost) ? listenHost : null;
  }

  passes(authority: string): boolean {
    if (this.listenHost === null || this.passed.has(authority)) return true;
    const host = /^(.*?)(:\d{1,5})?$/.exec(authority)?.[1]?.toLowerCase() ?? "";
    if (!LOOPBACK.test(host) && host !== this.listenHost) return false;
    if (this.passed.size < 100) this.passed.add(authority);
    return true;
  }

  /** The 403 response for a node to send; null if the request passes. */
  refuse(authority: string): Response | null {
    if (this.passes(authority)) return null;
    return problem(
      "forbidden-host",
      "Host must be localhost or a loopback address, as this node listens on loopback: it is " +
        `'${authority.slice(0, 100)}'`,
    );
  }
}

const METHODS = "GET, HEAD, PUT, DELETE, OPTIONS";
const REQUEST_HEADERS = "content-type, x-dynamo-context, accept, if-none-match, authorization";
const EXPOSED_HEADERS = "x-dynamo-context, x-dynamo-siblings, etag, retry-after";
const PREFLIGHT_SECONDS = "600";

/** Cross-origin access for the origins that were listed when the node was started. */
export class Cors {
  private readonly allowed: ReadonlySet<string>;

  /** Origins such as `http://localhost:8000`. */
  constructor(origins: readonly string[]) {
    this.allowed = new Set(origins);
  }

  get isOff(): boolean {
    return this.allowed.size === 0;
  }

  /** The response to a preflight; null if the request is not a preflight from an allowed origin. */
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

  /** Adds the headers that let an allowed origin read the response. */
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
