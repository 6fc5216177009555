/**
 * The part of Fresh 2's API that the route files use, under Fresh's names. To move to Fresh, import
 * these names from "fresh" and delete `hono_adapter.ts` and `manifest.ts`.
 */
import type { ComponentType, VNode } from "preact";

export const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;
export type Method = typeof METHODS[number];

export interface Context<State> {
  readonly req: Request;
  readonly url: URL;
  /** The decoded URL segments, by the names in the route's path: `id` for `[id]`. */
  readonly params: Readonly<Record<string, string>>;
  /** One object for each request, shared by all middlewares, the handler and the page. */
  readonly state: State;
  /** In `_error.tsx`: what was thrown. Otherwise null. */
  readonly error: unknown;
  /** In a middleware: runs the next middleware or the handler. */
  next(): Promise<Response>;
  redirect(path: string, status?: number): Response;
}

/** What a handler returns to render the route's page with this data. */
export interface PageResponse<Data> {
  readonly data: Data;
  readonly status: number | undefined;
}

export function page<Data>(
  data: Data,
  options: { readonly status?: number } = {},
): PageResponse<Data> {
  return { data, status: options.status };
}

type Answer<Data> = Response | PageResponse<Data>;

export type HandlerFn<Data, State> = (ctx: Context<State>) => Answer<Data> | Promise<Answer<Data>>;

export type HandlerByMethod<Data, State> = {
  readonly [M in Method]?: HandlerFn<Data, State>;
};

type RouteHandler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;

export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

interface PageProps<Data, State>
  extends Pick<Context<State>, "req" | "url" | "params" | "state" | "error"> {
  readonly data: Data;
  /** In `_app.tsx`: renders the page. */
  readonly Component: ComponentType;
}

/** It is called as a function, not mounted, so it may be async. Hooks work only in islands. */
type PageComponent<Data, State> = (props: PageProps<Data, State>) => VNode | Promise<VNode>;

/** The exports of a file below `routes/`. */
export interface RouteModule<State> {
  readonly handler?: RouteHandler<unknown, State> | readonly Middleware<State>[];
  // Method syntax, because TypeScript checks its parameters less strictly: each page accepts only
  // its own handler's data.
  default?(props: PageProps<unknown, State>): VNode | Promise<VNode>;
}

/** Thrown to respond with this status. `_error.tsx` makes the response. */
export class HttpError extends Error {
  override name = "HttpError";

  constructor(readonly status: number, message = `HTTP ${status}`) {
    super(message);
  }
}

type DataOf<Handler, State> = Handler extends RouteHandler<infer Data, State> ? Data : never;

interface Define<State> {
  handlers<const Handler extends RouteHandler<unknown, State>>(handler: Handler): Handler;
  /** The page of a route. Its `data` has the type that the route's `handler` returns. */
  page<Handler extends RouteHandler<unknown, State> = never>(
    component: PageComponent<DataOf<Handler, State>, State>,
  ): PageComponent<DataOf<Handler, State>, State>;
  middleware(middlewares: readonly Middleware<State>[]): readonly Middleware<State>[];
}

/** The functions return their argument. They only tell the compiler its type. */
export function createDefine<State>(): Define<State> {
  return {
    handlers: (handler) => handler,
    page: (component) => component,
    middleware: (middlewares) => middlewares,
  };
}
