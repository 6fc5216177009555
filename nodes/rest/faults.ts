/**
 * `/faults`: the faults that a node injects into itself. It needs the cluster's secret, and a node that
 * was started with `--allow-faults`.
 */
import { NO_FAULTS, readFaults } from "../faults/fault_settings.ts";
import type { Faults } from "../faults/faults.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem } from "../http/problems.ts";
import type { Handler, RouteTable } from "./api_route.ts";
import { jsonOf } from "./json_body.ts";

export function faultRoutes(service: NodeService): RouteTable {
  const members = () => service.members.map(({ id }) => id);
  const peers = () => members().filter((id) => id !== service.self.id);
  const answers = {
    200: { description: "The faults now, and what they have done", schema: "Faults" },
    403: "The node was started without --allow-faults",
  } as const;
  return {
    "GET /faults": {
      access: "secret",
      summary: "The faults that the node injects",
      answers,
      handle: withFaults(service, (faults) => jsonAnswer(shown(faults))),
    },
    "PUT /faults": {
      access: "secret",
      summary: "Set the faults that the node injects",
      description: "Replaces all faults. A field that is left out means no such fault.",
      body: { schema: "FaultRequest", example: { drop: 0.1 }, required: true },
      answers: { ...answers, 400: "Malformed or out of range" },
      handle: withFaults(service, async (faults, request) => {
        faults.set(readFaults(await jsonOf(request), peers(), members()));
        return jsonAnswer(shown(faults));
      }),
    },
    "DELETE /faults": {
      access: "secret",
      summary: "End all faults",
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
