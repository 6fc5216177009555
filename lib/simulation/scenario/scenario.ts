/**
 * A scenario: a cluster, a workload and faults, as versioned JSON.
 *
 * A scenario is data, so that a run can be shared, shrunk, replayed, and executed on real processes as
 * far as the faults exist there. With its seed it determines a simulated run completely. Parsing fills
 * in every default. So a file that was written from a parsed scenario keeps its meaning when defaults
 * change.
 */
import type { RingMember } from "../../dynamo/ring/ring_state.ts";
import { type ClusterConfig, clusterConfig, ConfigError } from "../../dynamo/types/config.ts";
import {
  CLOCK_OFFSET_MS_MAX,
  DURATION_MS_MAX,
  type Fault,
  FAULTS_MAX,
  readFault,
} from "../faults/faults.ts";
import { readWorkload, type WorkloadPlan } from "../workload/workload_plan.ts";
import { Fields, ScenarioError } from "./fields.ts";
import { jsonEndsAt, placeOf } from "./json_place.ts";

const SCENARIO_FORMAT = "dynamo-scenario";
const SCENARIO_VERSION = 1;
const NODES_MAX = 10_000;

export interface Scenario {
  readonly format: typeof SCENARIO_FORMAT;
  readonly version: typeof SCENARIO_VERSION;
  /** A name for people. */
  readonly name: string;
  /** The seed of all random numbers of the run. */
  readonly seed: number;
  readonly nodes: readonly RingMember[];
  /** Nodes that are not members at the start; they can join. */
  readonly spares: readonly RingMember[];
  readonly config: ClusterConfig;
  readonly network: {
    /** The latencies of the legs W, A, R, S and other, in ms (`lib/random/latency.ts`). */
    readonly latency: string;
    /** The latency between a client and a node, in each direction, in ms. */
    readonly clients: string;
  };
  /** The latencies of a load and a store, in ms. */
  readonly disk: { readonly load: string; readonly store: string };
  readonly workload: WorkloadPlan;
  /** The longest duration of the safety phase. It ends earlier when the workload is done. */
  readonly durationMs: number;
  /** After healing, all replicas must become equal within this virtual time. */
  readonly convergeWithinMs: number;
  readonly faults: readonly Fault[];
}

/** A scenario as people write it. Every field is optional. */
export interface ScenarioInput {
  readonly format?: string;
  readonly version?: number;
  readonly name?: string;
  readonly seed?: number;
  /** The number of nodes, or a list of them. */
  readonly nodes?: number | readonly Partial<RingMember>[];
  /** Nodes that are not members at the start; they can join. */
  readonly spares?: readonly Partial<RingMember>[];
  readonly config?: Partial<ClusterConfig>;
  readonly network?: { readonly latency?: string; readonly clients?: string };
  readonly disk?: { readonly load?: string; readonly store?: string };
  readonly workload?: unknown;
  readonly durationMs?: number;
  readonly convergeWithinMs?: number;
  readonly faults?: readonly Fault[];
}

/**
 * Parses a scenario and fills in defaults. Throws {@link ScenarioError}, or `ConfigError` for values
 * that do not fit together, with the field, the value and what is allowed.
 */
export function parseScenario(input: unknown): Scenario {
  const fields = new Fields("", input);
  fields.oneOf("format", [SCENARIO_FORMAT], SCENARIO_FORMAT);
  readVersion(fields);
  const nodes = readNodes(fields);
  const spares = readSpares(fields, nodes);
  const ids = [...nodes, ...spares].map((node) => node.id);
  const network = fields.object("network");
  const disk = fields.object("disk");
  const config = readConfig(fields.object("config"), nodes.length);
  const scenario: Scenario = {
    format: SCENARIO_FORMAT,
    version: SCENARIO_VERSION,
    name: fields.text("name", /^.{0,200}$/s, "a text of at most 200 characters", ""),
    seed: fields.integer("seed", 0, Number.MAX_SAFE_INTEGER, 1),
    nodes,
    spares,
    config,
    network: { latency: network.legs("latency", "1"), clients: network.latency("clients", "0") },
    disk: { load: disk.latency("load", "0.05"), store: disk.latency("store", "0.2") },
    workload: readWorkload(fields.object("workload"), ids, config),
    durationMs: fields.number("durationMs", 0, DURATION_MS_MAX, 3_600_000),
    convergeWithinMs: fields.number("convergeWithinMs", 1, DURATION_MS_MAX, 600_000),
    faults: fields.objects("faults", FAULTS_MAX, (fault) => readFault(fault, ids)),
  };
  network.refuseOthers();
  disk.refuseOthers();
  fields.refuseOthers();
  requireClocksInBounds(scenario);
  return scenario;
}

/** Parses the text of a scenario file. Throws {@link ScenarioError}, also for invalid JSON. */
export function parseScenarioText(text: string): Scenario {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw notJson(text);
  }
  return parseScenario(input);
}

const EXCERPT_CHARACTERS = 30;

function notJson(text: string): ScenarioError {
  const at = jsonEndsAt(text);
  const place = placeOf(text, at);
  if (at === text.length) {
    const last = text.trimEnd().slice(-EXCERPT_CHARACTERS);
    return new ScenarioError("the scenario file", `JSON, but it is incomplete at ${place}`, last);
  }
  const rest = text.slice(at, at + EXCERPT_CHARACTERS).split("\n")[0];
  return new ScenarioError("the scenario file", `JSON, but it is invalid at ${place}`, rest);
}

/** The scenario as the text of a file. */
export function formatScenario(scenario: Scenario): string {
  return JSON.stringify(scenario, null, 2) + "\n";
}

function readVersion(fields: Fields): void {
  const version = fields.integer("version", 1, Number.MAX_SAFE_INTEGER, SCENARIO_VERSION);
  if (version > SCENARIO_VERSION) {
    fields.fail("version", `at most ${SCENARIO_VERSION}, the newest that this program knows`);
  }
}

/** The format of text fields of a configuration, such as the cluster's name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

function readNodes(fields: Fields): RingMember[] {
  const given = fields.raw("nodes") ?? 5;
  if (typeof given === "number") {
    const count = fields.integer("nodes", 1, NODES_MAX, 5);
    return Array.from({ length: count }, (_, i) => ({ id: `n${i + 1}`, weight: 1 }));
  }
  const nodes = fields.objects("nodes", NODES_MAX, readNode);
  if (nodes.length === 0) fields.fail("nodes", "a number from 1, or a list of at least one node");
  requireUniqueIds("nodes", nodes, []);
  return nodes;
}

function readNode(node: Fields): RingMember {
  const id = node.text("id", ID, "1 to 32 of A-Z a-z 0-9 _ -");
  const weight = node.number("weight", 0.01, 100, 1);
  const zone = node.has("zone")
    ? { zone: node.text("zone", ID, "1 to 32 of A-Z a-z 0-9 _ -") }
    : {};
  node.refuseOthers();
  return { id, weight, ...zone };
}

function readSpares(fields: Fields, nodes: readonly RingMember[]): RingMember[] {
  const spares = fields.objects("spares", NODES_MAX, readNode);
  requireUniqueIds("spares", spares, nodes);
  return spares;
}

function requireUniqueIds(
  list: string,
  nodes: readonly RingMember[],
  others: readonly RingMember[],
): void {
  const taken = new Set(others.map(({ id }) => id));
  for (const [i, { id }] of nodes.entries()) {
    if (taken.has(id)) {
      throw new ScenarioError(`${list}[${i}].id`, "an id that no other node has", id);
    }
    taken.add(id);
  }
}

/** Background work and fallbacks are off unless a scenario asks for them. */
const BACKGROUND_OFF = {
  sloppy: false,
  hintedHandoff: false,
  gossipIntervalMs: 0,
  antiEntropyIntervalMs: 0,
  scrubIntervalMs: 0,
  reapIntervalMs: 0,
} as const;

/** Reads the fields of a configuration with the types of their defaults. `clusterConfig` checks values. */
function readConfig(fields: Fields, nodes: number): ClusterConfig {
  // Every node must own a partition.
  const given: Record<string, unknown> = nodes <= 64 ? {} : { partitions: 4 * nodes };
  for (const [name, standard] of Object.entries(clusterConfig())) {
    if (!fields.has(name)) continue;
    if (typeof standard === "boolean") given[name] = fields.boolean(name, standard);
    else if (typeof standard === "string") {
      given[name] = fields.text(name, NAME, "1 to 64 of A-Z a-z 0-9 . _ -");
    } else given[name] = fields.integer(name, 0, Number.MAX_SAFE_INTEGER);
  }
  fields.refuseOthers();
  try {
    return clusterConfig({ ...BACKGROUND_OFF, ...given } as Partial<ClusterConfig>);
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`config.${error.message}`);
    throw error;
  }
}

/** The jumps and skews of a clock add up; together they must keep it above zero. */
function requireClocksInBounds(scenario: Scenario): void {
  for (const { id } of [...scenario.nodes, ...scenario.spares]) {
    let offsetMs = 0;
    for (const fault of scenario.faults) {
      if ((fault.kind === "clock-jump" || fault.kind === "clock-skew") && fault.node === id) {
        offsetMs += Math.abs(fault.byMs);
      }
    }
    if (offsetMs > CLOCK_OFFSET_MS_MAX) {
      throw new ScenarioError(
        "faults",
        `such that they shift the clock of a node by at most ${CLOCK_OFFSET_MS_MAX} ms in total`,
        `${offsetMs} ms at ${id}`,
      );
    }
  }
}
