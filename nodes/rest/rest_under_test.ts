/** For tests: the REST API of one node with a real store and without sockets. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { z } from "zod";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import { type ClusterConfig, clusterConfig } from "../../lib/dynamo/types/config.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { NodeService } from "../host/node_service.ts";
import { isObject } from "../rpc/validation.ts";
import { openStorage } from "../storage/open_storage.ts";
import type { ApiRoute } from "./api_route.ts";
import { answersOf } from "./openapi.ts";
import { type SchemaName, SCHEMAS } from "./openapi_schemas.ts";
import { createRest, type Rest, type RestOptions } from "./rest.ts";

export const SECRET = "a-secret-of-tests";
export const BASE = "http://127.0.0.1:9101";

export interface TestNode {
  readonly rest: Rest;
  readonly service: NodeService;
  /** Sends a request to a path. */
  send(path: string, init?: RequestInit): Promise<Response>;
  put(path: string, body: BodyInit, headers?: Record<string, string>): Promise<Response>;
}

interface TestOptions {
  readonly config?: Partial<ClusterConfig>;
  readonly rest?: Partial<RestOptions>;
  readonly allowFaults?: boolean;
  /** Start the node's own work, such as anti-entropy, and wait until its trees are built. */
  readonly start?: boolean;
  /** Further members, which are not running. */
  readonly others?: readonly string[];
  /** The address of these members. */
  readonly othersUrl?: string;
  /** The node's disk was replaced: its directory has another id than the membership knows. */
  readonly replaced?: boolean;
}

/** Runs `use` with the REST API of one node, and closes the node. */
export async function withNode(
  use: (node: TestNode) => Promise<void>,
  options: TestOptions = {},
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dynamo-rest-" });
  const store = await openStorage({ location: `${directory}/node.sqlite3` });
  const { others = [], othersUrl = BASE, replaced = false } = options;
  const members = [
    { id: "n1", url: BASE, weight: 1, dataId: replaced ? "another" : store.dataId },
    ...others.map((id) => ({ id, url: othersUrl, weight: 1, dataId: `of-${id}` })),
  ];
  const config = clusterConfig({ n: 1, antiEntropyIntervalMs: 0, ...options.config });
  const initialConfig: InitialClusterConfig = {
    config,
    members,
    ring: makeInitialRing(
      members.map(({ id, weight }) => ({ id, weight })),
      config,
      SeededRandom.from(1),
    ),
  };
  const defects: unknown[] = [];
  const service = new NodeService({
    initialConfig,
    self: "n1",
    store,
    secret: SECRET,
    sealSecret: SECRET,
    allowFaults: options.allowFaults,
    onDefect: (error) => defects.push(error),
  });
  const rest = createRest(service, {
    host: "127.0.0.1",
    secret: SECRET,
    onError: (error) => defects.push(error),
    ...options.rest,
  });
  const send = async (path: string, init?: RequestInit) => {
    const response = await rest.fetch(new Request(BASE + path, init));
    await requireDescribed(rest.routes, init?.method ?? "GET", path, response);
    return response;
  };
  try {
    if (options.start === true) {
      service.start();
      while (!service.replica.stats().antiEntropy.ready) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    await use({
      rest,
      service,
      send,
      put: (path, body, headers = {}) => send(path, { method: "PUT", body, headers }),
    });
  } finally {
    await service.close();
    await Deno.remove(directory, { recursive: true });
  }
  deepEqual(defects, []);
}

/** Statuses without a described route: unknown path or method, no secret, a redirect, a preflight. */
const UNDESCRIBED = [204, 302, 401, 404, 405];

/** The route that a request is for. */
export function routeOf(
  routes: readonly ApiRoute[],
  method: string,
  path: string,
): ApiRoute | undefined {
  const { pathname } = new URL(BASE + path);
  const asked = method === "HEAD" ? "GET" : method;
  return routes.find((each) =>
    each.method === asked &&
    new RegExp(`^${each.path.replace("{key}", ".*")}$`).test(pathname)
  );
}

/** Requires that the API's description has the answer's status and all its fields. */
async function requireDescribed(
  routes: readonly ApiRoute[],
  method: string,
  path: string,
  response: Response,
): Promise<void> {
  const route = routeOf(routes, method, path);
  const { status } = response;
  if (route === undefined) {
    ok(UNDESCRIBED.includes(status), `${method} ${path} is not described: it answers ${status}`);
    return;
  }
  const answers = answersOf(route);
  const answer = answers[status];
  ok(answer !== undefined, `${method} ${path}: ${status} is not among ${Object.keys(answers)}`);
  const expected = typeof answer !== "string"
    ? answer
    : { type: "application/problem+json", schema: "Problem" } as const;
  const { type = "application/json", schema } = expected;
  if (response.body === null || (typeof answer === "string" && status < 400)) return;
  if (type !== "*/*") equal(response.headers.get("content-type")?.split(";")[0], type);
  if (!type.endsWith("json")) return;
  const { error } = shapeOf(schema).safeParse(await response.clone().json());
  equal(error, undefined, `${method} ${path} answers ${status} other than as ${schema}: ${error}`);
}

/** Problems may have further members (RFC 9457, section 3.2); other bodies only described fields. */
function shapeOf(schema: SchemaName): z.ZodType {
  const exact = (_: string, value: unknown) =>
    schema !== "Problem" && isObject(value) && "properties" in value
      ? { ...value, additionalProperties: false }
      : value;
  const text = JSON.stringify(SCHEMAS).replaceAll("#/components/schemas/", "#/$defs/");
  return z.fromJSONSchema({ $ref: `#/$defs/${schema}`, $defs: JSON.parse(text, exact) });
}

/** The parts of a problem that tests check. */
export async function problemOf(response: Response): Promise<{ type: string; detail: string }> {
  equal(response.headers.get("content-type"), "application/problem+json");
  const { type, detail, status } = await response.json();
  equal(status, response.status);
  return { type: String(type).split(":").at(-1) as string, detail };
}

export function contextOf(response: Response): string {
  return response.headers.get("x-dynamo-context") ?? "";
}
