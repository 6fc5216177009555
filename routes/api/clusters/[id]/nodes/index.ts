import { jsonBody, parse } from "../../../../(_server)/api/input.ts";
import { jsonRequest, type OperationsOf, response } from "../../../../(_server)/api/operation.ts";
import { ClusterParams } from "../../../../(_server)/api/schemas.ts";
import {
  CHANGE_REFUSALS,
  ChangePlan,
  ChangeQuery,
  NewNode,
  PLANNED,
} from "../../../../(_server)/api/schemas_membership.ts";
import { answerChange } from "../../../../(_server)/clusters/membership_requests.ts";
import { define } from "../../../../(_server)/define.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const { weight, zone } = parse(NewNode, await jsonBody(ctx.req));
    return await answerChange(ctx, { kind: "add", weight, zone }, 201);
  },
});

export const openapi: OperationsOf<typeof handler> = {
  POST: {
    summary: "Add a node; responds when it is a member, before its data has been transferred",
    request: { params: ClusterParams, query: ChangeQuery, ...jsonRequest(NewNode, { weight: 1 }) },
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
