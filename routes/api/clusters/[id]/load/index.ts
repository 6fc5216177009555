import { z } from "@hono/zod-openapi";
import { jsonBody, parse } from "../../../../(_server)/api/input.ts";
import {
  jsonRequest,
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../(_server)/api/operation.ts";
import { ClusterParams, LoadBody, LoadRun } from "../../../../(_server)/api/schemas.ts";
import { validateLoad } from "../../../../(_server)/clusters/load_checks.ts";
import { clusterOf, define } from "../../../../(_server)/define.ts";
import { jsonAnswer } from "../../../../../nodes/http/json_answer.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const registered = clusterOf(ctx);
    const body = parse(LoadBody, await jsonBody(ctx.req));
    validateLoad(registered, body);
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

export const openapi: OperationsOf<typeof handler> = {
  POST: {
    summary: "Start a load of gets or puts; /events reports its progress",
    request: {
      params: ClusterParams,
      ...jsonRequest(LoadBody, { operation: "put", count: 1_000, concurrency: 10 }),
    },
    responses: {
      ...response(202, "The load is running; its URL is in Location", LoadRun),
      ...problemResponses({ 409: "Another load is running, or the cluster is not running" }),
    },
  },
  GET: {
    summary: "List the last loads, including a running one",
    request: { params: ClusterParams },
    responses: response(200, "The loads, oldest first", z.object({ runs: z.array(LoadRun) })),
  },
  DELETE: {
    summary: "Delete the results of loads that have ended",
    request: { params: ClusterParams },
    responses: response(204, "The results are deleted"),
  },
};
