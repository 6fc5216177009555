/**
 * `/api/clusters/{id}/nodes`: nodes join, leave, are removed and replaced. Each change can be planned
 * first (`?plan=true`), and that very plan be committed (`?planId=`).
 */
import type { Context } from "hono";
import type { ChangeRequest } from "../nodes/cluster/launcher.ts";
import { answers, type ApiRoute, jsonBody, parse, problems, takes } from "./(_server)/api/frame.ts";
import {
  commitChange,
  discardChange,
  planChange,
  transfersOf,
} from "./(_server)/clusters/membership_acts.ts";
import type { ClusterRegistry } from "./(_server)/clusters/registry.ts";
import {
  ChangePlan,
  ChangeQuery,
  ClusterParams,
  NodeParams,
  NodeWish,
  PlanParams,
  Transfers,
} from "./(_server)/api/schemas_membership.ts";

const REFUSALS = problems({
  400: "A field is wrong",
  404: "No such cluster or node",
  409: "The cluster refuses it and says why, or has changed since the plan was made",
  502: "A node did not answer",
});

export function membershipRoutes(registry: ClusterRegistry): ApiRoute[] {
  /** Plans, commits what was planned, or does both. */
  const change = async (c: Context, request: ChangeRequest, done: number): Promise<Response> => {
    const { id } = c.req.param() as { id: string };
    const registered = registry.find(id);
    const { plan, planId } = parse(ChangeQuery, c.req.query());
    if (planId !== undefined) {
      return Response.json(await commitChange(registered, planId), { status: done });
    }
    const planned = await planChange(registry, registered, request);
    if (plan === "true") return Response.json(planned);
    return Response.json(await commitChange(registered, planned.planId), { status: done });
  };
  return [
    {
      config: {
        method: "post",
        path: "/api/clusters/{id}/nodes",
        summary: "Add a node; answers once it is admitted, while its data is still on the way",
        request: { params: ClusterParams, query: ChangeQuery, ...takes(NodeWish, { weight: 1 }) },
        responses: {
          ...answers(200, "With plan=true: what it would mean; nothing is changed", ChangePlan),
          ...answers(201, "It is a member; what moves", ChangePlan),
          ...REFUSALS,
        },
      },
      handle: async (c) => {
        const { weight, zone } = parse(NodeWish, await jsonBody(c));
        return change(c, { kind: "add", weight, zone }, 201);
      },
    },
    {
      config: {
        method: "delete",
        path: "/api/clusters/{id}/nodes/{node}",
        summary: "Let a node leave when it runs; remove it when it is dead",
        request: { params: NodeParams, query: ChangeQuery },
        responses: {
          ...answers(200, "With plan=true: what it would mean; nothing is changed", ChangePlan),
          ...answers(
            202,
            "Under way. The process of one that leaves ends when it has handed everything over",
            ChangePlan,
          ),
          ...REFUSALS,
        },
      },
      handle: (c) => change(c, { kind: "remove", node: c.req.param("node") ?? "" }, 202),
    },
    {
      config: {
        method: "post",
        path: "/api/clusters/{id}/nodes/{node}/replace",
        summary: "Let a new node take the place of a dead one",
        request: { params: NodeParams, query: ChangeQuery },
        responses: {
          ...answers(200, "With plan=true: what it would mean; nothing is changed", ChangePlan),
          ...answers(201, "The new one is a member; what moves", ChangePlan),
          ...REFUSALS,
        },
      },
      handle: (c) => change(c, { kind: "replace", node: c.req.param("node") ?? "" }, 201),
    },
    {
      config: {
        method: "delete",
        path: "/api/clusters/{id}/plans/{plan}",
        summary: "Forget a plan, and end the process that stands by to join by it",
        request: { params: PlanParams },
        responses: { ...answers(204, "Forgotten"), ...REFUSALS },
      },
      handle: async (c) => {
        const { id, plan } = c.req.param() as { id: string; plan: string };
        await discardChange(registry.find(id), plan);
        return new Response(null, { status: 204 });
      },
    },
    {
      config: {
        method: "get",
        path: "/api/clusters/{id}/transfers",
        summary: "Who belongs to the cluster, and how far changes of that have come",
        request: { params: ClusterParams },
        responses: {
          ...answers(200, "As the node sees it for which most is left", Transfers),
          ...REFUSALS,
        },
      },
      handle: async (c) => {
        const { id } = c.req.param() as { id: string };
        return Response.json(await transfersOf(registry.find(id)));
      },
    },
  ];
}
