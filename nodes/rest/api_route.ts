/**
 * A route of a node's REST API as data: who may use it, its parameters and body, its answers, and its
 * handler. `rest.ts` serves the table of routes, and `openapi.ts` describes it.
 *
 * Routes only name their schemas. A schema library would cost every node 20 ms and 20 MB at its start,
 * so schemas are loaded when somebody first asks for the API's description.
 */
import type { SchemaName } from "./openapi_schemas.ts";
import type { QueryParameters, Target } from "./request_target.ts";

/** May answer synchronously, because every `await` costs time in each request. */
export type Handler = (request: Request, target: Target) => Response | Promise<Response>;

export interface Content {
  readonly schema: SchemaName;
  /** The media type; JSON when left out. */
  readonly type?: string;
  readonly example?: unknown;
}

/** Text alone describes a problem document if the status is an error, and an empty body otherwise. */
export type Answer = string | AnswerWithBody;

interface AnswerWithBody extends Content {
  readonly description: string;
  /** Descriptions of its headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  /**
   * `open`: anybody. `clients`: with the clients' token, if the node was started with one. `secret`: with
   * the cluster's secret.
   */
  readonly access: "open" | "clients" | "secret";
  readonly summary: string;
  readonly description?: string;
  readonly query?: QueryParameters<Record<string, unknown>>;
  /** Descriptions of the request headers that it uses, by name. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Content & { readonly required?: boolean };
  /** By status, without those that follow from `access` or that every route may answer with. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly handle: Handler;
}

type Method = "GET" | "PUT" | "POST" | "DELETE";
type Path = `/${string}`;

/** By method and path. The path is written as in OpenAPI; `{key}` can only be its last segment. */
export type RouteTable = Readonly<Record<`${Method} ${Path}`, Route>>;

export interface ApiRoute extends Route {
  readonly method: Method;
  readonly path: Path;
}

export function routesIn(table: RouteTable): readonly ApiRoute[] {
  return Object.entries(table).map(([name, route]) => {
    const [method, path] = name.split(" ") as [Method, Path];
    return { method, path, ...route };
  });
}
