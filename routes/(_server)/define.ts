/** What every route file is given and may export. */
import type { ApiDocument, ApiOperation } from "./api/operation.ts";
import type { Assets, Island } from "./assets.ts";
import type { ClusterRegistry, Registered } from "./clusters/registry.ts";
import { type Context, createDefine, type Method, type RouteModule } from "./fresh/fresh.ts";

export interface State {
  readonly clusters: ClusterRegistry;
  readonly assets: Promise<Assets>;
  /** The description of this server's API, which lies at `origin`. */
  readonly describeApi: (origin: string) => ApiDocument;
  /** Told of errors that are this server's own fault. */
  readonly reportError: (error: unknown) => void;
  /** Set by a page's handler for `_app.tsx`. */
  document: PageDocument;
}

interface PageDocument {
  readonly title: string;
  /** What brings the page to life, and from which props; null: nothing does. */
  readonly island: { readonly name: Island; readonly props: unknown } | null;
}

export type RouteContext = Context<State>;

/** A file below `routes/`; `openapi` describes the methods of one that is part of the API. */
export interface RouteFile extends RouteModule<State> {
  readonly openapi?: { readonly [M in Method]?: ApiOperation };
}

/** By their path in `routes/`, such as `./clusters/[id].tsx`. */
export type RouteFiles = Readonly<Record<string, RouteFile>>;

export const define = createDefine<State>();

/** The cluster that the URL names. Throws a 404 {@link ProblemError}. */
export function clusterOf({ state, params }: RouteContext): Registered {
  return state.clusters.find(params.id ?? "");
}
