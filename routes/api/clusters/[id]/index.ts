import { type OperationsOf, response } from "../../../(_server)/api/operation.ts";
import { ClusterParams, ClusterWithRing } from "../../../(_server)/api/schemas.ts";
import { clusterOf, define } from "../../../(_server)/define.ts";
import { jsonAnswer } from "../../../../nodes/http/json_answer.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { live } = clusterOf(ctx);
    await live.refresh();
    return jsonAnswer(live.detail());
  },

  async DELETE({ state, params }) {
    await state.clusters.end(params.id ?? "");
    return new Response(null, { status: 204 });
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "Get one cluster: its configuration, its ring, and its nodes with their status",
    request: { params: ClusterParams },
    responses: response(200, "The cluster", ClusterWithRing),
  },
  DELETE: {
    summary: "End all processes of a cluster and remove its temporary data",
    request: { params: ClusterParams },
    responses: response(204, "The cluster has ended"),
  },
};
