/**
 * The dashboard starts processes on the machine that it runs on, so no other site may drive it.
 *
 * - DNS rebinding: a page of evil.example whose name suddenly points to 127.0.0.1 still sends
 *   `Host: evil.example`. Only loopback names are answered at all.
 * - Cross-site requests: browsers send `Origin` with every change; it must be this very server.
 *   curl sends none, and is welcome.
 * - Injected markup: the policy lets nothing run or style the page but this server's own files.
 */
import type { MiddlewareHandler } from "hono";
import { HostCheck } from "../../nodes/http/access.ts";
import { ProblemError } from "../../nodes/http/problems.ts";

/** The dashboard never listens beyond loopback. */
const LISTENS_AT = "127.0.0.1";

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  // Pico draws its select arrows and check marks from data: URLs.
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** For bytes that a user stored: shown as they are, but never as a page of this server. */
export const STORED_BYTES_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'";

export function checkHostAndOrigin(): MiddlewareHandler {
  const hosts = new HostCheck(LISTENS_AT);
  return async (c, next) => {
    const host = c.req.header("Host") ?? new URL(c.req.url).host;
    if (!hosts.passes(host)) {
      throw new ProblemError(
        "forbidden",
        `Host must be localhost or a loopback address, with or without a port: it is '${host}'`,
      );
    }
    const changes = !["GET", "HEAD", "OPTIONS"].includes(c.req.method);
    const origin = c.req.header("Origin");
    if (changes && origin !== undefined && origin !== `http://${host}`) {
      throw new ProblemError(
        "forbidden",
        `Origin must be http://${host} or left out: it is '${origin}'`,
      );
    }
    if (changes && c.req.header("Sec-Fetch-Site") === "cross-site") {
      throw new ProblemError("forbidden", "Another site may not change anything here");
    }
    await next();
  };
}

export function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const headers = c.res.headers;
    if (!headers.has("Content-Security-Policy")) {
      headers.set("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    }
    headers.set("X-Content-Type-Options", "nosniff");
    // Not "no-referrer": under it browsers send forms with "Origin: null".
    headers.set("Referrer-Policy", "same-origin");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  };
}
