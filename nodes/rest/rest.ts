/**
 * The node's front door: every HTTP request comes in here. Keys and peers' calls, which are most, are
 * taken straight to where they are served; the rest is a table of routes.
 */
import { type Context, Hono } from "hono";
import type { NodeService } from "../host/node_service.ts";
import { Cors, HostCheck } from "../http/access.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem } from "../http/problems.ts";
import { BearerCheck } from "../process/secret.ts";
import { RPC_PATH } from "../rpc/messages.ts";
import { addDebugRoutes } from "./debug.ts";
import { KV_PREFIX, KvRoutes } from "./kv.ts";
import { addMembershipRoutes } from "./membership.ts";
import { addOrderRoutes } from "./orders.ts";
import { type Target, targetOf } from "./request_target.ts";
import { addRingRoutes } from "./ring.ts";

export interface RestOptions {
  /** The address that the server listens on. */
  readonly host: string;
  readonly secret: string | null;
  /** Asked for on `/kv` when given. */
  readonly kvToken?: string | null;
  readonly allowOrigins?: readonly string[];
  /** Told about mistakes of this program. */
  readonly onError?: (error: unknown) => void;
}

/** Bodies being received, altogether: past it, values are refused until some are stored. */
const BODY_BYTES_MAX = 256 * 1_048_576;
/** What a body of unannounced length is counted as. */
const BODY_BYTES_UNKNOWN = 65_536;

type Handler = (request: Request) => Promise<Response>;
/** Not async where it need not be: each await on the way of every request costs something. */
type Answer = Response | Promise<Response>;
type KvHandler = (request: Request, target: Target) => Answer;

export interface Rest {
  /** Answers any request; never throws. */
  readonly fetch: Handler;
  /** The routes besides `/kv` and `/rpc`. */
  readonly app: Hono;
}

export function createRest(service: NodeService, options: RestOptions): Rest {
  const peers = new BearerCheck(options.secret);
  const clients = options.kvToken ? new BearerCheck(options.kvToken) : null;
  const hosts = new HostCheck(options.host);
  const cors = new Cors(options.allowOrigins ?? []);
  const app = createApp(service, peers);
  const kv = boundBodies(createKv(service, clients));
  const rpc = createRpc(service, peers);

  const route = (request: Request): Answer => {
    const target = targetOf(request.url);
    const refused = hosts.refuse(target.authority);
    if (refused !== null) return refused;
    if (target.path.startsWith(KV_PREFIX)) return kv(request, target);
    if (target.path === RPC_PATH) return rpc(request);
    return app.fetch(request);
  };
  const answer: Handler = async (request) => {
    try {
      return await route(request);
    } catch (error) {
      options.onError?.(error);
      return problem("internal", "the node made a mistake; its log says more", {
        definite: request.method === "GET" || request.method === "HEAD",
      });
    }
  };
  if (cors.isOff) return { app, fetch: answer };
  return {
    app,
    fetch: async (request) => cors.preflight(request) ?? cors.mark(request, await answer(request)),
  };
}

function createKv(service: NodeService, clients: BearerCheck | null): KvHandler {
  const routes = new KvRoutes(
    service.config,
    service.tokens,
    (request, answer) => service.host.client(request, answer),
  );
  return (request, target) => {
    if (clients !== null && !clients.passes(request.headers.get("authorization"))) {
      return unauthorized("/kv needs 'Authorization: Bearer' with the clients' token");
    }
    const notReady = service.whyNotReady();
    if (notReady !== null) return problem("not-ready", notReady);
    return routes.handle(request, target);
  };
}

/** Sheds puts while the bodies being received fill their bound: memory is not the place to queue. */
function boundBodies(inner: KvHandler): KvHandler {
  let bytesInHand = 0;
  const bounded = async (request: Request, target: Target) => {
    const announced = Number(request.headers.get("content-length") ?? BODY_BYTES_UNKNOWN);
    if (bytesInHand + announced > BODY_BYTES_MAX && bytesInHand > 0) {
      return problem(
        "overloaded",
        `values of at most ${BODY_BYTES_MAX} bytes are received at once: ${bytesInHand} are under way`,
      );
    }
    bytesInHand += announced;
    try {
      return await inner(request, target);
    } finally {
      bytesInHand -= announced;
    }
  };
  return (request, target) =>
    request.method === "PUT" ? bounded(request, target) : inner(request, target);
}

function createRpc(service: NodeService, peers: BearerCheck): Handler {
  return async (request) => {
    if (request.method !== "POST") {
      return problem("method-not-allowed", `the method must be POST: it is ${request.method}`, {}, {
        allow: "POST",
      });
    }
    if (!peers.passes(request.headers.get("authorization"))) {
      return unauthorized("/rpc needs 'Authorization: Bearer' with the cluster's secret");
    }
    // Peers that start together ask what they remember of each other: nobody could answer the other.
    const notServing = service.whyNotServing();
    if (notServing !== null) return problem("not-ready", notServing);
    return await service.rpc.handle(request);
  };
}

function unauthorized(detail: string): Response {
  return problem("unauthorized", detail, {}, { "www-authenticate": 'Bearer realm="dynamo"' });
}

function createApp(service: NodeService, peers: BearerCheck): Hono {
  const app = new Hono();
  app.get("/", (c) => c.redirect("/docs"));
  app.get("/health", () => jsonAnswer({ status: "alive" }));
  app.get("/ready", () => {
    const why = service.whyNotReady();
    return why === null ? jsonAnswer({ status: "ready" }) : problem("not-ready", why);
  });
  app.get("/status", async () => jsonAnswer(await service.status()));
  app.get("/events", () =>
    service.events.open() ??
      problem("overloaded", "too many watch the events already; try again later"));
  addRingRoutes(app, service);
  for (const path of ["/debug/*", "/faults", "/anti-entropy", "/membership/*"]) {
    app.use(path, async (c, next) => {
      if (peers.passes(c.req.header("authorization") ?? null)) return await next();
      const room = path.replace("/*", "");
      return unauthorized(`${room} needs 'Authorization: Bearer' with the cluster's secret`);
    });
  }
  addDebugRoutes(app, service);
  addOrderRoutes(app, service);
  addMembershipRoutes(app, service);
  addLateRoutes(app, service);
  app.notFound((c) => problem("not-found", `there is nothing at ${c.req.method} ${c.req.path}`));
  app.onError((error) => {
    throw error;
  });
  return app;
}

/** Routes that few ask for, and whose libraries would slow every start: they are loaded when asked. */
function addLateRoutes(app: Hono, service: NodeService): void {
  app.get("/metrics", async () => {
    const { renderMetrics } = await import("../host/metrics.ts");
    const { contentType, text } = await renderMetrics(service);
    return new Response(text, { headers: { "content-type": contentType } });
  });
  app.get("/openapi.json", async () => {
    const { describeApi } = await import("./openapi.ts");
    return jsonAnswer(describeApi(service.self.url));
  });
  app.get("/docs", async (c) => await docs(c, service));
}

async function docs(c: Context, service: NodeService): Promise<Response> {
  const [{ describeApi }, { DOCS_HEADERS, renderDocs }] = await Promise.all([
    import("./openapi.ts"),
    import("./docs_page.ts"),
  ]);
  return c.html(renderDocs(describeApi(service.self.url), "/openapi.json"), 200, DOCS_HEADERS);
}
