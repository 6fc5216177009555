/**
 * What a person who looks after a cluster, or a test, orders of a node: `/faults` to misbehave, and
 * `/anti-entropy` to compare itself with its co-owners now, or to leave that be for a while. Both ask
 * for the cluster's secret.
 */
import { utf8Length } from "../../lib/dynamo/requests/request_options.ts";
import type { AdminReply, AdminRequest } from "../../lib/dynamo/types/admin.ts";
import { ConfigError, KEY_BYTES_MAX, requireInteger } from "../../lib/dynamo/types/config.ts";
import { NO_FAULTS, objectOf, readFaults, shownValue } from "../faults/fault_settings.ts";
import type { Faults } from "../faults/faults.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem, problemOf } from "../http/problems.ts";
import { readBody } from "../http/request_body.ts";
import type { Handler, RouteTable } from "./api_route.ts";

const ORDER_BYTES_MAX = 65_536;

export function antiEntropyRoutes(service: NodeService): RouteTable {
  return {
    "POST /anti-entropy": {
      access: "secret",
      summary: "Compare with the co-owners now; pause and resume",
      description:
        "Answers when the comparisons are over: of every range with an empty body or {}, of " +
        "one with range or key. Pausing alone compares nothing; a restart resumes.",
      body: { schema: "AntiEntropyOrder", example: { key: "greeting" } },
      answers: {
        200: { description: "How it went, and the state", schema: "AntiEntropy" },
        400: "Malformed, or anti-entropy is off",
        421: "The node does not own the range",
        503: "The trees are still being built, or too many orders wait",
      },
      handle: async (request) => order(service, readOrder(await jsonOf(request), service)),
    },
  };
}

/** Only of use on a node that was started with `--allow-faults`. */
export function faultRoutes(service: NodeService): RouteTable {
  const members = () => service.members.map(({ id }) => id);
  const peers = () => members().filter((id) => id !== service.self.id);
  const answers = {
    200: { description: "The faults now", schema: "Faults" },
    403: "Started without --allow-faults",
  } as const;
  return {
    "GET /faults": {
      access: "secret",
      summary: "How the node misbehaves",
      answers,
      handle: withFaults(service, (faults) => jsonAnswer(shown(faults))),
    },
    "PUT /faults": {
      access: "secret",
      summary: "Make the node misbehave",
      description: "Takes the place of what was said before: whatever is left out is well again.",
      body: { schema: "FaultOrder", example: { drop: 0.1 }, required: true },
      answers: { ...answers, 400: "Malformed or out of range" },
      handle: withFaults(service, async (faults, request) => {
        faults.set(readFaults(await jsonOf(request), peers(), members()));
        return jsonAnswer(shown(faults));
      }),
    },
    "DELETE /faults": {
      access: "secret",
      summary: "Let the node behave",
      answers,
      handle: withFaults(service, (faults) => {
        faults.set(NO_FAULTS);
        return jsonAnswer(shown(faults));
      }),
    },
  };
}

function withFaults(
  { faults, self }: NodeService,
  answer: (faults: Faults, request: Request) => Response | Promise<Response>,
): Handler {
  return (request) =>
    faults === null
      ? problem("faults-not-allowed", `node ${self.id} was started without --allow-faults`)
      : answer(faults, request);
}

function shown(faults: Faults): Record<string, unknown> {
  const { dropped, refused, held, delayed, duplicated } = faults.linkCounters;
  const onLinks = {
    linkMessagesDropped: dropped,
    linkMessagesRefused: refused,
    linkMessagesHeld: held,
    linkMessagesDelayed: delayed,
    linkMessagesDuplicated: duplicated,
  };
  return { ...faults.settings, injected: { ...faults.injected, ...onLinks } };
}

export async function jsonOf(request: Request): Promise<unknown> {
  const body = await readBody(request, ORDER_BYTES_MAX);
  if (body.kind === "too-large") {
    throw new ConfigError(`the body must have at most ${ORDER_BYTES_MAX} bytes: it has more`);
  }
  if (body.kind === "broken") throw new ConfigError("the request's body broke off");
  if (body.bytes.length === 0) return {};
  const text = new TextDecoder().decode(body.bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`the body must be JSON: ${(error as Error).message}`);
  }
}

/** `{}` compares everything, `{range}` or `{key}` one range; `{pause}` alone compares nothing. */
function readOrder(given: unknown, { replica }: NodeService): AdminRequest {
  const { range, key, pause } = objectOf("the order", given, ["range", "key", "pause"]);
  if (range !== undefined && key !== undefined) {
    throw new ConfigError("give range or key, not both: a key means the range that it lies in");
  }
  if (pause !== undefined && typeof pause !== "boolean") {
    throw new ConfigError(`pause must be true or false: current value is ${shownValue(pause)}`);
  }
  const switched = pause === undefined ? {} : { pause };
  const common = { method: "anti-entropy", ...switched } as const;
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

async function order(service: NodeService, request: AdminRequest): Promise<Response> {
  const notReady = service.whyNotReady();
  if (notReady !== null) return problem("not-ready", notReady);
  const reply = await new Promise<AdminReply>((resolve) => service.host.admin(request, resolve));
  if (reply.status === "error") return problemOf(reply.error, null);
  if (reply.status !== "anti-entropy") throw new Error(`An exchange answered as ${reply.status}`);
  const { status: _, state, ...outcome } = reply;
  return jsonAnswer({ ...outcome, ...state });
}
