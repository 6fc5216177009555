import { z } from "@hono/zod-openapi";
import { jsonAnswer } from "../../../../../nodes/http/json_answer.ts";
import { jsonBody, parse } from "../../../../(_server)/api/input.ts";
import { answers, type Described, problems, takes } from "../../../../(_server)/api/operation.ts";
import { ClusterParams, LoadBody, LoadRun } from "../../../../(_server)/api/schemas.ts";
import { requireFitting } from "../../../../(_server)/clusters/load_checks.ts";
import { clusterOf, define } from "../../../../(_server)/define.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const registered = clusterOf(ctx);
    const body = parse(LoadBody, await jsonBody(ctx.req));
    requireFitting(registered, body);
    const run = registered.loads.start(body);
    const location = `/api/clusters/${registered.live.id}/load/${run.run}`;
    return jsonAnswer(run, 202, { location });
  },

  GET(ctx) {
    return jsonAnswer({ runs: clusterOf(ctx).loads.list() });
  },

  DELETE(ctx) {
    clusterOf(ctx).loads.clear();
    return new Response(null, { status: 204 });
  },
});

export const openapi: Described<typeof handler> = {
  POST: {
    summary: "Start a load of gets or puts; its progress comes by /events",
    request: {
      params: ClusterParams,
      ...takes(LoadBody, { operation: "put", count: 1_000, concurrency: 10 }),
    },
    responses: {
      ...answers(202, "It runs; Location names it", LoadRun),
      ...problems({ 409: "Another load runs, or the cluster is not running" }),
    },
  },
  GET: {
    summary: "The load under way and the last results",
    request: { params: ClusterParams },
    responses: answers(200, "Oldest first", z.object({ runs: z.array(LoadRun) })),
  },
  DELETE: {
    summary: "Forget the results of loads that have ended",
    request: { params: ClusterParams },
    responses: answers(204, "Forgotten"),
  },
};
