import type { OperationsOf } from "../../../(_server)/api/operation.ts";
import { ClusterParams } from "../../../(_server)/api/schemas.ts";
import { eventStream } from "../../../(_server)/clusters/event_stream.ts";
import { clusterOf, define } from "../../../(_server)/define.ts";

export const handler = define.handlers({
  GET(ctx) {
    return new Response(eventStream(clusterOf(ctx).live), {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  },
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary:
      "Stream live events: cluster, nodes, ring, transfers, protocol, dropped, load, load-cleared, ended",
    request: { params: ClusterParams },
    responses: {
      200: {
        description: "A stream of server-sent events",
        content: { "text/event-stream": { schema: {} } },
      },
    },
  },
};
