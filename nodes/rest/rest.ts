/**
 * Serves a node's REST API: dispatches every HTTP request to its route. Requests for keys and peers'
 * calls, which are by far the most frequent, are dispatched directly. Hono routes the others.
 */
import { Hono } from "hono";
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { NodeService } from "../host/node_service.ts";
import { Cors, HostCheck } from "../http/access.ts";
import { allowOf, wrongMethod } from "../http/allow.ts";
import { headOf, measureHead } from "../http/head.ts";
import { problem } from "../http/problems.ts";
import { BearerCheck } from "../process/secret.ts";
import { RPC_PATH } from "../rpc/messages.ts";
import { StorageError } from "../storage/storage.ts";
import type { ApiRoute, Handler } from "./api_route.ts";
import { apiRoutes } from "./api_routes.ts";
import { TokenError } from "./context_token.ts";
import { keyOf, KV_PREFIX } from "./kv.ts";
import { type Target, TargetError, targetOf } from "./request_target.ts";

export interface RestOptions {
  /** The address that the server listens on. */
  readonly host: string;
  readonly secret: string | null;
  /** If given, `/kv` requires it. */
  readonly kvToken?: string | null;
  readonly allowOrigins?: readonly string[];
  /** Called with internal errors. */
  readonly onError?: (error: unknown) => void;
}

/** Most bytes of bodies being received at once. Beyond it values are refused. */
const BODY_BYTES_MAX = 256 * 1_048_576;
/** The assumed size of a body without a Content-Length. */
const BODY_BYTES_UNKNOWN = 65_536;

export interface Rest {
  /** Answers any request; never throws. */
  readonly fetch: (request: Request) => Promise<Response>;
  readonly routes: readonly ApiRoute[];
}

export function createRest(service: NodeService, options: RestOptions): Rest {
  const routes = apiRoutes(service);
  const hosts = new HostCheck(options.host);
  const cors = new Cors(options.allowOrigins ?? []);
  const handle = dispatcher(routes, service, options);
  const answer = async (request: Request) => {
    try {
      const target = targetOf(request.url);
      return hosts.refuse(target.authority) ?? await handle(request, target);
    } catch (error) {
      const refused = refusalOf(error);
      if (refused !== null) return refused;
      options.onError?.(error);
      return problem("internal", "the node had an internal error; see its log", {
        definite: request.method === "GET" || request.method === "HEAD",
      });
    }
  };
  if (cors.isOff) return { routes, fetch: answer };
  return {
    routes,
    fetch: async (request) => cors.preflight(request) ?? cors.mark(request, await answer(request)),
  };
}

/** The answer to an error caused by the request or by the disk; null for an internal error. */
function refusalOf(error: unknown): Response | null {
  if (
    error instanceof TargetError || error instanceof TokenError || error instanceof ConfigError
  ) {
    return problem("invalid", error.message);
  }
  return error instanceof StorageError ? problem("storage-failed", error.message) : null;
}

function dispatcher(
  routes: readonly ApiRoute[],
  service: NodeService,
  { secret, kvToken }: RestOptions,
): Handler {
  const peers = new BearerCheck(secret);
  const clients = kvToken ? new BearerCheck(kvToken) : null;
  const ofKeys = routes.filter(({ path }) => path.startsWith(KV_PREFIX));
  const ofPeers = routes.filter(({ path }) => path === RPC_PATH);
  const others = routes.filter((route) => !ofKeys.includes(route) && !ofPeers.includes(route));
  const kv = boundBodies(forClients(byMethod(ofKeys, keyOf), service, clients));
  const rpc = byMethod(ofPeers.map((route) => forPeers(route, peers)));
  const app = createApp(others, peers);
  return (request, target) => {
    if (target.path.startsWith(KV_PREFIX)) return kv(request, target);
    if (target.path === RPC_PATH) return rpc(request, target);
    return app.fetch(request);
  };
}

/**
 * Dispatches the requests of one path by method. `read` throws if the path is malformed, which is
 * reported before a wrong method.
 */
function byMethod(routes: readonly ApiRoute[], read?: (target: Target) => string): Handler {
  const handlers = new Map<string, Handler>();
  for (const { method, handle } of routes) {
    handlers.set(method, handle);
    if (method !== "GET") continue;
    handlers.set("HEAD", async (request, target) => await headOf(await handle(request, target)));
  }
  return (request, target) => {
    const { method } = request;
    const handle = handlers.get(method);
    if (handle !== undefined) return handle(request, target);
    read?.(target);
    return methodNotAllowed(method, routes);
  };
}

function methodNotAllowed(method: string, routes: readonly Pick<ApiRoute, "method">[]): Response {
  const allow = allowOf(routes.map((route) => route.method));
  return problem("method-not-allowed", wrongMethod(method, allow), {}, { allow });
}

function forClients(inner: Handler, service: NodeService, clients: BearerCheck | null): Handler {
  return (request, target) => {
    if (clients !== null && !clients.passes(request.headers.get("authorization"))) {
      return unauthorized("/kv needs 'Authorization: Bearer' with the clients' token");
    }
    const notReady = service.whyNotReady();
    if (notReady !== null) return problem("not-ready", notReady);
    return inner(request, target);
  };
}

function forPeers(route: ApiRoute, peers: BearerCheck): ApiRoute {
  const handle: Handler = (request, target) =>
    refuseOthers(request, peers, route.path) ?? route.handle(request, target);
  return { ...route, handle };
}

/** Refuses puts while too many bytes of bodies are being received, instead of queueing in memory. */
function boundBodies(inner: Handler): Handler {
  let receivingBytes = 0;
  const bounded = async (request: Request, target: Target) => {
    const announced = Number(request.headers.get("content-length") ?? BODY_BYTES_UNKNOWN);
    if (receivingBytes + announced > BODY_BYTES_MAX && receivingBytes > 0) {
      return problem(
        "overloaded",
        `the node receives at most ${BODY_BYTES_MAX} bytes of values at once: it is receiving ` +
          `${receivingBytes}`,
      );
    }
    receivingBytes += announced;
    try {
      return await inner(request, target);
    } finally {
      receivingBytes -= announced;
    }
  };
  return (request, target) =>
    request.method === "PUT" ? bounded(request, target) : inner(request, target);
}

/** Refuses a request without the cluster's secret; null if it has it. */
function refuseOthers(request: Request, peers: BearerCheck, path: string): Response | null {
  return peers.passes(request.headers.get("authorization"))
    ? null
    : unauthorized(`${path} needs 'Authorization: Bearer' with the cluster's secret`);
}

function unauthorized(detail: string): Response {
  return problem("unauthorized", detail, {}, { "www-authenticate": 'Bearer realm="dynamo"' });
}

function createApp(routes: readonly ApiRoute[], peers: BearerCheck): Hono {
  const app = new Hono();
  app.use(measureHead);
  app.get("/", (c) => c.redirect("/docs"));
  // Before the routes, and also for unknown paths: without the secret nobody learns which paths exist.
  for (
    const pattern of new Set(routes.filter(({ access }) => access === "secret").map(patternOf))
  ) {
    const path = pattern.replace("/*", "");
    app.use(pattern, async (c, next) => refuseOthers(c.req.raw, peers, path) ?? await next());
  }
  for (const { method, path, handle } of routes) {
    app.on(method, path.replace("{key}", "*"), (c) => handle(c.req.raw, targetOf(c.req.url)));
  }
  for (const [path, ofPath] of Map.groupBy(routes, ({ path }) => path)) {
    app.all(path.replace("{key}", "*"), (c) => methodNotAllowed(c.req.method, ofPath));
  }
  app.all("/", (c) => methodNotAllowed(c.req.method, [{ method: "GET" }]));
  app.notFound((c) => problem("not-found", `there is nothing at ${c.req.method} ${c.req.path}`));
  app.onError((error) => {
    // Answered here, so that an answer to HEAD gets its length.
    const refused = refusalOf(error);
    if (refused === null) throw error;
    return refused;
  });
  return app;
}

/** The paths that need the secret because this route does: all with the same first segment. */
function patternOf({ path }: ApiRoute): string {
  const [, first, ...rest] = path.split("/");
  return rest.length === 0 ? `/${first}` : `/${first}/*`;
}
