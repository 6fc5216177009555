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
  GET(ctx) {
    const { loads } = clusterOf(ctx);
    return jsonAnswer(loads.find(Number(parse(RunParams, ctx.params).run)));
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "Get one load: its progress while it runs, then its result",
    request: { params: RunParams },
    responses: {
      ...response(200, "The load", LoadRun),
      ...problemResponses({ 400: "run is not a number", 404: "No such cluster or load" }),
    },
  },
};
