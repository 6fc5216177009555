/** `/ring`: where keys live. Any node answers the same, and a client may keep it until the version changes. */
import type { Hono } from "hono";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import type { NodeService } from "../host/node_service.ts";
import { jsonAnswer } from "../http/json_answer.ts";
import { problem } from "../http/problems.ts";
import { keyIn, TargetError, targetOf } from "./request_target.ts";

const RING_PREFIX = "/ring/";

export function addRingRoutes(app: Hono, service: NodeService): void {
  app.get("/ring", () => jsonAnswer(ringTable(service)));
  app.get("/ring/*", (c) => {
    try {
      return jsonAnswer(placeOf(service, keyIn(targetOf(c.req.url).path, RING_PREFIX)));
    } catch (error) {
      if (error instanceof TargetError) return problem("invalid", error.message);
      throw error;
    }
  });
}

/** The ring as data, enough to find any key's nodes, and the table of partitions made from it. */
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
    // Only after a change of membership: who holds what is not simply what the tokens say.
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
