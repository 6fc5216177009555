/** A dashboard without sockets or processes, for direct requests. */
import { gather } from "../routes/(_server)/assets.ts";
import type { LoadSender } from "../routes/(_server)/clusters/load_runs.ts";
import { ClusterRegistry } from "../routes/(_server)/clusters/registry.ts";
import { createDashboard } from "../routes/(_server)/dashboard.ts";
import { FakeCluster, type FakeNodes, fakeNodes } from "./fake_cluster.ts";

interface Fixture {
  readonly registry: ClusterRegistry;
  readonly nodes: FakeNodes;
  /** The clusters launched so far. */
  readonly launched: FakeCluster[];
  readonly errors: unknown[];
  /** Sends a request as curl on this machine would. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** Posts JSON. */
  post(path: string, body?: unknown): Promise<Response>;
  /** Posts a form, as a browser does. */
  submit(path: string, fields: Record<string, string>): Promise<Response>;
}

export const HOST = "127.0.0.1:8000";

export function dashboardFixture(
  options: { readonly loadSender?: LoadSender; readonly failure?: string } = {},
): Fixture {
  const nodes = fakeNodes();
  const launched: FakeCluster[] = [];
  const errors: unknown[] = [];
  const registry = new ClusterRegistry({
    launch: (launch) => {
      if (options.failure !== undefined) return Promise.reject(new Error(options.failure));
      const cluster = new FakeCluster(launch);
      launched.push(cluster);
      return Promise.resolve(cluster);
    },
    loadSender: options.loadSender ?? (() => () => Promise.resolve("ok")),
    fetch: nodes.fetch,
  });
  const bundles = new Map([["cluster.js", new Uint8Array([1])], ["clusters.js", new Uint8Array()]]);
  const assets = Promise.resolve(gather(bundles, null));
  const dashboard = createDashboard({
    registry,
    assets,
    onError: (error) => errors.push(error),
    onUndescribed: (route, status) => {
      throw new Error(`${route} answers ${status}, which is not in its API description`);
    },
  });
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("Host")) headers.set("Host", HOST);
    return await dashboard(new Request(`http://${HOST}${path}`, { ...init, headers }));
  };
  return {
    registry,
    nodes,
    launched,
    errors,
    ask,
    post: (path, body) =>
      ask(path, {
        method: "POST",
        ...(body === undefined ? {} : {
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        }),
      }),
    submit: (path, fields) =>
      ask(path, {
        method: "POST",
        headers: { Origin: `http://${HOST}` },
        body: new URLSearchParams(fields),
      }),
  };
}
