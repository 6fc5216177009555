/**
 * What the API accepts, with limits. A refusal names the field, says what is allowed and what was
 * given; the same schemas describe the API at `/api/openapi.json`.
 */
import { z } from "@hono/zod-openapi";
import { KEY_CHOICES, NODE_ACTS } from "../../../islands/models/api.ts";
import { PARTITIONINGS } from "../../../lib/dynamo/ring/ring_state.ts";
import {
  clusterConfig,
  COORDINATOR_CHOICES,
  N_MAX,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  VALUE_BYTES_MAX,
} from "../../../lib/dynamo/types/config.ts";
import { VERSION_MODES } from "../../../lib/dynamo/versions/versions.ts";
import { NODES_MAX } from "../clusters/registry.ts";

/** A cluster's name is a path segment and a label in metrics. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
const PARTITIONS_MAX = 4_096;
const TOKENS_MAX = 256;
const LATENCY_CHARACTERS_MAX = 1_000;
const LOAD_COUNT_MAX = 1_000_000;
const LOAD_CONCURRENCY_MAX = 512;
const LOAD_KEYS_MAX = 1_000_000;

function whole(name: string, least: number, most: number) {
  const error = (issue: { readonly input?: unknown }) =>
    `${name} must be a whole number from ${least} to ${most}: it is ${shown(issue.input)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

function oneOf<const T extends string>(name: string, allowed: readonly [T, ...T[]]) {
  return z.enum(allowed, {
    error: (issue) => `${name} must be one of ${allowed.join(", ")}: it is ${shown(issue.input)}`,
  });
}

function text(name: string, charactersMax: number) {
  const error = (issue: { readonly input?: unknown }) =>
    `${name} must be text of at most ${charactersMax} characters: it is ${shown(issue.input)}`;
  return z.string({ error }).max(charactersMax, { error });
}

export function shown(input: unknown): string {
  if (input === undefined) return "left out";
  const json = JSON.stringify(input) ?? String(input);
  return json.length > 80 ? `${json.slice(0, 80)}…` : json;
}

/** Zod wants its choices as a list that is certainly not empty. */
function choices<T>(list: readonly T[]): readonly [T, ...T[]] {
  return list as readonly [T, ...T[]];
}

function yesOrNo(name: string) {
  return z.boolean({
    error: (issue) => `${name} must be true or false: it is ${shown(issue.input)}`,
  });
}

/** The fields of a configuration that most people want, with the bounds that this dashboard sets them. */
const common = (at: string) => ({
  n: whole(`${at}n`, 1, N_MAX).optional().openapi({ description: "Replicas a key; 3 if left out" }),
  r: whole(`${at}r`, 1, N_MAX).optional().openapi({ description: "Replies that a get waits for" }),
  w: whole(`${at}w`, 1, N_MAX).optional().openapi({ description: "Commits that a put waits for" }),
  partitioning: oneOf(`${at}partitioning`, choices(PARTITIONINGS)).optional(),
  partitions: whole(`${at}partitions`, 1, PARTITIONS_MAX).optional(),
  tokensPerNode: whole(`${at}tokensPerNode`, 1, TOKENS_MAX).optional(),
  mode: oneOf(`${at}mode`, choices(VERSION_MODES)).optional(),
  coordinator: oneOf(`${at}coordinator`, choices(COORDINATOR_CHOICES)).optional(),
  timeoutMs: whole(`${at}timeoutMs`, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX).optional(),
  sloppy: yesOrNo(`${at}sloppy`).optional(),
  readRepair: yesOrNo(`${at}readRepair`).optional(),
});

/** Every field of a configuration, by the kind of its default; `clusterConfig` knows the bounds. */
function everyField(): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(clusterConfig()).map(([name, standard]) => {
      const at = `config.${name}`;
      if (typeof standard === "boolean") return [name, yesOrNo(at).optional()];
      if (typeof standard === "string") return [name, text(at, 64).optional()];
      const error = (issue: { readonly input?: unknown }) =>
        `${at} must be a number: it is ${shown(issue.input)}`;
      return [name, z.number({ error }).optional()];
    }),
  );
}

const Config = z.strictObject({ ...everyField(), ...common("config.") }).openapi("Config", {
  description: "As GET answers it. Of a new cluster whatever is left out has its default",
});

export const LaunchBody = z.strictObject({
  name: z.string().regex(NAME, {
    error: (issue) =>
      `name must be 1 to 40 of a-z 0-9 - and not start with -: it is ${shown(issue.input)}`,
  }).optional().openapi({ description: "Part of its URL; drawn when left out" }),
  nodes: whole("nodes", 1, NODES_MAX).default(5).openapi({ description: "Processes to start" }),
  ...common(""),
  config: Config.optional().openapi({
    description: "The same fields and all others, in the form in which a cluster is answered: so " +
      "one can be started like another. A field stands here or beside it",
  }),
  latency: text("latency", LATENCY_CHARACTERS_MAX).nullish().openapi({
    description: "Injected delay of each message, such as 'uniform(0,20)', ms",
    example: "uniform(0,20)",
  }),
  seed: whole("seed", 0, 2 ** 32 - 1).optional().openapi({
    description: "Of the initial ring",
  }),
}).openapi("Launch");
export type LaunchBody = z.infer<typeof LaunchBody>;

export const LoadBody = z.strictObject({
  operation: oneOf("operation", ["get", "put"]),
  count: whole("count", 1, LOAD_COUNT_MAX).default(1_000),
  concurrency: whole("concurrency", 1, LOAD_CONCURRENCY_MAX).default(10),
  keys: oneOf("keys", choices(KEY_CHOICES)).default("uniform"),
  keyCount: whole("keyCount", 1, LOAD_KEYS_MAX).default(1_000),
  valueBytes: whole("valueBytes", 0, VALUE_BYTES_MAX).default(100),
  to: text("to", 64).default("any").openapi({
    description: "A node's id, `any` (all running nodes in turn) or `partition-aware`",
  }),
  r: whole("r", 1, N_MAX).optional(),
  w: whole("w", 1, N_MAX).optional(),
}).openapi("Load");
export type LoadBody = z.infer<typeof LoadBody>;

export const ClusterParams = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, example: "demo" }),
});

export const NodeParams = ClusterParams.extend({
  node: z.string().openapi({ param: { name: "node", in: "path" }, example: "n1" }),
});

export const ActParams = NodeParams.extend({
  act: oneOf("the act", choices(NODE_ACTS)).openapi({
    param: { name: "act", in: "path" },
    example: "kill",
  }),
});

export const RunParams = ClusterParams.extend({
  run: z.string().regex(/^\d{1,9}$/, {
    error: (issue) => `run must be a load's number: it is ${shown(issue.input)}`,
  }).openapi({ param: { name: "run", in: "path" }, example: "1" }),
});

// What comes back. Loose on purpose: documentation for people and generators, not a second check.

const Node = z.object({
  id: z.string(),
  url: z.string().openapi({ example: "http://127.0.0.1:9101" }),
  pid: z.number().nullable(),
  state: z.enum(["starting", "running", "paused", "stopped", "killed", "crashed"]),
  exit: z.looseObject({}).nullable().openapi({ description: "How its last process ended" }),
  status: z.looseObject({}).nullable().openapi({ description: "From the node's GET /status" }),
  mark: z.number().openapi({ description: "Which colour and pattern the pages give it" }),
}).openapi("Node");

export const Cluster = z.object({
  id: z.string(),
  state: z.enum(["starting", "running", "failed", "ending"]),
  failure: z.string().nullable(),
  startedAt: z.string(),
  config: Config,
  latency: z.string().nullable(),
  nodes: z.array(Node),
}).openapi("Cluster");

export const ClusterWithRing = Cluster.extend({
  ring: z.looseObject({}).nullable().openapi({
    description: "The partition table: who holds what now, as a node says",
  }),
  transfers: z.object({
    left: z.number().openapi({ description: "Changes of an owner that are still to be made" }),
    most: z.number().openapi({ description: "Most that were left since there were none" }),
    leaving: z.array(z.string()).openapi({ description: "Nodes that hand over what they hold" }),
  }),
}).openapi("ClusterWithRing");

export const LoadRun = z.object({
  run: z.number(),
  state: z.enum(["running", "done", "stopped", "failed"]),
  plan: z.looseObject({}),
  startedAt: z.string(),
  done: z.number(),
  failed: z.number(),
  failure: z.string().nullable(),
  result: z.looseObject({}).nullable().openapi({
    description: "opsPerSecond, meanMs, sdMs, p50Ms, p90Ms, p99Ms, p999Ms, histogram",
  }),
}).openapi("LoadRun");

export const ProblemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
}).openapi("Problem");
