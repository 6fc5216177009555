/**
 * `/anti-entropy`: an operator or a test lets a node compare itself with its co-owners now, or pauses
 * that. It needs the cluster's secret.
 */
import { utf8Length } from "../../lib/dynamo/requests/request_options.ts";
import type { AdminReply, AdminRequest } from "../../lib/dynamo/types/admin.ts";
import { ConfigError, KEY_BYTES_MAX, requireInteger } from "../../lib/dynamo/types/config.ts";
import { objectOf, shownValue } from "../faults/fault_settings.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem, problemOf } from "../http/problems.ts";
import type { RouteTable } from "./api_route.ts";
import { jsonOf } from "./json_body.ts";

export function antiEntropyRoutes(service: NodeService): RouteTable {
  return {
    "POST /anti-entropy": {
      access: "secret",
      summary: "Compare with the co-owners now, or pause and resume anti-entropy",
      description:
        "Compares every range, or with `range` or `key` only one, and answers when it is done. With " +
        "`pause` alone it compares nothing. A restart resumes anti-entropy.",
      body: { schema: "AntiEntropyRequest", example: { key: "greeting" } },
      answers: {
        200: { description: "The results, and the state of anti-entropy", schema: "AntiEntropy" },
        400: "Malformed, or anti-entropy is switched off",
        421: "The node does not own the range",
        503: "The trees are still being built, or too many requests wait",
      },
      handle: async (request) => compare(service, readRequest(await jsonOf(request), service)),
    },
  };
}

/** `{}` compares every range, `{range}` or `{key}` one; `{pause}` alone compares none. */
function readRequest(given: unknown, { replica }: NodeService): AdminRequest {
  const { range, key, pause } = objectOf("the request", given, ["range", "key", "pause"]);
  if (range !== undefined && key !== undefined) {
    throw new ConfigError("give range or key, not both: a key stands for the range that it is in");
  }
  if (pause !== undefined && typeof pause !== "boolean") {
    throw new ConfigError(`pause must be true or false: current value is ${shownValue(pause)}`);
  }
  const pausing = pause === undefined ? {} : { pause };
  const common = { method: "anti-entropy", ...pausing } as const;
  if (range !== undefined) {
    requireInteger("range", range as number, 0, replica.membership.ring.rangeCount - 1);
    return { ...common, exchange: { range: range as number } };
  }
  if (key === undefined) return { ...common, exchange: pause === undefined ? {} : null };
  if (typeof key !== "string" || key === "" || utf8Length(key) > KEY_BYTES_MAX) {
    throw new ConfigError(
      `key must be text of 1 to ${KEY_BYTES_MAX} bytes of UTF-8: current value is ${
        shownValue(key)
      }`,
    );
  }
  return { ...common, exchange: { key } };
}

async function compare(service: NodeService, request: AdminRequest): Promise<Response> {
  const notReady = service.whyNotReady();
  if (notReady !== null) return problem("not-ready", notReady);
  const reply = await new Promise<AdminReply>((resolve) => service.host.admin(request, resolve));
  if (reply.status === "error") return problemOf(reply.error, null);
  if (reply.status !== "anti-entropy") {
    throw new Error(`Anti-entropy answered with status ${reply.status}`);
  }
  const { status: _, state, ...outcome } = reply;
  return jsonAnswer({ ...outcome, ...state });
}
