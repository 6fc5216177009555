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
  POST(ctx) {
    return answerChange(ctx, { kind: "replace", node: ctx.params.node ?? "" }, 201);
  },
});

export const openapi: OperationsOf<typeof handler> = {
  POST: {
    summary: "Replace a dead node with a new one",
    request: { params: NodeParams, query: ChangeQuery },
    responses: {
      ...PLANNED,
      ...response(
        201,
        "The new node is a member; the response shows which ranges move",
        ChangePlan,
      ),
      ...CHANGE_REFUSALS,
    },
  },
};
