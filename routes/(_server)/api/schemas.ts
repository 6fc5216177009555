/**
 * Schemas of the API's input, with limits, and of its output. An error names the field, says what
 * is allowed, and has the given value. The same schemas describe the API at `/api/openapi.json`.
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

function wholeNumber(name: string, min: number, max: number) {
  const error = (issue: { readonly input?: unknown }) =>
    `${name} must be a whole number from ${min} to ${max}: it is ${formatValue(issue.input)}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

function oneOf<const T extends string>(name: string, allowed: readonly [T, ...T[]]) {
  return z.enum(allowed, {
    error: (issue) =>
      `${name} must be one of ${allowed.join(", ")}: it is ${formatValue(issue.input)}`,
  });
}

function text(name: string, charactersMax: number) {
  const error = (issue: { readonly input?: unknown }) =>
    `${name} must be text of at most ${charactersMax} characters: it is ${
      formatValue(issue.input)
    }`;
  return z.string({ error }).max(charactersMax, { error });
}

/** A value for an error message, shortened. */
export function formatValue(input: unknown): string {
  if (input === undefined) return "missing";
  const json = JSON.stringify(input) ?? String(input);
  return json.length > 80 ? `${json.slice(0, 80)}…` : json;
}

/** Zod's enums need a type that says that the list is not empty. */
function nonEmpty<T>(list: readonly T[]): readonly [T, ...T[]] {
  return list as readonly [T, ...T[]];
}

function trueOrFalse(name: string) {
  return z.boolean({
    error: (issue) => `${name} must be true or false: it is ${formatValue(issue.input)}`,
  });
}

/** The most used fields of the configuration, with limits. `at` is a prefix of their names. */
const commonFields = (at: string) => ({
  n: wholeNumber(`${at}n`, 1, N_MAX).optional().openapi({
    description: "Replicas of each key; 3 by default",
  }),
  r: wholeNumber(`${at}r`, 1, N_MAX).optional().openapi({
    description: "Replicas that must answer a get",
  }),
  w: wholeNumber(`${at}w`, 1, N_MAX).optional().openapi({
    description: "Replicas that must commit a put",
  }),
  partitioning: oneOf(`${at}partitioning`, nonEmpty(PARTITIONINGS)).optional(),
  partitions: wholeNumber(`${at}partitions`, 1, PARTITIONS_MAX).optional(),
  tokensPerNode: wholeNumber(`${at}tokensPerNode`, 1, TOKENS_MAX).optional(),
  mode: oneOf(`${at}mode`, nonEmpty(VERSION_MODES)).optional(),
  coordinator: oneOf(`${at}coordinator`, nonEmpty(COORDINATOR_CHOICES)).optional(),
  timeoutMs: wholeNumber(`${at}timeoutMs`, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX).optional(),
  sloppy: trueOrFalse(`${at}sloppy`).optional(),
  readRepair: trueOrFalse(`${at}readRepair`).optional(),
});

/** All fields of the configuration, with their default's type. `clusterConfig` checks limits. */
function allFields(): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(clusterConfig()).map(([name, defaultValue]) => {
      const at = `config.${name}`;
      if (typeof defaultValue === "boolean") return [name, trueOrFalse(at).optional()];
      if (typeof defaultValue === "string") return [name, text(at, 64).optional()];
      const error = (issue: { readonly input?: unknown }) =>
        `${at} must be a number: it is ${formatValue(issue.input)}`;
      return [name, z.number({ error }).optional()];
    }),
  );
}

const Config = z.strictObject({ ...allFields(), ...commonFields("config.") }).openapi("Config", {
  description:
    "The configuration, as GET returns it. A new cluster has the defaults for missing fields",
});

export const LaunchBody = z.strictObject({
  name: z.string().regex(NAME, {
    error: (issue) =>
      `name must be 1 to 40 of a-z 0-9 - and not start with -: it is ${formatValue(issue.input)}`,
  }).optional().openapi({
    description: "Part of the cluster's URL; by default a free name such as cluster-1",
  }),
  nodes: wholeNumber("nodes", 1, NODES_MAX).default(5).openapi({
    description: "Number of node processes to start",
  }),
  ...commonFields(""),
  config: Config.optional().openapi({
    description:
      "All fields of the configuration, in the format of `config` in a cluster's description. " +
      "So a cluster can be started like another one. Give each field either here or at the top level",
  }),
  latency: text("latency", LATENCY_CHARACTERS_MAX).nullish().openapi({
    description: "Delay in ms to inject into each message, such as 'uniform(0,20)'",
    example: "uniform(0,20)",
  }),
  seed: wholeNumber("seed", 0, 2 ** 32 - 1).optional().openapi({
    description: "Seed for the tokens of the initial ring; random by default",
  }),
}).openapi("Launch");
export type LaunchBody = z.infer<typeof LaunchBody>;

export const LoadBody = z.strictObject({
  operation: oneOf("operation", ["get", "put"]),
  count: wholeNumber("count", 1, LOAD_COUNT_MAX).default(1_000),
  concurrency: wholeNumber("concurrency", 1, LOAD_CONCURRENCY_MAX).default(10),
  keys: oneOf("keys", nonEmpty(KEY_CHOICES)).default("uniform"),
  keyCount: wholeNumber("keyCount", 1, LOAD_KEYS_MAX).default(1_000),
  valueBytes: wholeNumber("valueBytes", 0, VALUE_BYTES_MAX).default(100),
  to: text("to", 64).default("any").openapi({
    description:
      "A node's id, `any` (all running nodes in turn) or `partition-aware` (a replica of the key)",
  }),
  r: wholeNumber("r", 1, N_MAX).optional(),
  w: wholeNumber("w", 1, N_MAX).optional(),
}).openapi("Load");
export type LoadBody = z.infer<typeof LoadBody>;

export const ClusterParams = z.object({
  id: z.string().openapi({ param: { name: "id", in: "path" }, example: "demo" }),
});

export const NodeParams = ClusterParams.extend({
  node: z.string().openapi({ param: { name: "node", in: "path" }, example: "n1" }),
});

export const ActParams = NodeParams.extend({
  act: oneOf("act", nonEmpty(NODE_ACTS)).openapi({
    param: { name: "act", in: "path" },
    example: "kill",
  }),
});

export const RunParams = ClusterParams.extend({
  run: z.string().regex(/^\d{1,9}$/, {
    error: (issue) => `run must be the number of a load: it is ${formatValue(issue.input)}`,
  }).openapi({ param: { name: "run", in: "path" }, example: "1" }),
});

// Output. These schemas are loose on purpose: they are documentation and do not validate.

const Node = z.object({
  id: z.string(),
  url: z.string().openapi({ example: "http://127.0.0.1:9101" }),
  pid: z.number().nullable(),
  state: z.enum(["starting", "running", "paused", "stopped", "killed", "crashed"]),
  exit: z.looseObject({}).nullable().openapi({
    description: "How its last process ended; null if none has",
  }),
  status: z.looseObject({}).nullable().openapi({
    description: "The node's last GET /status; null if it has not answered yet",
  }),
  mark: z.number().openapi({ description: "Index of the node's colour and pattern on the pages" }),
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
    description: "The current owners of each range, according to a node",
  }),
  transfers: z.object({
    left: z.number().openapi({ description: "Number of ownership changes still to be made" }),
    most: z.number().openapi({ description: "Maximum of `left` since the transfers began" }),
    leaving: z.array(z.string()).openapi({ description: "Nodes that are leaving" }),
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
