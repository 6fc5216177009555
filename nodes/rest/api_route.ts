/**
 * A route of a node's REST API as data: who may ask, what it takes, what it may answer, and what
 * answers it. `rest.ts` serves the table of them, `openapi.ts` describes the same table.
 *
 * The data is plain on purpose: a schema library at the start of every node would cost it 20 ms and
 * 20 MB. Schemas are only named here, and loaded with the first question for the description.
 */
import type { SchemaName } from "./openapi_schemas.ts";
import type { QueryParameters, Target } from "./request_target.ts";

/** Not async where it need not be: each await on the way of every request costs something. */
export type Handler = (request: Request, target: Target) => Response | Promise<Response>;

export interface Content {
  readonly schema: SchemaName;
  /** The media type; JSON when left out. */
  readonly type?: string;
  readonly example?: unknown;
}

/** Text alone describes a problem document where the status is an error, otherwise an empty body. */
export type Answer = string | AnswerWithBody;

interface AnswerWithBody extends Content {
  readonly description: string;
  /** What each header of it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  /** Anybody; whoever has the clients' token, where the node was started with one; or a peer. */
  readonly access: "open" | "clients" | "secret";
  readonly summary: string;
  readonly description?: string;
  readonly query?: QueryParameters<Record<string, unknown>>;
  /** Headers that matter to it, and what each says. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Content & { readonly required?: boolean };
  /** By status. What follows from `access`, or can happen to every request, need not be said. */
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
