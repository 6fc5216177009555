/**
 * The faults that a node injects, as `PUT /faults` accepts them. They are faults of real networks and
 * disks that killing or pausing a process cannot produce.
 *
 * A message is a call to a peer or its answer. `drop`, `duplicate` and `latency` apply to the messages
 * of calls that this node makes. A partition cuts the node off from other nodes: it loses this node's
 * calls to them (`out`), their calls to this node (`in`), or `both`. Nobody is told of a lost message.
 * `links` are faults of single links, written as in a scenario (`link_faults.ts`). `partition` and
 * `links` may name members and the nodes listed in `strangers`, for example a node that joins later.
 */
import { ConfigError, requireInteger, requireOneOf } from "../../lib/dynamo/types/config.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { parseLegs, SpecError } from "../../lib/random/latency.ts";
import { Fields, ScenarioError } from "../../lib/simulation/scenario/fields.ts";
import { isNodeId, isObject } from "../rpc/validation.ts";
import { type LastingLinkFault, readLinkFaults } from "./link_faults.ts";

type CutDirection = "both" | "out" | "in";
const CUT_DIRECTIONS: readonly CutDirection[] = ["both", "out", "in"];

type FailingAccesses = "loads" | "stores" | "both";
const FAILING_ACCESSES: readonly FailingAccesses[] = ["loads", "stores", "both"];

export interface FaultSettings {
  /** Added to `--latency`, in the same notation; null: none. */
  readonly latency: string | null;
  /** The probability that a message is lost, 0 to 1. */
  readonly drop: number;
  /** The probability that a call is sent twice, 0 to 1. */
  readonly duplicate: number;
  readonly partition: {
    readonly nodes: readonly NodeId[];
    readonly direction: CutDirection;
  } | null;
  readonly disk: {
    /** Added to the time of every access. */
    readonly slowMs: number;
    /** The probability that an access fails, 0 to 1. Half of the failed writes are stored anyway. */
    readonly failing: number;
    /** Which accesses may fail. */
    readonly operations: FailingAccesses;
    /** Every store fails, and nothing is stored. */
    readonly full: boolean;
  };
  readonly links: readonly LastingLinkFault[];
}

/** The body of `PUT /faults`. A field that is left out means no such fault. */
export type FaultRequest =
  & {
    readonly [name in Exclude<keyof FaultSettings, "partition" | "disk">]?: FaultSettings[name];
  }
  & {
    readonly partition?: {
      readonly nodes: readonly NodeId[];
      readonly direction?: CutDirection;
    } | null;
    readonly disk?: Partial<FaultSettings["disk"]>;
    /** Nodes that the other fields may name although they are not members, not yet or no longer. */
    readonly strangers?: readonly NodeId[];
  };

export const NO_FAULTS: FaultSettings = {
  latency: null,
  drop: 0,
  duplicate: 0,
  partition: null,
  disk: { slowMs: 0, failing: 0, operations: "both", full: false },
  links: [],
};

export const DISK_SLOW_MS_MAX = 60_000;
const STRANGERS_MAX = 64;

const FIELDS = ["latency", "drop", "duplicate", "partition", "disk", "links", "strangers"];

/**
 * `linkEnds` are the nodes that `links` may name: this node and its peers. Throws {@link ConfigError}
 * that names the field, its value and what is allowed.
 */
export function readFaults(
  given: unknown,
  peers: readonly NodeId[],
  linkEnds: readonly NodeId[] = peers,
): FaultSettings {
  const fields = objectOf("faults", given, FIELDS);
  const strangers = strangersIn(fields["strangers"] ?? []);
  return {
    latency: latencyOf(fields["latency"] ?? null),
    drop: probability("drop", fields["drop"]),
    duplicate: probability("duplicate", fields["duplicate"]),
    partition: partitionOf(fields["partition"] ?? null, [...peers, ...strangers]),
    disk: diskOf(fields["disk"] ?? {}),
    links: asConfig(() => readLinkFaults(fields["links"] ?? [], [...linkEnds, ...strangers])),
  };
}

function strangersIn(given: unknown): NodeId[] {
  if (Array.isArray(given) && given.length <= STRANGERS_MAX && given.every(isNodeId)) return given;
  throw new ConfigError(
    `strangers must be a list of at most ${STRANGERS_MAX} node ids: current value is ${
      shownValue(given)
    }`,
  );
}

function diskOf(given: unknown): FaultSettings["disk"] {
  const disk = objectOf("disk", given, ["slowMs", "failing", "operations", "full"]);
  const slowMs = disk["slowMs"] ?? 0;
  requireInteger("disk.slowMs", slowMs as number, 0, DISK_SLOW_MS_MAX);
  const failing = probability("disk.failing", disk["failing"]);
  return asConfig(() => ({
    slowMs: slowMs as number,
    failing,
    operations: new Fields("disk", disk).oneOf("operations", FAILING_ACCESSES, "both"),
    full: new Fields("disk", disk).boolean("full", false),
  }));
}

/** Turns the error of a scenario's reader into a `ConfigError` with the same message. */
function asConfig<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ScenarioError) throw new ConfigError(error.message);
    throw error;
  }
}

/** Returns the object if it has no other fields. Throws {@link ConfigError} that lists the fields. */
export function objectOf(
  name: string,
  given: unknown,
  allowed: readonly string[],
): Record<string, unknown> {
  if (!isObject(given) || Array.isArray(given)) {
    throw new ConfigError(
      `${name} must be an object with some of ${allowed.join(", ")}: current value is ${
        shownValue(given)
      }`,
    );
  }
  const unknown = Object.keys(given).find((field) => !allowed.includes(field));
  if (unknown !== undefined) {
    throw new ConfigError(
      `unknown field '${unknown.slice(0, 60)}' in ${name}: allowed are ${allowed.join(", ")}`,
    );
  }
  return given;
}

function probability(name: string, given: unknown = 0): number {
  if (typeof given === "number" && given >= 0 && given <= 1) return given;
  throw new ConfigError(
    `${name} must be a probability, a number from 0 to 1: current value is ${shownValue(given)}`,
  );
}

function latencyOf(given: unknown): string | null {
  if (given === null) return null;
  if (typeof given !== "string") {
    throw new ConfigError(
      `latency must be a latency spec such as "uniform(0,20)", or null: current value is ${
        shownValue(given)
      }`,
    );
  }
  try {
    return parseLegs(given).spec;
  } catch (error) {
    if (error instanceof SpecError) throw new ConfigError(`latency: ${error.message}`);
    throw error;
  }
}

function partitionOf(given: unknown, peers: readonly NodeId[]): FaultSettings["partition"] {
  if (given === null) return null;
  const { nodes, direction = "both" } = objectOf("partition", given, ["nodes", "direction"]);
  if (!Array.isArray(nodes) || nodes.length === 0) {
    throw new ConfigError(
      `partition.nodes must be a list of some of ${peers.join(", ")}: current value is ${
        shownValue(nodes)
      }`,
    );
  }
  for (const node of nodes) requireOneOf("partition.nodes", node, peers);
  requireOneOf("partition.direction", direction as CutDirection, CUT_DIRECTIONS);
  return { nodes: [...new Set<NodeId>(nodes)], direction: direction as CutDirection };
}

/** Shows a value from outside in an error message. */
export function shownValue(given: unknown): string {
  return (JSON.stringify(given) ?? "missing").slice(0, 100);
}
