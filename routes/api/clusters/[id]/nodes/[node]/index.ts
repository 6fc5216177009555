import { type OperationsOf, response } from "../../../../../(_server)/api/operation.ts";
import { NodeParams } from "../../../../../(_server)/api/schemas.ts";
import {
  CHANGE_REFUSALS,
  ChangePlan,
  ChangeQuery,
  PLANNED,
} from "../../../../../(_server)/api/schemas_membership.ts";
import { answerChange } from "../../../../../(_server)/clusters/membership_requests.ts";
import { define } from "../../../../../(_server)/define.ts";

export const handler = define.handlers({
  DELETE(ctx) {
    return answerChange(ctx, { kind: "remove", node: ctx.params.node ?? "" }, 202);
  },
});

export const openapi: OperationsOf<typeof handler> = {
  DELETE: {
    summary: "Make a running node leave the cluster, or remove a dead node",
    request: { params: NodeParams, query: ChangeQuery },
    responses: {
      ...PLANNED,
      ...response(
        202,
        "The change has begun. The process of a leaving node ends when its data has been transferred",
        ChangePlan,
      ),
      ...CHANGE_REFUSALS,
    },
  },
};
