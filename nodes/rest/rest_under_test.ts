/** For tests: the REST API of one node with a real store, without sockets. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import { type ClusterConfig, clusterConfig } from "../../lib/dynamo/types/config.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { NodeService } from "../host/node_service.ts";
import { openStorage } from "../storage/open_storage.ts";
import { API_ROUTES } from "./openapi.ts";
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
  /** Members that nobody runs. */
  readonly others?: readonly string[];
  /** Where they are said to listen. */
  readonly othersUrl?: string;
  /** Its directory is another than the membership knows. */
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
    requireDocumented(init?.method ?? "GET", path, response.status);
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

/** What is answered where nothing is described: no such path or method, a redirect, a preflight. */
const UNDESCRIBED = [204, 302, 404, 405];

/** No answer has a status that the API's description does not know. */
function requireDocumented(method: string, path: string, status: number): void {
  const verb = method === "HEAD" ? "get" : method.toLowerCase();
  const { pathname } = new URL(BASE + path);
  const route = API_ROUTES.find((each) =>
    each.method === verb &&
    new RegExp(`^${each.path.replace(/\{\w+\}/, ".*")}$`).test(pathname)
  );
  const known = route === undefined ? UNDESCRIBED : Object.keys(route.responses).map(Number);
  ok(known.includes(status), `${method} ${path} answers ${status}, described are ${known}`);
}

/** The parts of a problem that tests look at. */
export async function problemOf(response: Response): Promise<{ type: string; detail: string }> {
  equal(response.headers.get("content-type"), "application/problem+json");
  const { type, detail, status } = await response.json();
  equal(status, response.status);
  return { type: String(type).split(":").at(-1) as string, detail };
}

export function contextOf(response: Response): string {
  return response.headers.get("x-dynamo-context") ?? "";
}
