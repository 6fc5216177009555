import { z } from "@hono/zod-openapi";
import { jsonBody, parse } from "../../(_server)/api/input.ts";
import {
  jsonRequest,
  type OperationsOf,
  problemResponses,
  response,
} from "../../(_server)/api/operation.ts";
import { Cluster, ClusterWithRing, LaunchBody } from "../../(_server)/api/schemas.ts";
import { launchAndWait } from "../../(_server)/clusters/launching.ts";
import { define } from "../../(_server)/define.ts";
import { jsonAnswer } from "../../../nodes/http/json_answer.ts";

/** How long GET waits for clusters that are starting, so that the list includes their nodes. */
const STARTS_TIMEOUT_MS = 2_000;

export const handler = define.handlers({
  async GET({ state }) {
    await state.clusters.startsDone(STARTS_TIMEOUT_MS);
    return jsonAnswer({ clusters: state.clusters.list().map(({ live }) => live.summary()) });
  },

  async POST({ req, state }) {
    const body = parse(LaunchBody, await jsonBody(req));
    const { live } = await launchAndWait(state.clusters, body);
    return jsonAnswer(live.detail(), 201, { location: `/api/clusters/${live.id}` });
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "List the clusters of this dashboard",
    responses: response(200, "All clusters", z.object({ clusters: z.array(Cluster) })),
  },
  POST: {
    summary: "Start a cluster; responds when all nodes are ready",
    request: jsonRequest(LaunchBody, { nodes: 5, n: 3, r: 2, w: 2 }),
    responses: {
      ...response(201, "The cluster is running; its URL is in Location", ClusterWithRing),
      ...problemResponses({
        409: "The name is taken, or there are too many nodes or clusters",
        500: "The cluster did not start; the detail says why",
      }),
    },
  },
};
