/** `/api/clusters/{id}/load`: start a load, watch it, stop it, keep its figures. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { answers, type ApiRoute, jsonBody, parse, problems, takes } from "./(_server)/api/frame.ts";
import { ProblemError } from "../nodes/http/problems.ts";
import type { ClusterRegistry, Registered } from "./(_server)/clusters/registry.ts";
import { ClusterParams, LoadBody, LoadRun, RunParams } from "./(_server)/api/schemas.ts";

/** Checks what a schema cannot: R and W against the cluster's N, and that the node exists. */
export function requireFitting({ live }: Registered, body: LoadBody): void {
  const { config, nodes } = live.summary();
  for (const [name, value] of [["r", body.r], ["w", body.w]] as const) {
    if (value !== undefined && value > config.n) {
      throw new ProblemError(
        "invalid",
        `${name} must be a whole number from 1 to N = ${config.n}: it is ${value}`,
      );
    }
  }
  const places = ["any", "partition-aware", ...nodes.map((node) => node.id)];
  if (nodes.length > 0 && !places.includes(body.to)) {
    throw new ProblemError(
      "invalid",
      `to must be one of ${places.join(", ")}: it is '${body.to}'`,
    );
  }
}

const LOAD_EXAMPLE = { operation: "put", count: 1_000, concurrency: 10 };
const NO_LOAD = problems({ 400: "run is no number", 404: "No such cluster or load" });

export function loadRoutes(registry: ClusterRegistry): ApiRoute[] {
  const find = (c: Context) => registry.find(c.req.param("id") ?? "");
  const runOf = (c: Context) => Number(parse(RunParams, c.req.param()).run);
  return [
    {
      config: {
        method: "post",
        path: "/api/clusters/{id}/load",
        summary: "Start a load of gets or puts; its progress comes by /events",
        request: { params: ClusterParams, ...takes(LoadBody, LOAD_EXAMPLE) },
        responses: {
          ...answers(202, "It runs; Location names it", LoadRun),
          ...problems({ 409: "Another load runs, or the cluster is not running" }),
        },
      },
      handle: async (c) => {
        const registered = find(c);
        const body = parse(LoadBody, await jsonBody(c));
        requireFitting(registered, body);
        const run = registered.loads.start(body);
        return Response.json(run, {
          status: 202,
          headers: { Location: `/api/clusters/${registered.live.id}/load/${run.run}` },
        });
      },
    },
    {
      config: {
        method: "get",
        path: "/api/clusters/{id}/load",
        summary: "The load under way and the last results",
        request: { params: ClusterParams },
        responses: answers(200, "Oldest first", z.object({ runs: z.array(LoadRun) })),
      },
      handle: (c) => Response.json({ runs: find(c).loads.list() }),
    },
    {
      config: {
        method: "delete",
        path: "/api/clusters/{id}/load",
        summary: "Forget the results of loads that have ended",
        request: { params: ClusterParams },
        responses: answers(204, "Forgotten"),
      },
      handle: (c) => {
        find(c).loads.clear();
        return new Response(null, { status: 204 });
      },
    },
    {
      config: {
        method: "get",
        path: "/api/clusters/{id}/load/{run}",
        summary: "One load: progress, or figures once it has ended",
        request: { params: RunParams },
        responses: { ...answers(200, "The load", LoadRun), ...NO_LOAD },
      },
      handle: (c) => Response.json(find(c).loads.find(runOf(c))),
    },
    {
      config: {
        method: "post",
        path: "/api/clusters/{id}/load/{run}/stop",
        summary: "Stop a load; what it has measured is kept",
        request: { params: RunParams },
        responses: { ...answers(200, "The load", LoadRun), ...NO_LOAD },
      },
      handle: async (c) => Response.json(await find(c).loads.stop(runOf(c))),
    },
  ];
}
