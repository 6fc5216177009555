import { parse } from "../../../../../(_server)/api/input.ts";
import {
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../../(_server)/api/operation.ts";
import { LoadRun, RunParams } from "../../../../../(_server)/api/schemas.ts";
import { clusterOf, define } from "../../../../../(_server)/define.ts";
import { jsonAnswer } from "../../../../../../nodes/http/json_answer.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const { loads } = clusterOf(ctx);
    return jsonAnswer(await loads.stop(Number(parse(RunParams, ctx.params).run)));
  },
});

export const openapi: OperationsOf<typeof handler> = {
  POST: {
    summary: "Stop a load and keep its measurements",
    request: { params: RunParams },
    responses: {
      ...response(200, "The load", LoadRun),
      ...problemResponses({ 400: "run is not a number", 404: "No such cluster or load" }),
    },
  },
};
