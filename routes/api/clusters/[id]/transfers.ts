import { jsonAnswer } from "../../../../nodes/http/json_answer.ts";
import { type OperationsOf, response } from "../../../(_server)/api/operation.ts";
import { ClusterParams } from "../../../(_server)/api/schemas.ts";
import { CHANGE_REFUSALS, Transfers } from "../../../(_server)/api/schemas_membership.ts";
import { transfersOf } from "../../../(_server)/clusters/membership_acts.ts";
import { clusterOf, define } from "../../../(_server)/define.ts";

export const handler = define.handlers({
  async GET(ctx) {
    return jsonAnswer(await transfersOf(clusterOf(ctx)));
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "Who belongs to the cluster, and how far changes of that have come",
    request: { params: ClusterParams },
    responses: {
      ...response(200, "As the node sees it for which most is left", Transfers),
      ...CHANGE_REFUSALS,
    },
  },
};
