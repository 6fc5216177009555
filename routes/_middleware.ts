/**
 * The dashboard can start processes on this machine, so it must refuse requests from other sites.
 *
 * - DNS rebinding: if evil.example suddenly resolves to 127.0.0.1, its pages still send `Host:
 *   evil.example`. So Host must be a loopback name.
 * - Cross-site requests: browsers send `Origin` with each request that changes something. It must
 *   be this server. curl does not send it and is allowed.
 * - Injected markup: the content security policy allows only scripts and styles from this server's
 *   files.
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
    throw new ProblemError(
      "forbidden",
      "Sec-Fetch-Site must not be cross-site in a request that changes something",
    );
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
  // Not "no-referrer": with it, browsers send forms with "Origin: null".
  headers.set("Referrer-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  return response;
}

export const handler = define.middleware([setSecurityHeaders, checkHostAndOrigin]);
