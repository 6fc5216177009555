/**
 * Checks a run on real processes with the simulator's checkers. The evidence is the clients' history and
 * the final contents of the disks.
 *
 * Real disks cannot be observed during the run. So the checks assume that an acknowledged write was
 * durable at that time (killing nodes tests that anyway), and checkers of a replica's internals are left
 * out. Checkers of durations only report, because other programs may have kept the machine busy.
 */
import type { Ring } from "../../lib/dynamo/ring/ring.ts";
import { versioning } from "../../lib/dynamo/versions/versions.ts";
import type { Version } from "../../lib/dynamo/versions/versions.ts";
import { alwaysWriteable } from "../../lib/simulation/checkers/always_writeable.ts";
import { answersInTime } from "../../lib/simulation/checkers/answers_in_time.ts";
import { Causality, writesByKey } from "../../lib/simulation/checkers/causality.ts";
import type { Checker, Evidence } from "../../lib/simulation/checkers/checker.ts";
import { convergence } from "../../lib/simulation/checkers/convergence.ts";
import { deletedStaysDeleted } from "../../lib/simulation/checkers/deleted_stays_deleted.ts";
import { exactSiblings } from "../../lib/simulation/checkers/exact_siblings.ts";
import { honestReplies } from "../../lib/simulation/checkers/honest_replies.ts";
import { type CheckResult, runCheckers } from "../../lib/simulation/checkers/mod.ts";
import { noLostWrite } from "../../lib/simulation/checkers/no_lost_write.ts";
import { ownership } from "../../lib/simulation/checkers/ownership.ts";
import { quorumReads } from "../../lib/simulation/checkers/quorum_reads.ts";
import { uniqueDots } from "../../lib/simulation/checkers/unique_dots.ts";
import type { Holding } from "../../lib/simulation/healing.ts";
import { RunRecord } from "../../lib/simulation/run_record.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import type { History } from "../../lib/simulation/workload/history.ts";
import {
  type Convergence,
  forEachConcurrently,
  heldByPrimaries,
} from "../cluster/cluster_convergence.ts";
import type { ClusterView, HeldRecord } from "../cluster/cluster_view.ts";
import type { Wipe } from "./faults.ts";
import { orphanedKeys, type Settling } from "./membership.ts";
import { type ShownValue, valueOf } from "./requests.ts";

const reportsOnly = (checker: Checker): Checker => ({ ...checker, asserted: () => false });

/** The checkers that need only what can be seen from outside. */
export const LIVE_CHECKERS: readonly Checker[] = [
  noLostWrite,
  exactSiblings,
  convergence,
  ownership,
  quorumReads,
  deletedStaysDeleted,
  uniqueDots,
  honestReplies,
  reportsOnly(answersInTime),
  reportsOnly(alwaysWriteable),
];

export interface LiveRun {
  readonly scenario: Scenario;
  readonly history: History;
  readonly keys: ReadonlySet<string>;
  /** The final ring as each member knows it. */
  readonly rings: readonly Ring[];
  /** Membership changes were committed, so ranges may have moved. */
  readonly hasMoved: boolean;
  /** Whether all membership changes were completed; null if the scenario has none. */
  readonly settling: Settling | null;
  readonly wipes: readonly Wipe[];
  readonly convergence: Convergence;
  /** Processes that ended by themselves. */
  readonly crashes: readonly string[];
}

/** Reads the disks and runs the checkers. */
export async function judgeLiveRun(view: ClusterView, run: LiveRun): Promise<CheckResult[]> {
  const keys = [...run.keys];
  const held = await forEachConcurrently(keys, (key) => heldByPrimaries(view, key));
  const holdings = new Map(keys.map((key, i) => [key, (held[i] ?? []).map(holdingOf)]));
  const hintsLeft = await view.hintsByHolder();
  const [ring] = run.rings;
  const orphanedReplicas = ring !== undefined && run.hasMoved ? await orphanedKeys(view, ring) : [];
  const evidence = evidenceOf(run, holdings, { hintsLeft, orphanedReplicas });
  return [
    crashCheck(run),
    ...(run.settling === null ? [] : [settlingCheck(run.settling)]),
    ...runCheckers(run.scenario, evidence, LIVE_CHECKERS),
  ];
}

/** `final` is what the owners of every key hold, `rest` what else is on the disks. */
export function evidenceOf(
  run: LiveRun,
  final: ReadonlyMap<string, readonly Holding[]>,
  rest: Pick<Evidence, "hintsLeft" | "orphanedReplicas">,
): Evidence {
  const { scenario, history, rings, wipes, convergence: { converged, keysDiffering }, keys } = run;
  const nodes = [...scenario.nodes, ...scenario.spares].map(({ id }) => id);
  const record = new AssumedDurable(history);
  for (const { node, at } of wipes) {
    for (const key of keys) record.destroyed(nodes.indexOf(node), key, "wiped", at);
  }
  excuseWiped(record, run);
  for (const [key, holdings] of final) {
    for (const { node, siblings } of holdings) {
      if (siblings) record.committed(nodes.indexOf(node), key, { key, siblings }, 0);
    }
  }
  return {
    scenario,
    history,
    record,
    causality: new Causality(history),
    writes: writesByKey(history),
    final,
    holdingsAtHealing: [],
    divergentKeys: keysDiffering,
    converged,
    ...rest,
    rules: versioning(scenario.config.mode),
    rings,
    members: rings[0]?.state.members.length ?? 0,
    memberData: [],
    handoffsPeak: 0,
    stats: [],
    requestsInFlightPeak: 0,
    boots: 0,
    actorsRenewed: 0,
    nodes,
  };
}

/** Assumes that every acknowledged write was durable when it was acknowledged. */
class AssumedDurable extends RunRecord {
  override committedAt(): number {
    return 0;
  }
}

/**
 * Excuses writes that may be lost because every disk that acknowledged them was wiped later. Once ranges
 * have moved, it is unknown which disks had the write. Then as many wiped disks as acknowledgements are
 * enough.
 */
function excuseWiped(record: RunRecord, { history, wipes, hasMoved }: LiveRun): void {
  if (wipes.length === 0) return;
  for (const { id, kind, outcome, acks, startedAt } of history.operations) {
    if (kind === "get" || outcome !== "ok") continue;
    const wiped = new Set(wipes.filter(({ at }) => at >= startedAt).map(({ node }) => node));
    const isGone = acks.every((node) => wiped.has(node)) ||
      (hasMoved && wiped.size >= new Set(acks).size);
    if (isGone) record.excused.add(id);
  }
}

function holdingOf(
  { node, record }: { readonly node: string; readonly record: HeldRecord | null },
): Holding {
  return { node, siblings: record?.siblings.map(versionOf) };
}

function versionOf(shown: HeldRecord["siblings"][number]): Version {
  const { dot, clock, dots, contentType = "", stampUs = 0 } = shown;
  return {
    value: valueOf(shown as ShownValue),
    contentType,
    dot,
    clock,
    ...(dots === undefined ? {} : { dots }),
    stampUs,
  };
}

function settlingCheck({ settled, tookMs, views }: Settling): CheckResult {
  const name = "membership-settles";
  const message =
    `membership changes or range transfers are not complete ${tookMs} ms after healing`;
  return {
    name,
    about:
      "every membership change is decided and its range transfers are complete within the bound",
    asserted: true,
    examined: views.length,
    found: settled ? 0 : 1,
    violations: settled ? [] : [{ checker: name, message }],
    excused: 0,
  };
}

function crashCheck({ crashes, scenario }: LiveRun): CheckResult {
  const name = "no-crashes";
  const violations = crashes.map((message) => ({ checker: name, message }));
  return {
    name,
    about: "no process ends by itself",
    asserted: true,
    examined: scenario.nodes.length,
    found: violations.length,
    violations,
    excused: 0,
  };
}
