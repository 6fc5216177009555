import { z } from "@hono/zod-openapi";
import { jsonAnswer } from "../../../nodes/http/json_answer.ts";
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

/** How long a list waits for clusters that are starting, so that it can name their nodes. */
const STARTS_MS = 2_000;

export const handler = define.handlers({
  async GET({ state }) {
    await state.clusters.startsDone(STARTS_MS);
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
    summary: "The clusters of this dashboard",
    responses: response(200, "All of them", z.object({ clusters: z.array(Cluster) })),
  },
  POST: {
    summary: "Start a cluster; answers once every node is ready",
    request: jsonRequest(LaunchBody, { nodes: 5, n: 3, r: 2, w: 2 }),
    responses: {
      ...response(201, "It runs; Location names it", ClusterWithRing),
      ...problemResponses({
        409: "Name taken, or too many nodes or clusters",
        500: "It did not start; the detail says why",
      }),
    },
  },
};
