/**
 * The dashboard starts processes on the machine that it runs on, so no other site may drive it.
 *
 * - DNS rebinding: a page of evil.example whose name suddenly points to 127.0.0.1 still sends
 *   `Host: evil.example`. Only loopback names are answered at all.
 * - Cross-site requests: browsers send `Origin` with every change; it must be this very server.
 *   curl sends none, and is welcome.
 * - Injected markup: the policy lets nothing run or style the page but this server's own files.
 */
import { HostCheck } from "../nodes/http/access.ts";
import { ProblemError } from "../nodes/http/problems.ts";
import { define, type RouteContext } from "./(_server)/define.ts";

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

/** What may ask at all; all others get a 403. */
const hosts = new HostCheck(LISTENS_AT);

function checkHostAndOrigin({ req, url, next }: RouteContext): Promise<Response> {
  const host = req.headers.get("Host") ?? url.host;
  if (!hosts.passes(host)) {
    throw new ProblemError(
      "forbidden",
      `Host must be localhost or a loopback address, with or without a port: it is '${host}'`,
    );
  }
  const changes = !["GET", "HEAD", "OPTIONS"].includes(req.method);
  const origin = req.headers.get("Origin");
  if (changes && origin !== null && origin !== `http://${host}`) {
    throw new ProblemError(
      "forbidden",
      `Origin must be http://${host} or left out: it is '${origin}'`,
    );
  }
  if (changes && req.headers.get("Sec-Fetch-Site") === "cross-site") {
    throw new ProblemError("forbidden", "Another site may not change anything here");
  }
  return next();
}

async function setSecurityHeaders({ next }: RouteContext): Promise<Response> {
  const response = await next();
  const { headers } = response;
  if (!headers.has("Content-Security-Policy")) {
    headers.set("Content-Security-Policy", CONTENT_SECURITY_POLICY);
  }
  headers.set("X-Content-Type-Options", "nosniff");
  // Not "no-referrer": under it browsers send forms with "Origin: null".
  headers.set("Referrer-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  return response;
}

export const handler = define.middleware([setSecurityHeaders, checkHostAndOrigin]);
