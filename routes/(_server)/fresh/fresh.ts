/**
 * The part of Fresh 2 that the route files are written against, under Fresh's own names. Moving to
 * Fresh means importing these from "fresh" and leaving out `hono_adapter.ts` and `manifest.ts`.
 */
import type { ComponentType, VNode } from "preact";

export const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;
export type Method = typeof METHODS[number];

export interface Context<State> {
  readonly req: Request;
  readonly url: URL;
  /** What stood in the URL in place of `[name]`, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Shared by everything that handles the same request. */
  readonly state: State;
  /** What was thrown, for `_error.tsx`; null elsewhere. */
  readonly error: unknown;
  /** In a middleware: the answer of all that come after it. */
  next(): Promise<Response>;
  redirect(path: string, status?: number): Response;
}

/** Data for the route's page, in place of a response. */
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
  /** In `_app.tsx`: the page. */
  readonly Component: ComponentType;
}

/** Called and not mounted, so that it may wait: hooks belong into islands. */
type PageComponent<Data, State> = (props: PageProps<Data, State>) => VNode | Promise<VNode>;

/** What a file below `routes/` exports. */
export interface RouteModule<State> {
  readonly handler?: RouteHandler<unknown, State> | readonly Middleware<State>[];
  // A method, which TypeScript compares less strictly: each page gets its own handler's data alone.
  default?(props: PageProps<unknown, State>): VNode | Promise<VNode>;
}

/** Answered as its status says, by `_error.tsx`. */
export class HttpError extends Error {
  override name = "HttpError";

  constructor(readonly status: number) {
    super(`HTTP ${status}`);
  }
}

type DataOf<Handler, State> = Handler extends RouteHandler<infer Data, State> ? Data : never;

interface Define<State> {
  handlers<const Handler extends RouteHandler<unknown, State>>(handler: Handler): Handler;
  /** A page for what its route's `handler` answers. */
  page<Handler extends RouteHandler<unknown, State> = never>(
    component: PageComponent<DataOf<Handler, State>, State>,
  ): PageComponent<DataOf<Handler, State>, State>;
  middleware(middlewares: readonly Middleware<State>[]): readonly Middleware<State>[];
}

/** Functions that answer what they are given, and tell the compiler its type. */
export function createDefine<State>(): Define<State> {
  return {
    handlers: (handler) => handler,
    page: (component) => component,
    middleware: (middlewares) => middlewares,
  };
}
