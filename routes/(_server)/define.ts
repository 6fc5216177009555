/** The state that every route gets, and what a route file may export. */
import type { ApiDocument, ApiOperation } from "./api/operation.ts";
import type { Assets, Island } from "./assets.ts";
import type { ClusterRegistry, Registered } from "./clusters/registry.ts";
import { type Context, createDefine, type Method, type RouteModule } from "./fresh/fresh.ts";

export interface State {
  readonly clusters: ClusterRegistry;
  readonly assets: Promise<Assets>;
  /** The OpenAPI description of this server at `origin`. */
  readonly describeApi: (origin: string) => ApiDocument;
  /** Called for errors that are the dashboard's own fault. */
  readonly reportError: (error: unknown) => void;
  /** A page's handler sets it; `_app.tsx` reads it. */
  document: PageDocument;
}

interface PageDocument {
  readonly title: string;
  /** The island to hydrate, with its props; null for a page without an island. */
  readonly island: { readonly name: Island; readonly props: unknown } | null;
}

export type RouteContext = Context<State>;

/** A file below `routes/`. In a route of the API, `openapi` describes its methods. */
export interface RouteFile extends RouteModule<State> {
  readonly openapi?: { readonly [M in Method]?: ApiOperation };
}

/** Route files by path in `routes/`, such as `./clusters/[id].tsx`. */
export type RouteFiles = Readonly<Record<string, RouteFile>>;

export const define = createDefine<State>();

/** The cluster in the URL. Throws a 404 {@link ProblemError} if it does not exist. */
export function clusterOf({ state, params }: RouteContext): Registered {
  return state.clusters.find(params.id ?? "");
}
