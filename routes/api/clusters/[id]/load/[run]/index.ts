import { jsonAnswer } from "../../../../../../nodes/http/json_answer.ts";
import { parse } from "../../../../../(_server)/api/input.ts";
import {
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../../(_server)/api/operation.ts";
import { LoadRun, RunParams } from "../../../../../(_server)/api/schemas.ts";
import { clusterOf, define } from "../../../../../(_server)/define.ts";

export const handler = define.handlers({
  GET(ctx) {
    const { loads } = clusterOf(ctx);
    return jsonAnswer(loads.find(Number(parse(RunParams, ctx.params).run)));
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "One load: progress, or figures once it has ended",
    request: { params: RunParams },
    responses: {
      ...response(200, "The load", LoadRun),
      ...problemResponses({ 400: "run is no number", 404: "No such cluster or load" }),
    },
  },
};
