/**
 * The workload of a scenario: a random mix of operations, or a script of single operations (for shrunk
 * scenarios).
 */
import type { RequestOptions } from "../../dynamo/types/client_messages.ts";
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import { DURATION_MS_MAX } from "../faults/faults.ts";
import type { Fields } from "../scenario/fields.ts";

export type Act =
  | "get"
  /** Without a context: concurrent with every existing version. */
  | "put"
  /** With the client's last context of the key, however old. */
  | "put-with-context"
  /** A get, then a put with its context. */
  | "update"
  /** With the client's last context of the key. */
  | "delete"
  /** Without a context: the coordinator deletes what it reads. */
  | "delete-blind";

export const ACTS: readonly Act[] = [
  "get",
  "put",
  "put-with-context",
  "update",
  "delete",
  "delete-blind",
];

/** The node that a client sends its requests to. */
type Routing =
  /** A random node for each request. */
  | "any"
  /** Always the same node. */
  | "sticky"
  /** A random primary of the key, as a partition-aware client does. */
  | "primaries";
export const ROUTINGS: readonly Routing[] = ["any", "sticky", "primaries"];

interface MixedWorkload {
  readonly kind: "mix";
  /** The number of clients. Each one has one operation in progress at a time. */
  readonly clients: number;
  /** The total number of operations of all clients. */
  readonly operations: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** The time between two operations of a client, in ms. */
  readonly think: string;
  /** Relative weights. */
  readonly acts: Readonly<Record<Act, number>>;
  readonly routing: Routing;
  /** Each operation takes a random one of these. */
  readonly options: readonly RequestOptions[];
  /** A client gives up this long after its request's timeout. */
  readonly graceMs: number;
}

export interface ScriptedOperation {
  /** Virtual µs since the start, so that a script repeats another run exactly. */
  readonly atUs: number;
  readonly client: number;
  readonly act: Act;
  readonly key: string;
  readonly node: string;
  readonly options: RequestOptions;
}

interface ScriptedWorkload {
  readonly kind: "script";
  readonly clients: number;
  readonly valueBytes: number;
  readonly operations: readonly ScriptedOperation[];
  readonly graceMs: number;
}

export type WorkloadPlan = MixedWorkload | ScriptedWorkload;

export const CLIENTS_MAX = 10_000;
export const OPERATIONS_MAX = 10_000_000;
const KEYS_MAX = 1_000_000;
const OPTIONS_MAX = 64;

const DEFAULT_ACTS: Readonly<Record<Act, number>> = {
  "get": 50,
  "put": 5,
  "put-with-context": 10,
  "update": 30,
  "delete": 4,
  "delete-blind": 1,
};

/** Parses a workload. Throws `ScenarioError` with the field, the value and what is allowed. */
export function readWorkload(
  fields: Fields,
  nodes: readonly string[],
  config: ClusterConfig,
): WorkloadPlan {
  const kind = fields.oneOf("kind", ["mix", "script"], "mix");
  const graceMs = fields.number("graceMs", 1, DURATION_MS_MAX, config.timeoutMs + 1_000);
  const clients = fields.integer("clients", 1, CLIENTS_MAX, 16);
  const valueBytes = fields.integer("valueBytes", 8, 1_048_576, 16);
  const plan: WorkloadPlan = kind === "script"
    ? {
      kind,
      clients,
      valueBytes,
      graceMs,
      operations: fields.objects(
        "operations",
        OPERATIONS_MAX,
        (operation) => readScripted(operation, nodes, config, clients),
      ),
    }
    : { kind, clients, valueBytes, graceMs, ...readMix(fields, config) };
  fields.refuseOthers();
  return plan;
}

function readMix(fields: Fields, config: ClusterConfig) {
  const options = fields.objects("options", OPTIONS_MAX, (each) => readOptions(each, config));
  return {
    operations: fields.integer("operations", 0, OPERATIONS_MAX, 1_000),
    keys: fields.integer("keys", 1, KEYS_MAX, 64),
    think: fields.latency("think", "0"),
    acts: readActs(fields),
    routing: fields.oneOf("routing", ROUTINGS, "any"),
    options: options.length === 0 ? [{}] : options,
  };
}

function readActs(fields: Fields): Record<Act, number> {
  if (!fields.has("acts")) return { ...DEFAULT_ACTS };
  const given = fields.object("acts");
  const weights = Object.fromEntries(
    ACTS.map((act) => [act, given.number(act, 0, 1_000_000, 0)]),
  ) as Record<Act, number>;
  given.refuseOthers();
  if (ACTS.every((act) => weights[act] === 0)) {
    fields.fail("acts", `weights with at least one above 0 (for ${ACTS.join(", ")})`);
  }
  return weights;
}

function readScripted(
  fields: Fields,
  nodes: readonly string[],
  config: ClusterConfig,
  clients: number,
): ScriptedOperation {
  const operation = {
    atUs: fields.integer("atUs", 0, DURATION_MS_MAX * 1_000),
    client: fields.integer("client", 0, clients - 1),
    act: fields.oneOf("act", ACTS),
    key: fields.text("key", /^.{1,256}$/s, "a text of 1 to 256 characters"),
    node: fields.oneOf("node", nodes),
    options: readOptions(fields.object("options"), config),
  };
  fields.refuseOthers();
  return operation;
}

/** The options of a request. The core checks them too, but an error from here names the field. */
function readOptions(fields: Fields, config: ClusterConfig): RequestOptions {
  const options: RequestOptions = {
    ...(fields.has("r") ? { r: fields.integer("r", 1, config.n) } : {}),
    ...(fields.has("w") ? { w: fields.integer("w", 1, config.n) } : {}),
    ...(fields.has("pr") ? { pr: fields.integer("pr", 0, config.n) } : {}),
    ...(fields.has("pw") ? { pw: fields.integer("pw", 0, config.n) } : {}),
    ...(fields.has("sloppy") ? { sloppy: fields.boolean("sloppy", true) } : {}),
    ...(fields.has("timeoutMs") ? { timeoutMs: fields.integer("timeoutMs", 1, 600_000) } : {}),
  };
  fields.refuseOthers();
  return options;
}
