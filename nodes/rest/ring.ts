/** `/ring`: which nodes own which keys. A client may cache the answer until `ringVersion` changes. */
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import type { RouteTable } from "./api_route.ts";
import { keyIn } from "./request_target.ts";

const RING_PREFIX = "/ring/";

export function ringRoutes(service: NodeService): RouteTable {
  return {
    "GET /ring": {
      access: "open",
      summary: "The partition table",
      answers: { 200: { description: "The whole ring", schema: "Ring" } },
      handle: () => jsonAnswer(ringTable(service)),
    },
    "GET /ring/{key}": {
      access: "open",
      summary: "The nodes of a key",
      answers: {
        200: { description: "Its position and preference list", schema: "Place" },
        400: "Malformed key",
      },
      handle: (_, { path }) => jsonAnswer(placeOf(service, keyIn(path, RING_PREFIX))),
    },
  };
}

/** The ring as data, which is enough to find any key's nodes, and the table of its ranges. */
function ringTable({ membership, members }: NodeService): Record<string, unknown> {
  const { ring } = membership;
  const { partitioning, partitions, tokens, segments } = ring.state;
  return {
    ringVersion: ring.version,
    n: ring.n,
    partitioning,
    partitions,
    members: members.map((member) => ({
      ...member,
      memberStatus: membership.memberStatus(member.id),
    })),
    tokens,
    // Only after a membership change, when the owners may differ from those that the tokens name.
    ...(segments === undefined ? {} : { segments }),
    ranges: Array.from({ length: ring.rangeCount }, (_, index) => ({
      ...ring.range(index),
      share: ring.shareOf(index),
      primaries: ring.primaries(index),
      epoch: ring.epochOf(index),
    })),
  };
}

function placeOf(
  { membership: { ring }, urlOf }: NodeService,
  key: string,
): Record<string, unknown> {
  const partition = ring.rangeOfKey(key);
  const primaries = ring.primaries(partition);
  return {
    key,
    hash: positionOf(key),
    partition,
    preferenceList: ring.preferenceList(partition).map((id) => ({
      id,
      url: urlOf(id),
      primary: primaries.includes(id),
    })),
    ringVersion: ring.version,
  };
}
