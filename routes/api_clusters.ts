/** `/api/clusters`: start, look at and end clusters; act on their nodes. */
import { z } from "@hono/zod-openapi";
import { answers, type ApiRoute, jsonBody, parse, problems, takes } from "./(_server)/api/frame.ts";
import { launchOptions, nameOf } from "./(_server)/clusters/launching.ts";
import { actOnNode } from "./(_server)/clusters/node_acts.ts";
import { ProblemError } from "../nodes/http/problems.ts";
import type { ClusterRegistry, Registered } from "./(_server)/clusters/registry.ts";
import {
  ActParams,
  Cluster,
  ClusterParams,
  ClusterWithRing,
  LaunchBody,
} from "./(_server)/api/schemas.ts";

/** Starts a cluster and waits until it runs. Throws {@link ProblemError}. */
async function launchAndWait(
  registry: ClusterRegistry,
  body: LaunchBody,
): Promise<Registered> {
  const registered = registry.launch(launchOptions(body), nameOf(body));
  await registered.live.settled;
  if (registered.live.failure !== null) {
    throw new ProblemError("cluster-failed", registered.live.failure);
  }
  return registered;
}

/** How long a list waits for clusters that are starting, so that it can name their nodes, ms. */
const STARTS_MS = 2_000;

async function startsDone(registry: ClusterRegistry): Promise<void> {
  const { promise: patience, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, STARTS_MS);
  await Promise.race([Promise.all(registry.list().map(({ live }) => live.settled)), patience]);
  clearTimeout(timer);
}

export function clusterRoutes(registry: ClusterRegistry): ApiRoute[] {
  return [
    {
      config: {
        method: "get",
        path: "/api/clusters",
        summary: "The clusters of this dashboard",
        responses: answers(200, "All of them", z.object({ clusters: z.array(Cluster) })),
      },
      handle: async () => {
        await startsDone(registry);
        return Response.json({ clusters: registry.list().map(({ live }) => live.summary()) });
      },
    },
    {
      config: {
        method: "post",
        path: "/api/clusters",
        summary: "Start a cluster; answers once every node is ready",
        request: takes(LaunchBody, { nodes: 5, n: 3, r: 2, w: 2 }),
        responses: {
          ...answers(201, "It runs; Location names it", ClusterWithRing),
          ...problems({
            409: "Name taken, or too many nodes or clusters",
            500: "It did not start; the detail says why",
          }),
        },
      },
      handle: async (c) => {
        const { live } = await launchAndWait(registry, parse(LaunchBody, await jsonBody(c)));
        return Response.json(live.detail(), {
          status: 201,
          headers: { Location: `/api/clusters/${live.id}` },
        });
      },
    },
    {
      config: {
        method: "get",
        path: "/api/clusters/{id}",
        summary: "One cluster: its configuration, its nodes and what they say, its ring",
        request: { params: ClusterParams },
        responses: answers(200, "The cluster", ClusterWithRing),
      },
      handle: async (c) => {
        const { live } = registry.find(parse(ClusterParams, c.req.param()).id);
        await live.refresh();
        return Response.json(live.detail());
      },
    },
    {
      config: {
        method: "delete",
        path: "/api/clusters/{id}",
        summary: "End every process of a cluster and remove its temporary data",
        request: { params: ClusterParams },
        responses: answers(204, "Ended"),
      },
      handle: async (c) => {
        await registry.end(parse(ClusterParams, c.req.param()).id);
        return new Response(null, { status: 204 });
      },
    },
    {
      config: {
        method: "post",
        path: "/api/clusters/{id}/nodes/{node}/{act}",
        summary: "Kill (SIGKILL), stop, pause (SIGSTOP), resume, restart or wipe a node's process",
        request: { params: ActParams },
        responses: {
          ...answers(200, "The cluster after it", ClusterWithRing),
          ...problems({
            404: "No such cluster, node or act",
            409: "Not in the node's state, or the cluster is not running",
            502: "It was tried and failed; the detail says why",
          }),
        },
      },
      handle: async (c) => {
        const { id, node, act } = c.req.param() as { id: string; node: string; act: string };
        const { live } = registry.find(id);
        await actOnNode(live, node, act);
        return Response.json(live.detail());
      },
    },
  ];
}
