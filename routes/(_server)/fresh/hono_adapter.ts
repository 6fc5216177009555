/**
 * Serves the files below `routes/` with Hono as Fresh would. A file's path is its URL.
 * `_middleware` runs for everything below its folder, `_app` is the HTML document around every
 * page, and `_error` responds to errors, unknown URLs and methods that a route does not have.
 */
import { type Context as HonoContext, Hono } from "hono";
import { renderToString } from "preact-render-to-string";
import { allowOf, wrongMethod } from "../../../nodes/http/allow.ts";
import { measureHead } from "../../../nodes/http/head.ts";
import {
  type Context,
  type HandlerByMethod,
  type HandlerFn,
  HttpError,
  type Method,
  METHODS,
  type Middleware,
  page,
  type PageResponse,
  type RouteModule,
} from "./fresh.ts";
import { byPath, patternOf, specialNameOf } from "./route_paths.ts";

interface Env<State> {
  readonly Variables: { state: State };
}

interface AppOptions<State> {
  /** Files by their path in `routes/`, such as `./clusters/[id].tsx`. */
  readonly routes: Readonly<Record<string, RouteModule<State>>>;
  /** Makes the state of a new request. */
  readonly newState: () => State;
}

export type RequestHandler = (request: Request) => Response | Promise<Response>;

export function requestHandler<State>({ routes, newState }: AppOptions<State>): RequestHandler {
  const app = new Hono<Env<State>>();
  app.use(measureHead);
  app.use(async (c, next) => {
    c.set("state", newState());
    await next();
  });
  const files = Object.keys(routes).toSorted(byPath);
  requireSupported(files);
  for (const file of files.filter((each) => specialNameOf(each) === "_middleware")) {
    const folder = patternOf(file.replace(/_middleware\.tsx?$/, "index.ts")).replace(/\/$/, "");
    for (const middleware of routes[file]?.handler as readonly Middleware<State>[]) {
      app.use(`${folder}/*`, (c, next) => runMiddleware(middleware, c, next));
    }
  }
  const appModule = routes[APP] as RouteModule<State>;
  const errorModule = routes[ERROR] as RouteModule<State>;
  const fail = (c: HonoContext<Env<State>>, error: unknown) =>
    respond(
      errorModule.handler as HandlerFn<unknown, State>,
      contextOf(c, { error }),
      errorModule,
      appModule,
    );
  for (const file of files.filter((each) => specialNameOf(each) === null)) {
    const module = routes[file] as RouteModule<State>;
    const allowed: Method[] = [];
    for (const method of METHODS) {
      const handle = handlerFor(module, method);
      if (handle === null) continue;
      allowed.push(method);
      app.on(method, patternOf(file), (c) => respond(handle, contextOf(c), module, appModule));
    }
    const allow = allowOf(allowed);
    app.all(patternOf(file), async (c) => {
      const response = await fail(c, new HttpError(405, wrongMethod(c.req.method, allow)));
      response.headers.set("allow", allow);
      return response;
    });
  }
  app.notFound((c) => fail(c, new HttpError(404)));
  app.onError((error, c) => fail(c, error));
  return (request) => app.fetch(request);
}

const APP = "./_app.tsx";
const ERROR = "./_error.tsx";

/** Refuses special files that Fresh supports and this adapter would ignore. */
function requireSupported(files: readonly string[]): void {
  for (const file of [APP, ERROR]) {
    if (!files.includes(file)) throw new TypeError(`routes must have ${file}`);
  }
  const others = files.filter((file) => {
    const name = specialNameOf(file);
    return name !== null && name !== "_middleware" && file !== APP && file !== ERROR;
  });
  if (others.length > 0) {
    throw new TypeError(
      `special files must be ${APP}, ${ERROR} or _middleware.ts: found ${others.join(", ")}`,
    );
  }
}

/** Null if the route does not have the method. A page without a handler has GET. */
function handlerFor<State>(
  { handler, default: component }: RouteModule<State>,
  method: Method,
): HandlerFn<unknown, State> | null {
  if (typeof handler === "function") return handler;
  if (handler !== undefined) {
    return (handler as HandlerByMethod<unknown, State>)[method] ?? null;
  }
  return component !== undefined && method === "GET" ? () => page(undefined) : null;
}

interface ContextOptions {
  readonly error?: unknown;
  readonly next?: () => Promise<Response>;
}

function contextOf<State>(
  c: HonoContext<Env<State>>,
  { error = null, next = noNext }: ContextOptions = {},
): Context<State> {
  return {
    req: c.req.raw,
    url: new URL(c.req.url),
    params: c.req.param(),
    state: c.get("state"),
    error,
    next,
    redirect: (path, status = 302) => new Response(null, { status, headers: { location: path } }),
  };
}

function noNext(): Promise<Response> {
  return Promise.reject(new HttpError(404));
}

async function runMiddleware<State>(
  middleware: Middleware<State>,
  c: HonoContext<Env<State>>,
  proceed: () => Promise<void>,
): Promise<void> {
  const next = async () => {
    await proceed();
    return c.res;
  };
  const response = await middleware(contextOf(c, { next }));
  // Without this line, Hono would merge the headers of the earlier response into the new one.
  c.res = undefined;
  c.res = response;
}

async function respond<State>(
  handle: HandlerFn<unknown, State>,
  ctx: Context<State>,
  module: RouteModule<State>,
  appModule: RouteModule<State>,
): Promise<Response> {
  const result = await handle(ctx);
  return result instanceof Response ? result : await render(result, ctx, module, appModule);
}

async function render<State>(
  { data, status = 200 }: PageResponse<unknown>,
  { req, url, params, state, error }: Context<State>,
  module: RouteModule<State>,
  appModule: RouteModule<State>,
): Promise<Response> {
  if (module.default === undefined || appModule.default === undefined) {
    throw new TypeError(
      `Cannot render ${url.pathname}: its route and _app.tsx must both have a default export`,
    );
  }
  const props = { req, url, params, state, error, data, Component: () => null };
  const body = await module.default(props);
  const document = await appModule.default({ ...props, Component: () => body });
  return new Response(`<!doctype html>${renderToString(document)}`, {
    status,
    headers: { "content-type": "text/html; charset=utf-8" },
  });
}
