/** The shapes of the REST API's answers, for its description. */
import { z } from "@hono/zod-openapi";
import { PROBLEM_CODES, PROBLEM_TYPE_PREFIX } from "./problems.ts";

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
}).openapi("Member");

export const ring = z.object({
  ringVersion: z.string(),
  n: z.number().int(),
  partitioning: z.string(),
  partitions: z.number().int(),
  members: z.array(member),
  tokens: z.array(z.object({ position, owner: nodeId, epoch: z.number().int() })),
  ranges: z.array(z.object({
    index: z.number().int(),
    start: position,
    end: position,
    share: z.number().openapi({ description: "Of the whole ring, 0 to 1" }),
    primaries: z.array(nodeId),
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
  members: z.array(member),
  latency: z.string().nullable(),
  keys: z.number().int(),
  bytesOnDisk: z.number().nullable(),
  requests: z.object({ inFlight: z.number(), served: z.number(), failed: z.number() }),
  hints: z.unknown().openapi({ description: "Hints held, by the node they are meant for" }),
  peers: z.unknown().openapi({ description: "What this node thinks of the others" }),
  counters: z.record(z.string(), z.number()),
  memory: z.object({ rssBytes: z.number(), heapUsedBytes: z.number() }),
  warnings: z.array(z.string()),
}).openapi("Status");

export const keyPage = z.object({
  keys: z.array(z.object({ key: z.string(), hash: position, siblings: z.number().int() })),
  next: z.string().nullable().openapi({ description: "`after` of the next page" }),
}).openapi("KeyPage");

export const heldRecord = z.object({
  key: z.string(),
  hash: position,
  node: nodeId,
  primary: z.boolean(),
  actor: z.string().nullable(),
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
