import { type OperationsOf, response } from "../../../../(_server)/api/operation.ts";
import { CHANGE_REFUSALS, PlanParams } from "../../../../(_server)/api/schemas_membership.ts";
import { discardChange } from "../../../../(_server)/clusters/membership_acts.ts";
import { clusterOf, define } from "../../../../(_server)/define.ts";

export const handler = define.handlers({
  async DELETE(ctx) {
    await discardChange(clusterOf(ctx), ctx.params.plan ?? "");
    return new Response(null, { status: 204 });
  },
});

export const openapi: OperationsOf<typeof handler> = {
  DELETE: {
    summary: "Discard a plan, and end the process that was started to join",
    request: { params: PlanParams },
    responses: { ...response(204, "The plan is discarded"), ...CHANGE_REFUSALS },
  },
};
