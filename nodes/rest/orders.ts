/**
 * What a person who looks after a cluster, or a test, orders of a node: `/faults` to misbehave, and
 * `/anti-entropy` to compare itself with its co-owners now, or to leave that be for a while. Both ask
 * for the cluster's secret.
 */
import type { Context, Hono } from "hono";
import { utf8Length } from "../../lib/dynamo/requests/request_options.ts";
import type { AdminReply, AdminRequest } from "../../lib/dynamo/types/admin.ts";
import { ConfigError, KEY_BYTES_MAX, requireInteger } from "../../lib/dynamo/types/config.ts";
import { NO_FAULTS, objectOf, readFaults, shownValue } from "../faults/fault_settings.ts";
import type { Faults } from "../faults/faults.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem, problemOf } from "../http/problems.ts";
import { readBody } from "../http/request_body.ts";

const ORDER_BYTES_MAX = 65_536;

export function addOrderRoutes(app: Hono, service: NodeService): void {
  const members = () => service.members.map(({ id }) => id);
  const peers = () => members().filter((id) => id !== service.self.id);
  app.get("/faults", () => withFaults(service, (faults) => jsonAnswer(shown(faults))));
  app.put("/faults", (c) =>
    withFaults(service, async (faults) => {
      const settings = readFaults(await jsonOf(c), peers(), members());
      faults.set(settings);
      return jsonAnswer(shown(faults));
    }));
  app.delete("/faults", () =>
    withFaults(service, (faults) => {
      faults.set(NO_FAULTS);
      return jsonAnswer(shown(faults));
    }));
  app.post(
    "/anti-entropy",
    (c) => answered(async () => order(service, readOrder(await jsonOf(c), service))),
  );
}

export async function answered(answer: () => Response | Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof ConfigError) return problem("invalid", error.message);
    throw error;
  }
}

function withFaults(
  { faults, self }: NodeService,
  answer: (faults: Faults) => Response | Promise<Response>,
): Promise<Response> {
  return answered(() =>
    faults === null
      ? problem("faults-not-allowed", `node ${self.id} was started without --allow-faults`)
      : answer(faults)
  );
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

export async function jsonOf(c: Context): Promise<unknown> {
  const body = await readBody(c.req.raw, ORDER_BYTES_MAX);
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
