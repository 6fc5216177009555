import {
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../../(_server)/api/operation.ts";
import { ActParams, ClusterWithRing } from "../../../../../(_server)/api/schemas.ts";
import { actOnNode } from "../../../../../(_server)/clusters/node_acts.ts";
import { clusterOf, define } from "../../../../../(_server)/define.ts";
import { jsonAnswer } from "../../../../../../nodes/http/json_answer.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const { live } = clusterOf(ctx);
    await actOnNode(live, ctx.params.node ?? "", ctx.params.act ?? "");
    return jsonAnswer(live.detail());
  },
});

export const openapi: OperationsOf<typeof handler> = {
  POST: {
    summary: "Kill (SIGKILL), stop, pause (SIGSTOP), resume, restart or wipe a node's process",
    request: { params: ActParams },
    responses: {
      ...response(200, "The cluster after the act", ClusterWithRing),
      ...problemResponses({
        404: "No such cluster, node or act",
        409: "The node's state does not allow the act, or the cluster is not running",
        502: "The act failed; the detail says why",
      }),
    },
  },
};
