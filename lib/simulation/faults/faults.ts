/**
 * The vocabulary of faults: everything that a scenario may do to a cluster, as data.
 *
 * The words follow turmoil (`hold`, `partition`, `partitionOneway`, `crash`, `bounce`) and
 * TigerBeetle's simulator (clogging, pauses, faulty sectors). A fault that lasts says when
 * it begins and for how long, one that happens says when. Every number has a bound.
 */
import { MESSAGE_LEGS, type MessageLeg } from "../../random/latency.ts";
import { Fields, ScenarioError } from "../scenario/fields.ts";

/** What becomes of a message that meets a partition. */
export type CutMode =
  /** It vanishes: what a firewall does. */
  | "drop"
  /** The sender hears at once that it cannot be delivered: what a router does. */
  | "refuse"
  /** It waits and arrives when the partition heals: what TCP does to a short one. */
  | "hold";
export const CUT_MODES: readonly CutMode[] = ["drop", "refuse", "hold"];

/** The clients as one end of a link. */
export const CLIENTS = "clients";

/** Directed links: from any of these to any of those; left out, all nodes (not the clients). */
export interface Links {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  /** Left out, all messages. */
  readonly legs?: readonly MessageLeg[];
}

interface Happens {
  /** Virtual ms since the start. */
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
  /** Some messages take up to `byMs` longer, so later ones overtake them. */
  | Lasts & Links & {
    readonly kind: "reorder";
    readonly probability: number;
    readonly byMs: number;
  }
  | Lasts & Links & { readonly kind: "delay"; readonly latency: string }
  | Lasts & Links & { readonly kind: "bandwidth"; readonly bytesPerSecond: number }
  /** Nothing moves; all of it arrives at the end. */
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
  /** Down for the first `downMs` of every `periodMs`. */
  | Lasts & Links & {
    readonly kind: "flapping";
    readonly periodMs: number;
    readonly downMs: number;
    readonly how: CutMode;
  };

export type MachineFault =
  /** The process ends; each write under way may or may not have reached the disk. */
  | Happens & { readonly kind: "crash"; readonly node: string; readonly downMs: number }
  /** Power loss: writes under way are lost, or with probability `torn` leave an unreadable record. */
  | Happens & {
    readonly kind: "kill";
    readonly node: string;
    readonly downMs: number;
    readonly torn: number;
  }
  /** Stopped and started at once. */
  | Happens & { readonly kind: "restart"; readonly node: string }
  /** SIGSTOP, a long collection of garbage, a suspended virtual machine. */
  | Lasts & { readonly kind: "pause"; readonly node: string }
  /** Every event takes the node `stepMs`. */
  | Lasts & { readonly kind: "slow-node"; readonly node: string; readonly stepMs: number }
  /** Killed, and back with an empty disk. */
  | Happens & { readonly kind: "wipe"; readonly node: string; readonly downMs: number }
  /** Killed, and back with its disk as it was `agoMs` before: a backup, a virtual machine's snapshot. */
  | Happens & {
    readonly kind: "restore";
    readonly node: string;
    readonly agoMs: number;
    readonly downMs: number;
  }
  | Lasts & { readonly kind: "disk-slow"; readonly node: string; readonly factor: number }
  /** Operations fail; a store that fails may have been done all the same. */
  | Lasts & {
    readonly kind: "disk-failing";
    readonly node: string;
    readonly probability: number;
    readonly operations: "loads" | "stores" | "both";
  }
  | Lasts & { readonly kind: "disk-full"; readonly node: string }
  /** So many records, drawn at random, become unreadable. */
  | Happens & { readonly kind: "disk-corrupt"; readonly node: string; readonly records: number }
  | Lasts & { readonly kind: "clock-skew"; readonly node: string; readonly byMs: number }
  | Happens & { readonly kind: "clock-jump"; readonly node: string; readonly byMs: number };

/** Acts of whoever looks after the cluster: asked for again and again until they are done. */
export type MembershipFault =
  /** A spare node is started and joins. */
  | Happens & { readonly kind: "join"; readonly node: string }
  | Happens & { readonly kind: "leave"; readonly node: string }
  /** The node dies for good, with its disk, and is removed. */
  | Happens & { readonly kind: "remove"; readonly node: string }
  /** Likewise, and a spare takes its place. */
  | Happens & { readonly kind: "replace"; readonly node: string; readonly by: string }
  /** A node that was removed joins again: with the disk that it had, and when refused with an empty one. */
  | Happens & { readonly kind: "return"; readonly node: string };

export type Fault = LinkFault | MachineFault | MembershipFault;
export type FaultKind = Fault["kind"];
export type RestoreFault = Extract<Fault, { kind: "restore" }>;

/** What a person needs to know to choose one. */
interface FaultAbout {
  readonly group: "network" | "process" | "disk" | "clock" | "membership";
  readonly about: string;
  /** It may destroy the only copy that a node holds: a scenario may do so to fewer than W nodes. */
  readonly destroys: boolean;
}

const about = (group: FaultAbout["group"], text: string, destroys = false): FaultAbout => ({
  group,
  about: text,
  destroys,
});

export const FAULTS: Readonly<Record<FaultKind, FaultAbout>> = {
  "loss": about("network", "messages vanish with a probability"),
  "duplicate": about("network", "messages arrive twice with a probability"),
  "reorder": about("network", "some messages take longer, so that later ones overtake them"),
  "delay": about("network", "messages take longer, by a distribution"),
  "bandwidth": about("network", "a link carries only so many bytes a second"),
  "clog": about("network", "nothing moves on a link, and then all at once"),
  "partition": about("network", "groups of nodes that cannot reach each other"),
  "partition-oneway": about("network", "some nodes cannot reach others, which can reach them"),
  "flapping": about("network", "a link that goes down and comes up again and again"),
  "crash": about("process", "a process ends and is started again later"),
  "kill": about("process", "power loss: writes under way are lost or torn"),
  "restart": about("process", "a process is stopped and started at once"),
  "pause": about("process", "a process stands still and then goes on"),
  "slow-node": about("process", "every event takes a node longer"),
  "wipe": about("disk", "a node comes back with an empty disk", true),
  "restore": about("disk", "a node comes back with its disk as it was a while ago", true),
  "disk-slow": about("disk", "loads and stores take a multiple of their time"),
  "disk-failing": about("disk", "loads, stores or both fail with a probability"),
  "disk-full": about("disk", "stores fail, loads go on"),
  "disk-corrupt": about("disk", "records become unreadable", true),
  "clock-skew": about("clock", "a node's clock is ahead or behind for a while"),
  "clock-jump": about("clock", "a node's clock is set forward or back"),
  "join": about("membership", "a spare node joins the cluster"),
  "leave": about("membership", "a node hands over what it holds, and leaves"),
  "remove": about("membership", "a node dies for good and is removed", true),
  "replace": about("membership", "a node dies for good and another takes its place", true),
  "return": about("membership", "a node that was removed joins again, with its old disk at first"),
};

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

export const FAULTS_MAX = 10_000;
/** The longest that anything lasts in a scenario: a virtual day. */
export const DURATION_MS_MAX = 86_400_000;
/** Node clocks start this far from zero, so that none can be set back to before it. */
export const CLOCK_OFFSET_MS_MAX = 900_000;

/** Reads one fault. Throws `ScenarioError` with the field, the value and what is allowed. */
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
    throw new ScenarioError(fields.at("groups"), "groups with no node in two of them", given);
  }
  return groups;
}

/** When the fault is over, virtual ms: its end, or the return of the node. */
export function endOf(fault: Fault): number {
  if ("forMs" in fault) return fault.atMs + fault.forMs;
  return "downMs" in fault ? fault.atMs + fault.downMs : fault.atMs;
}
