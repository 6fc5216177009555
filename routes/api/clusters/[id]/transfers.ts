import { type OperationsOf, response } from "../../../(_server)/api/operation.ts";
import { ClusterParams } from "../../../(_server)/api/schemas.ts";
import { CHANGE_REFUSALS, Transfers } from "../../../(_server)/api/schemas_membership.ts";
import { transfersOf } from "../../../(_server)/clusters/membership_acts.ts";
import { clusterOf, define } from "../../../(_server)/define.ts";
import { jsonAnswer } from "../../../../nodes/http/json_answer.ts";

export const handler = define.handlers({
  async GET(ctx) {
    return jsonAnswer(await transfersOf(clusterOf(ctx)));
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "Get the members of the cluster and the progress of membership changes",
    request: { params: ClusterParams },
    responses: {
      ...response(200, "The view of the node that sees the most changes left", Transfers),
      ...CHANGE_REFUSALS,
    },
  },
};
