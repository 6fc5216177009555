/**
 * A checker tests one guarantee against the evidence of a finished run.
 */
import type { ReplicaStats } from "../../dynamo/counters.ts";
import type { Ring } from "../../dynamo/ring/ring.ts";
import type { Versioning } from "../../dynamo/versions/versions.ts";
import type { Holding } from "../healing.ts";
import type { RunRecord } from "../run_record.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { History, Operation } from "../workload/history.ts";
import type { Causality, KeyWrites } from "./causality.ts";

/** What is known about a finished run. */
export interface Evidence {
  readonly scenario: Scenario;
  readonly history: History;
  readonly record: RunRecord;
  readonly causality: Causality;
  readonly writes: ReadonlyMap<string, KeyWrites>;
  /** The replicas of every key on its owners, at the end. */
  readonly final: ReadonlyMap<string, readonly Holding[]>;
  /** The replicas when the faults ended, one list for each key. */
  readonly holdingsAtHealing: readonly (readonly Holding[])[];
  readonly divergentKeys: readonly string[];
  readonly converged: boolean;
  /** Membership changes and transfers that are unfinished at the end, as far as known. */
  readonly unsettled?: readonly string[];
  /** Hints that nodes still hold at the end. */
  readonly hintsLeft: readonly {
    readonly node: string;
    readonly target: string;
    readonly count: number;
  }[];
  readonly rules: Versioning;
  /** Each member's ring at the end. */
  readonly rings: readonly Ring[];
  /** The number of members at the end. */
  readonly members: number;
  /** Each member's data directory at the end, as recorded in the membership. */
  readonly memberData: readonly { readonly node: string; readonly dataId: string }[];
  /** Copies, at the end, of keys that the node does not own. */
  readonly orphanedReplicas: readonly { readonly node: string; readonly key: string }[];
  /** Each node's counters at the end. */
  readonly stats: readonly { readonly node: string; readonly stats: ReplicaStats }[];
  /** The highest sampled number of requests in flight on any node. */
  readonly requestsInFlightPeak: number;
  /** The highest number of hints that any node was receiving at once. */
  readonly handoffsPeak: number;
  /** The total number of starts of all nodes. */
  readonly boots: number;
  /** Records replaced or reaped together with their actor. The next write draws a new actor. */
  readonly actorsRenewed: number;
  /** Node ids by index. {@link RunRecord} uses the indexes. */
  readonly nodes: readonly string[];
}

export interface Violation {
  readonly checker: string;
  /** For people: what was found, and what it violates. */
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
  /** The number of losses that are no violation, because the simulator destroyed the last copy. */
  readonly excused?: number;
}

export interface Checker {
  /** Stable: tests, mutants and the shrinker refer to it. */
  readonly name: string;
  readonly about: string;
  /** Whether findings are violations in this scenario. Otherwise they are only reported. */
  asserted(scenario: Scenario): boolean;
  /** Returns the number of examined items and the findings. */
  check(evidence: Evidence): Examination;
}

/**
 * Whether the scenario must lose nothing. Only dotted version vectors with commits guarantee that.
 * The other modes exist to show how they fail.
 */
export function isExact({ config }: Scenario): boolean {
  return config.mode === "dvv" && config.durability === "commit";
}

/** Whether nodes exchange messages even without client requests. */
export function isRestless({ config }: Scenario): boolean {
  return config.gossipIntervalMs > 0 || config.antiEntropyIntervalMs > 0 ||
    (config.sloppy && config.hintedHandoff);
}

/** The readable replicas. Checker 3 (`convergence.ts`) reports the unreadable ones. */
export function readable(holdings: readonly Holding[] | undefined): readonly Holding[] {
  return (holdings ?? []).filter(({ siblings }) => siblings !== null);
}

export const always = () => true;

/** The ids of the writes whose values the replica holds. Unknown values are left out. */
export function writesIn({ siblings }: Holding, history: History): number[] {
  const ids: number[] = [];
  for (const { value } of siblings ?? []) {
    const writer = value === null ? undefined : history.writerOf(value);
    if (writer !== undefined) ids.push(writer);
  }
  return ids;
}

/** The maximum number of owners of a key: N, or all nodes if there are fewer. */
export function ownersCount({ scenario }: Evidence): number {
  return Math.min(scenario.config.n, scenario.nodes.length + scenario.spares.length);
}

/** How messages name an operation: `put #12 of k3`. */
export function labelOf({ kind, id, key }: Operation): string {
  return `${kind} #${id} of ${key}`;
}
