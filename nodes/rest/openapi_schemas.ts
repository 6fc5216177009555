/** The shapes of the REST API's answers, for its description. */
import { z } from "@hono/zod-openapi";
import { PROBLEM_CODES, PROBLEM_TYPE_PREFIX } from "../http/problems.ts";

const nodeId = z.string().openapi({ example: "n1" });
const token = z.string().openapi({
  description: "Opaque: what the client has seen of the key. Send it back with the next write.",
});
const position = z.string().regex(/^[0-9a-f]{32}$/).openapi({
  description: "A point of the ring: 32 hex digits",
  example: "699e0311097c48b46019dcfc07c772a1",
});
const dot = z.tuple([z.string(), z.number().int()]).openapi({
  description: "[actor, counter]: the write that made the version",
  example: ["n1/8t3938c1/1.1", 3],
});
const clock = z.array(z.tuple([z.string(), z.number().int()])).openapi({
  description: "The vector clock, sorted by actor: what the version's writer had seen",
  example: [["n1/8t3938c1/1.1", 2], ["n3/1dj1p1c9/1.1", 7]],
});

export const version = z.object({
  value: z.string().optional().openapi({ description: "The value, where it is UTF-8 text" }),
  valueBase64: z.string().optional().openapi({ description: "The value, where it is not" }),
  deleted: z.literal(true).optional().openapi({ description: "A tombstone, in /debug only" }),
  contentType: z.string(),
  clock,
  dot,
  dots: z.array(dot).optional().openapi({ description: "Dots seen beyond the clock" }),
  stampUs: z.number().int().openapi({ description: "The coordinator's time, µs since 1970" }),
}).openapi("Version");

const trace = z.object({
  node: nodeId,
  primary: z.boolean(),
  outcome: z.enum(["answered", "failed", "pending"]),
  sentUs: z.number().openapi({ description: "µs after the coordinator took the request on" }),
  answeredUs: z.number().optional(),
  dots: z.array(dot).optional().openapi({ description: "Reads: the versions it held" }),
  reason: z.string().optional(),
}).openapi("ReplicaTrace");

export const readEnvelope = z.object({
  key: z.string(),
  context: token,
  siblings: z.array(version),
  coordinator: nodeId,
  replicas: z.array(trace),
}).openapi("Read");

export const written = z.object({
  key: z.string(),
  context: token,
  coordinator: nodeId,
  acks: z.array(nodeId).openapi({ description: "Nodes that had stored it before this answer" }),
  hints: z.array(z.object({ holder: nodeId, for: nodeId })).openapi({
    description: "Those of them that keep it for another",
  }),
  replicas: z.array(trace).optional().openapi({
    description: "With Accept: application/json: how each replica took part",
  }),
}).openapi("Written");

export const member = z.object({
  id: nodeId,
  url: z.string(),
  weight: z.number(),
  zone: z.string().optional(),
  dataId: z.string().optional().openapi({ description: "The data directory that is the member's" }),
}).openapi("Member");

const memberStatus = z.enum(["member", "leaving", "left", "removed"]).openapi({
  description: "`leaving` hands over what it holds and serves it until then; `removed` was dead",
});

export const ring = z.object({
  ringVersion: z.string(),
  n: z.number().int(),
  partitioning: z.string(),
  partitions: z.number().int(),
  members: z.array(member.extend({ memberStatus })).openapi({
    description: "Those that are members or leaving: the latter may still hold ranges",
  }),
  tokens: z.array(z.object({ position, owner: nodeId, epoch: z.number().int() })),
  segments: z.array(
    z.object({ start: position, owners: z.array(nodeId), epoch: z.number().int() }),
  ).optional().openapi({
    description: "After a change of membership: who holds what until all data has moved to whom " +
      "the tokens name",
  }),
  ranges: z.array(z.object({
    index: z.number().int(),
    start: position,
    end: position,
    share: z.number().openapi({ description: "Of the whole ring, 0 to 1" }),
    primaries: z.array(nodeId),
    epoch: z.number().int().openapi({ description: "How often its owners have changed, from 1" }),
  })),
}).openapi("Ring");

export const place = z.object({
  key: z.string(),
  hash: position,
  partition: z.number().int(),
  preferenceList: z.array(
    z.object({ id: nodeId, url: z.string(), primary: z.boolean() }),
  ),
  ringVersion: z.string(),
}).openapi("Place");

const exchangeReport = z.object({
  peer: nodeId,
  startedAt: z.number().openapi({ description: "µs since 1970" }),
  tookUs: z.number(),
  ranges: z.number().int().openapi({ description: "Ranges whose trees were compared" }),
  rangesDiffering: z.number().int(),
  keysRepaired: z.number().int(),
  keysFailed: z.number().int(),
  completed: z.boolean().openapi({ description: "false: the peer fell silent or refused" }),
}).openapi("Exchange");

const antiEntropyState = z.object({
  paused: z.boolean(),
  ready: z.boolean().openapi({ description: "Whether the trees have been built" }),
  underWay: nodeId.nullable().openapi({ description: "Who it compares with at the moment" }),
  last: z.record(z.string(), exchangeReport).openapi({ description: "By peer" }),
});

export const antiEntropy = antiEntropyState.extend({
  exchanges: z.array(exchangeReport).openapi({ description: "Those that were ordered" }),
  unreachable: z.array(nodeId).openapi({ description: "Co-owners believed down: not compared" }),
}).openapi("AntiEntropy");

export const antiEntropyOrder = z.object({
  range: z.number().int().optional().openapi({ description: "One range of the ring" }),
  key: z.string().optional().openapi({ description: "The range that this key lies in" }),
  pause: z.boolean().optional().openapi({
    description: "Stops or resumes scheduled comparisons; alone it compares nothing",
  }),
});

const probability = z.number().min(0).max(1);
export const faultSettings = z.object({
  latency: z.string().nullable().openapi({
    description: "Extra latency of messages, as --latency takes it",
    example: "uniform(0,20)",
  }),
  drop: probability.openapi({ description: "The probability that a message is lost" }),
  duplicate: probability.openapi({ description: "The probability that a call is sent twice" }),
  partition: z.object({
    nodes: z.array(nodeId),
    direction: z.enum(["both", "out", "in"]).openapi({
      description: "Which calls are lost: this node's to them, theirs to it, or both",
    }),
  }).nullable(),
  disk: z.object({
    slowMs: z.number().int().openapi({ description: "Every access takes so much longer" }),
    failing: probability.openapi({
      description: "The probability that an access fails; half of such writes happen all the same",
    }),
    operations: z.enum(["loads", "stores", "both"]).openapi({
      description: "Which accesses may fail",
    }),
    full: z.boolean().openapi({ description: "Nothing can be stored" }),
  }),
  links: z.array(z.record(z.string(), z.unknown())).openapi({
    description: "Faults of links in the words of a scenario, without atMs and forMs: loss, " +
      "duplicate, reorder, delay, bandwidth, clog, partition, partition-oneway, flapping. They " +
      "concern the calls that this node makes and their answers, so tell every node",
    example: [{ kind: "loss", from: ["n1"], to: ["n2"], legs: ["W"], probability: 0.5 }],
  }),
}).openapi("Faults");

export const faultRequest = faultSettings.partial().extend({
  strangers: z.array(nodeId).optional().openapi({
    description: "Nodes that may be no members, not yet or not any more: partition and " +
      "links may name them too",
  }),
});

export const faults = faultSettings.extend({
  injected: z.record(z.string(), z.number()).openapi({ description: "What has been done so far" }),
});

const recovery = z.object({
  status: z.enum(["settled", "unconfirmed", "recovering"]).openapi({
    description: "`unconfirmed`: no peer has said yet that the disk is not an older copy; " +
      "`recovering`: the disk was replaced or restored, and peers fill it",
  }),
  cause: z.enum(["replaced", "restored"]).nullable(),
  ranges: z.number().int().openapi({ description: "Ranges that are not complete yet" }),
  waitingFor: z.array(nodeId),
}).openapi({ description: "Whether the node's answers count for reads, and what it waits for" });

export const status = z.object({
  id: nodeId,
  cluster: z.string(),
  url: z.string(),
  pid: z.number().int(),
  incarnation: z.number().int(),
  dataId: z.string(),
  uptimeMs: z.number(),
  ready: z.boolean(),
  config: z.record(z.string(), z.unknown()),
  ringVersion: z.string(),
  memberStatus: memberStatus.nullable().openapi({
    description: "Its own part in the cluster; null: it never was a member, and may join",
  }),
  recovery,
  members: z.array(member.extend({ memberStatus })).openapi({
    description: "Who is or was a member",
  }),
  latency: z.string().nullable(),
  keys: z.number().int(),
  bytesOnDisk: z.number().nullable(),
  requests: z.object({ inFlight: z.number(), served: z.number(), failed: z.number() }),
  hints: z.unknown().openapi({ description: "Hints held, by the node they are meant for" }),
  peers: z.unknown().openapi({ description: "What this node thinks of the others" }),
  antiEntropy: antiEntropyState,
  traffic: z.record(
    z.string(),
    z.object({ calls: z.number(), sentBytes: z.number(), receivedBytes: z.number() }),
  ).openapi({ description: "Calls that this node made of its peers, by method and purpose" }),
  faults: faultSettings.nullable().openapi({
    description: "What /faults says; null without --allow-faults",
  }),
  counters: z.record(z.string(), z.number()),
  memory: z.object({ rssBytes: z.number(), heapUsedBytes: z.number() }),
  warnings: z.array(z.string()),
}).openapi("Status");

const nodeShare = z.object({
  tokens: z.number().int(),
  ranges: z.number().int().openapi({ description: "Ranges that it holds, counting every owner" }),
  share: z.number().openapi({ description: "Their part of the ring; all nodes' add up to N" }),
});

export const planOrder = (fields: z.ZodRawShape) =>
  z.object({
    plan: z.literal(true).optional().openapi({ description: "Say what the act would move" }),
    ...fields,
    planId: z.string().optional().openapi({ description: "Alone: commit that plan" }),
  });

export const actFields = {
  node: nodeId.optional(),
  url: z.string().optional().openapi({
    description: "Where the new node listens: it is called there and says its id itself",
    example: "http://127.0.0.1:9106",
  }),
  weight: z.number().optional().openapi({ description: "Its capacity beside the others', 1" }),
  zone: z.string().optional(),
};

const rangeMove = z.object({
  range: z.number().int(),
  from: nodeId.nullable(),
  to: nodeId.nullable(),
  share: z.number().openapi({ description: "The range's part of the ring, 0 to 1" }),
});

export const plan = z.object({
  planId: z.string(),
  committed: z.literal(true).optional(),
  act: z.object({
    kind: z.enum(["join", "leave", "remove", "replace"]),
    node: nodeId.optional(),
    member: member.optional(),
    dataId: z.string().optional(),
  }),
  moves: z.array(rangeMove),
  ranges: z.number().int().openapi({ description: "Ranges whose owners change" }),
  copies: z.number().int().openapi({ description: "Copies of ranges that go over the network" }),
  keys: z.number().int().openapi({ description: "About so many keys, by what this node holds" }),
  bytes: z.number().int().openapi({ description: "About so many bytes of JSON" }),
  balance: z.object({
    before: z.record(z.string(), nodeShare),
    after: z.record(z.string(), nodeShare),
  }),
}).openapi("Plan");

export const transfers = z.object({
  members: z.array(member.extend({ memberStatus })),
  left: z.number().int().openapi({
    description: "Changes of one owner that are still to be made; 0: all is where it should be",
  }),
  moves: z.array(z.object({
    range: z.number().int(),
    start: position,
    epoch: z.number().int(),
    from: nodeId.nullable(),
    to: nodeId.nullable(),
    phase: z.enum(["reading", "copying", "fencing", "closing", "saving", "advancing", "waiting"])
      .openapi({ description: "Only the node that takes over knows more than that it waits" }),
    keys: z.number().int().openapi({ description: "Copied by this node so far" }),
  })),
  orphanedReplicas: z.boolean().openapi({
    description: "Whether this node still has copies of ranges that it does not own any more",
  }),
}).openapi("Transfers");

const hintTargets = z.array(z.object({ node: nodeId, sinceMs: z.number() })).openapi({
  description: "Nodes that the record is kept for, and since when (ms since 1970)",
});
const heldKey = z.object({ key: z.string(), hash: position, siblings: z.number().int() });

export const keyPage = z.object({
  keys: z.array(heldKey),
  hints: z.array(heldKey.extend({ for: hintTargets })).openapi({
    description: "Records kept for other nodes, to be handed to them",
  }),
  next: z.string().nullable().openapi({ description: "`after` of the next page" }),
}).openapi("KeyPage");

export const heldRecord = z.object({
  key: z.string(),
  hash: position,
  node: nodeId,
  primary: z.boolean(),
  actor: z.string().nullable(),
  hintFor: hintTargets,
  siblings: z.array(version),
}).openapi("HeldRecord");

export const problemDetails = z.object({
  type: z.string().openapi({
    description: `${PROBLEM_TYPE_PREFIX} and one of: ${PROBLEM_CODES.join(", ")}`,
  }),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  definite: z.boolean().openapi({
    description: "Writes: true when it certainly left nothing; false when it may exist somewhere",
  }),
  needed: z.number().int().optional(),
  got: z.number().int().optional(),
  unreachable: z.array(nodeId).optional(),
  context: token.nullable().optional(),
}).openapi("Problem");
