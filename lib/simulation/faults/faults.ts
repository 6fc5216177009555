/**
 * All kinds of faults that a scenario may have, as data.
 *
 * The names follow turmoil (`hold`, `partition`, `partitionOneway`, `crash`, `bounce`) and TigerBeetle's
 * simulator (clogging, pauses, faulty sectors). A fault has a start time, and many have a duration. Every
 * number has a bound.
 */
import { MESSAGE_LEGS, type MessageLeg } from "../../random/latency.ts";
import { Fields, ScenarioError } from "../scenario/fields.ts";

/** What happens to a message that meets a partition. */
export type CutMode =
  /** It is lost, like at a firewall. */
  | "drop"
  /** The sender learns at once that it cannot be delivered, like from a router. */
  | "refuse"
  /** It waits and arrives when the partition heals, like with TCP during a short partition. */
  | "hold";
export const CUT_MODES: readonly CutMode[] = ["drop", "refuse", "hold"];

/** The clients as one end of a link. */
export const CLIENTS = "clients";

/** Directed links from any node of `from` to any of `to`. Default: all nodes, but not the clients. */
export interface Links {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  /** Default: all messages. */
  readonly legs?: readonly MessageLeg[];
}

interface Happens {
  /** Virtual time since the start, ms. */
  readonly atMs: number;
}

interface Lasts extends Happens {
  readonly forMs: number;
}

export type LinkFault =
  | Lasts & Links & { readonly kind: "loss"; readonly probability: number }
  /** A copy follows within `withinMs` of the original's arrival. */
  | Lasts & Links & {
    readonly kind: "duplicate";
    readonly probability: number;
    readonly withinMs: number;
  }
  /** Some messages are delayed by up to `byMs`, so that later ones overtake them. */
  | Lasts & Links & {
    readonly kind: "reorder";
    readonly probability: number;
    readonly byMs: number;
  }
  | Lasts & Links & { readonly kind: "delay"; readonly latency: string }
  | Lasts & Links & { readonly kind: "bandwidth"; readonly bytesPerSecond: number }
  /** No message arrives; at the end all of them do. */
  | Lasts & Links & { readonly kind: "clog" }
  | Lasts & {
    readonly kind: "partition";
    readonly groups: readonly (readonly string[])[];
    readonly how: CutMode;
  }
  | Lasts & {
    readonly kind: "partition-oneway";
    readonly from: readonly string[];
    readonly to: readonly string[];
    readonly how: CutMode;
  }
  /** The link is down for the first `downMs` of every `periodMs`. */
  | Lasts & Links & {
    readonly kind: "flapping";
    readonly periodMs: number;
    readonly downMs: number;
    readonly how: CutMode;
  };

export type MachineFault =
  /** The process ends. Each write in progress may or may not be stored. */
  | Happens & { readonly kind: "crash"; readonly node: string; readonly downMs: number }
  /** Power loss. Writes in progress may be lost, or with probability `torn` leave an unreadable record. */
  | Happens & {
    readonly kind: "kill";
    readonly node: string;
    readonly downMs: number;
    readonly torn: number;
  }
  /** Stopped and started at once. */
  | Happens & { readonly kind: "restart"; readonly node: string }
  /** Like SIGSTOP, a long garbage collection, or a suspended virtual machine. */
  | Lasts & { readonly kind: "pause"; readonly node: string }
  /** The node needs `stepMs` for every event. */
  | Lasts & { readonly kind: "slow-node"; readonly node: string; readonly stepMs: number }
  /** The node is killed and comes back with an empty disk. */
  | Happens & { readonly kind: "wipe"; readonly node: string; readonly downMs: number }
  /** The node is killed and comes back with its disk as it was `agoMs` earlier: a backup or a snapshot. */
  | Happens & {
    readonly kind: "restore";
    readonly node: string;
    readonly agoMs: number;
    readonly downMs: number;
  }
  | Lasts & { readonly kind: "disk-slow"; readonly node: string; readonly factor: number }
  /** Operations fail. A failed store may have been stored anyway. */
  | Lasts & {
    readonly kind: "disk-failing";
    readonly node: string;
    readonly probability: number;
    readonly operations: "loads" | "stores" | "both";
  }
  | Lasts & { readonly kind: "disk-full"; readonly node: string }
  /** This many records, chosen at random, become unreadable. */
  | Happens & { readonly kind: "disk-corrupt"; readonly node: string; readonly records: number }
  | Lasts & { readonly kind: "clock-skew"; readonly node: string; readonly byMs: number }
  | Happens & { readonly kind: "clock-jump"; readonly node: string; readonly byMs: number };

/** Membership changes by an operator, requested again until they are decided. */
export type MembershipFault =
  /** A spare node is started and joins. */
  | Happens & { readonly kind: "join"; readonly node: string }
  | Happens & { readonly kind: "leave"; readonly node: string }
  /** The node dies for good with its disk, and is removed. */
  | Happens & { readonly kind: "remove"; readonly node: string }
  /** The node dies for good with its disk, and a spare takes its place. */
  | Happens & { readonly kind: "replace"; readonly node: string; readonly by: string }
  /** A removed node joins again with its old disk, or if that is refused with an empty one. */
  | Happens & { readonly kind: "return"; readonly node: string };

export type Fault = LinkFault | MachineFault | MembershipFault;
export type FaultKind = Fault["kind"];
export type RestoreFault = Extract<Fault, { kind: "restore" }>;

/** Describes a kind of fault to a person. */
interface FaultAbout {
  readonly group: "network" | "process" | "disk" | "clock" | "membership";
  readonly about: string;
  /** Whether it may destroy a node's copies. A random scenario does that to fewer than W nodes. */
  readonly destroys: boolean;
}

const about = (group: FaultAbout["group"], text: string, destroys = false): FaultAbout => ({
  group,
  about: text,
  destroys,
});

export const FAULTS: Readonly<Record<FaultKind, FaultAbout>> = {
  "loss": about("network", "messages are lost with a given probability"),
  "duplicate": about("network", "messages arrive twice with a given probability"),
  "reorder": about("network", "some messages are delayed, so that later ones overtake them"),
  "delay": about("network", "messages are delayed by a given distribution"),
  "bandwidth": about("network", "a link carries only a given number of bytes a second"),
  "clog": about("network", "a link holds all messages and delivers them at the end"),
  "partition": about("network", "groups of nodes cannot reach each other"),
  "partition-oneway": about("network", "some nodes cannot reach others, which can reach them"),
  "flapping": about("network", "a link goes down and up again and again"),
  "crash": about("process", "a process ends and is started again later"),
  "kill": about("process", "power loss: writes in progress are lost or torn"),
  "restart": about("process", "a process is stopped and started at once"),
  "pause": about("process", "a process stops for a while and then continues"),
  "slow-node": about("process", "a node needs longer for every event"),
  "wipe": about("disk", "a node comes back with an empty disk", true),
  "restore": about("disk", "a node comes back with an older copy of its disk", true),
  "disk-slow": about("disk", "loads and stores take a multiple of their time"),
  "disk-failing": about("disk", "loads, stores or both fail with a probability"),
  "disk-full": about("disk", "stores fail, but loads work"),
  "disk-corrupt": about("disk", "records become unreadable", true),
  "clock-skew": about("clock", "a node's clock is ahead or behind for a while"),
  "clock-jump": about("clock", "a node's clock is set forward or back"),
  "join": about("membership", "a spare node joins the cluster"),
  "leave": about("membership", "a node hands its data over and leaves"),
  "remove": about("membership", "a node dies for good and is removed", true),
  "replace": about("membership", "a node dies for good and a spare takes its place", true),
  "return": about("membership", "a removed node joins again, first with its old disk"),
};

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

export const FAULTS_MAX = 10_000;
/** The longest duration in a scenario: a virtual day. */
export const DURATION_MS_MAX = 86_400_000;
/** The most that a node's clock can be set forward or back. Clocks start later than that. */
export const CLOCK_OFFSET_MS_MAX = 900_000;

/** Reads one fault. Throws `ScenarioError` that names the field, its value and what is allowed. */
export function readFault(fields: Fields, nodes: readonly string[]): Fault {
  const kind = fields.oneOf("kind", FAULT_KINDS);
  const atMs = fields.number("atMs", 0, DURATION_MS_MAX);
  const fault = readBody(kind, atMs, fields, nodes);
  fields.refuseOthers();
  return fault;
}

function readBody(kind: FaultKind, atMs: number, fields: Fields, nodes: readonly string[]): Fault {
  const lasts = () => ({ atMs, forMs: fields.number("forMs", 0, DURATION_MS_MAX) });
  const node = () => ({ node: fields.oneOf("node", nodes) });
  const down = () => ({ downMs: fields.number("downMs", 0, DURATION_MS_MAX) });
  const ends = [...nodes, CLIENTS];
  switch (kind) {
    case "loss":
      return {
        kind,
        ...lasts(),
        ...links(fields, ends),
        probability: fields.probability("probability"),
      };
    case "duplicate": {
      const probability = fields.probability("probability");
      const withinMs = fields.number("withinMs", 0, DURATION_MS_MAX);
      return { kind, ...lasts(), ...links(fields, ends), probability, withinMs };
    }
    case "reorder": {
      const probability = fields.probability("probability");
      const byMs = fields.number("byMs", 0, DURATION_MS_MAX);
      return { kind, ...lasts(), ...links(fields, ends), probability, byMs };
    }
    case "delay":
      return { kind, ...lasts(), ...links(fields, ends), latency: fields.latency("latency") };
    case "bandwidth": {
      const bytesPerSecond = fields.integer("bytesPerSecond", 1, 1e12);
      return { kind, ...lasts(), ...links(fields, ends), bytesPerSecond };
    }
    case "clog":
      return { kind, ...lasts(), ...links(fields, ends) };
    case "partition":
      return { kind, ...lasts(), groups: readGroups(fields, ends), how: readCut(fields) };
    case "partition-oneway": {
      const from = fields.listOf("from", ends, 1);
      const to = fields.listOf("to", ends, 1);
      return { kind, ...lasts(), from, to, how: readCut(fields) };
    }
    case "flapping": {
      const periodMs = fields.number("periodMs", 1, DURATION_MS_MAX);
      const downMs = fields.number("downMs", 0, periodMs);
      return { kind, ...lasts(), ...links(fields, ends), periodMs, downMs, how: readCut(fields) };
    }
    case "crash":
    case "wipe":
      return { kind, atMs, ...node(), ...down() };
    case "restore":
      return { kind, atMs, ...node(), agoMs: fields.number("agoMs", 0, atMs), ...down() };
    case "kill":
      return { kind, atMs, ...node(), ...down(), torn: fields.probability("torn", 0) };
    case "restart":
      return { kind, atMs, ...node() };
    case "pause":
    case "disk-full":
      return { kind, ...lasts(), ...node() };
    case "slow-node":
      return { kind, ...lasts(), ...node(), stepMs: fields.number("stepMs", 0, 60_000) };
    case "disk-slow":
      return { kind, ...lasts(), ...node(), factor: fields.number("factor", 1, 100_000) };
    case "disk-failing": {
      const operations = fields.oneOf("operations", ["loads", "stores", "both"], "both");
      return {
        kind,
        ...lasts(),
        ...node(),
        probability: fields.probability("probability"),
        operations,
      };
    }
    case "disk-corrupt":
      return { kind, atMs, ...node(), records: fields.integer("records", 1, 1_000_000) };
    case "clock-skew":
      return { kind, ...lasts(), ...node(), byMs: readOffset(fields) };
    case "clock-jump":
      return { kind, atMs, ...node(), byMs: readOffset(fields) };
    case "join":
    case "leave":
    case "remove":
    case "return":
      return { kind, atMs, ...node() };
    case "replace":
      return { kind, atMs, ...node(), by: fields.oneOf("by", nodes) };
  }
}

function readOffset(fields: Fields): number {
  return fields.number("byMs", -CLOCK_OFFSET_MS_MAX, CLOCK_OFFSET_MS_MAX);
}

function readCut(fields: Fields): CutMode {
  return fields.oneOf("how", CUT_MODES, "drop");
}

function links(fields: Fields, ends: readonly string[]): Links {
  return {
    ...(fields.has("from") ? { from: fields.listOf("from", ends, 1) } : {}),
    ...(fields.has("to") ? { to: fields.listOf("to", ends, 1) } : {}),
    ...(fields.has("legs") ? { legs: fields.listOf("legs", MESSAGE_LEGS, 1) } : {}),
  };
}

function readGroups(fields: Fields, ends: readonly string[]): string[][] {
  const given = fields.raw("groups");
  if (!Array.isArray(given) || given.length < 2) {
    return fields.fail("groups", "a list of at least 2 lists of nodes");
  }
  const groups = given.map((group: unknown, i) =>
    new Fields(fields.path, { [`groups[${i}]`]: group }).listOf(`groups[${i}]`, ends, 1)
  );
  const all = groups.flat();
  if (new Set(all).size !== all.length) {
    throw new ScenarioError(fields.at("groups"), "groups that have no node in common", given);
  }
  return groups;
}

/** When the fault ends or its node is started again, virtual ms. */
export function endOf(fault: Fault): number {
  if ("forMs" in fault) return fault.atMs + fault.forMs;
  return "downMs" in fault ? fault.atMs + fault.downMs : fault.atMs;
}
