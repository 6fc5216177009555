/**
 * What a checker is: a question with a name, asked of everything that a finished run left behind.
 */
import type { ReplicaStats } from "../../dynamo/counters.ts";
import type { Ring } from "../../dynamo/ring/ring.ts";
import type { Versioning } from "../../dynamo/versions/versions.ts";
import type { Holding } from "../healing.ts";
import type { RunRecord } from "../run_record.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { History, Operation } from "../workload/history.ts";
import type { Causality, KeyWrites } from "./causality.ts";

/** What a run left behind. */
export interface Evidence {
  readonly scenario: Scenario;
  readonly history: History;
  readonly record: RunRecord;
  readonly causality: Causality;
  readonly writes: ReadonlyMap<string, KeyWrites>;
  /** What the owners of every key hold in the end. */
  readonly final: ReadonlyMap<string, readonly Holding[]>;
  /** What they held when the faults ended. */
  readonly holdingsAtHealing: readonly (readonly Holding[])[];
  readonly divergentKeys: readonly string[];
  readonly converged: boolean;
  /** What keeps the membership from rest in the end, where that can be seen. */
  readonly unsettled?: readonly string[];
  /** Hints that nodes still hold in the end. */
  readonly hintsLeft: readonly {
    readonly node: string;
    readonly target: string;
    readonly count: number;
  }[];
  readonly rules: Versioning;
  /** As each member sees the ring in the end. */
  readonly rings: readonly Ring[];
  /** How many members there are in the end. */
  readonly members: number;
  /** The data directory that each member is known with in the end. */
  readonly memberData: readonly { readonly node: string; readonly dataId: string }[];
  /** Copies that nodes have in the end of keys that they do not own. */
  readonly orphanedReplicas: readonly { readonly node: string; readonly key: string }[];
  /** Of each node, at the end. */
  readonly stats: readonly { readonly node: string; readonly stats: ReplicaStats }[];
  /** The most requests that any node was seen to have in flight. */
  readonly requestsInFlightPeak: number;
  /** The most hints of others that any node was taking in at once. */
  readonly handoffsPeak: number;
  /** Starts of all nodes together. */
  readonly boots: number;
  /** Records that nodes replaced or forgot together with their actor: the next write has a new one. */
  readonly actorsRenewed: number;
  /** Nodes by index, as the record counts them. */
  readonly nodes: readonly string[];
}

export interface Violation {
  readonly checker: string;
  /** For a person: what was promised, what was found. */
  readonly message: string;
  readonly key?: string;
  /** The operations concerned. */
  readonly operations?: readonly number[];
}

export interface Finding {
  readonly message: string;
  readonly key?: string;
  readonly operations?: readonly number[];
}

interface Examination {
  readonly examined: number;
  readonly findings: readonly Finding[];
  /** What would have been found, had the simulator not destroyed the last copy itself. */
  readonly excused?: number;
}

export interface Checker {
  /** Stable: tests, the gallery of bugs and the shrinker go by it. */
  readonly name: string;
  readonly about: string;
  /** Whether a finding is a violation in this scenario; otherwise it is reported only. */
  asserted(scenario: Scenario): boolean;
  /** How many things were looked at, and what was wrong. */
  check(evidence: Evidence): Examination;
}

/** Only dotted version vectors promise exactness: the other modes are there to be seen failing. */
export function isExact({ config }: Scenario): boolean {
  return config.mode === "dvv" && config.durability === "commit";
}

/** Whether nodes go on talking when nobody asks anything of them. */
export function isRestless({ config }: Scenario): boolean {
  return config.gossipIntervalMs > 0 || config.antiEntropyIntervalMs > 0 ||
    (config.sloppy && config.hintedHandoff);
}

/** Owners whose record can be read; the others are what checker 3 is about. */
export function readable(holdings: readonly Holding[] | undefined): readonly Holding[] {
  return (holdings ?? []).filter(({ siblings }) => siblings !== null);
}

export const always = () => true;

/** The writes whose values a holding has, by id; values that nobody wrote are left out. */
export function writesIn({ siblings }: Holding, history: History): number[] {
  const ids: number[] = [];
  for (const { value } of siblings ?? []) {
    const writer = value === null ? undefined : history.writerOf(value);
    if (writer !== undefined) ids.push(writer);
  }
  return ids;
}

/** How many nodes own a key at the most: N, or all when there are fewer. */
export function ownersCount({ scenario }: Evidence): number {
  return Math.min(scenario.config.n, scenario.nodes.length + scenario.spares.length);
}

/** An operation for a message: `put #12 of k3`. */
export function labelOf({ kind, id, key }: Operation): string {
  return `${kind} #${id} of ${key}`;
}
