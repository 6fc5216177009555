/**
 * What a run on real processes leaves behind, put before the simulator's own checkers: the clients'
 * history, and what is on the disks in the end.
 *
 * Nobody sees real disks from moment to moment. So that an acknowledged write was durable at the time
 * is taken on trust (killing nodes tests it all the same), and checkers of the replicas' inside are not
 * asked. Checkers of how long something took report only: the machine may have been busy with other
 * things, which no scenario names.
 */
import { versioning } from "../lib/dynamo/versions.ts";
import type { Ring } from "../lib/dynamo/ring.ts";
import type { Version } from "../lib/dynamo/versions.ts";
import { Causality, writesByKey } from "../lib/simulation/causality.ts";
import { alwaysWriteable } from "../lib/simulation/checkers/always_writeable.ts";
import { answersInTime } from "../lib/simulation/checkers/answers_in_time.ts";
import type { Checker, Evidence } from "../lib/simulation/checkers/checker.ts";
import { convergence } from "../lib/simulation/checkers/convergence.ts";
import { deletedStaysDeleted } from "../lib/simulation/checkers/deleted_stays_deleted.ts";
import { exactSiblings } from "../lib/simulation/checkers/exact_siblings.ts";
import { honestReplies } from "../lib/simulation/checkers/honest_replies.ts";
import { type CheckResult, runCheckers } from "../lib/simulation/checkers/mod.ts";
import { noLostWrite } from "../lib/simulation/checkers/no_lost_write.ts";
import { quorumReads } from "../lib/simulation/checkers/quorum_reads.ts";
import { uniqueDots } from "../lib/simulation/checkers/unique_dots.ts";
import type { Holding } from "../lib/simulation/healing.ts";
import type { History } from "../lib/simulation/history.ts";
import { RunRecord } from "../lib/simulation/run_record.ts";
import type { Scenario } from "../lib/simulation/scenario.ts";
import { type Convergence, heldByPrimaries, inTurns } from "./cluster_convergence.ts";
import type { ClusterView, HeldRecord } from "./cluster_view.ts";
import type { Wipe } from "./scenario_faults.ts";
import { type ShownValue, valueOf } from "./scenario_requests.ts";

const reportsOnly = (checker: Checker): Checker => ({ ...checker, asserted: () => false });

/** Those that can be asked from outside. */
export const LIVE_CHECKERS: readonly Checker[] = [
  noLostWrite,
  exactSiblings,
  convergence,
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
  readonly ring: Ring;
  readonly wipes: readonly Wipe[];
  readonly convergence: Convergence;
  /** Processes that ended by themselves. */
  readonly crashes: readonly string[];
}

/** Reads the disks and asks the checkers. */
export async function judgeLiveRun(view: ClusterView, run: LiveRun): Promise<CheckResult[]> {
  const keys = [...run.keys];
  const held = await inTurns(keys, (key) => heldByPrimaries(view, key));
  const holdings = new Map(keys.map((key, i) => [key, (held[i] ?? []).map(holdingOf)]));
  const hintsLeft = await hintsOf(view, run.scenario);
  return [
    crashCheck(run),
    ...runCheckers(run.scenario, evidenceOf(run, holdings, hintsLeft), LIVE_CHECKERS),
  ];
}

/** `final`: what the owners of every key hold. */
export function evidenceOf(
  { scenario, history, ring, wipes, convergence: { converged, keysDiffering }, keys }: LiveRun,
  final: ReadonlyMap<string, readonly Holding[]>,
  hintsLeft: Evidence["hintsLeft"],
): Evidence {
  const nodes = scenario.nodes.map(({ id }) => id);
  const record = new TrustingRecord(history);
  for (const { node, at } of wipes) {
    for (const key of keys) record.destroyed(nodes.indexOf(node), key, "wiped", at);
  }
  excuse(record, history, wipes);
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
    diverged: [],
    divergentKeys: keysDiffering,
    converged,
    hintsLeft,
    rules: versioning(scenario.config.mode),
    rings: [ring],
    members: nodes.length,
    leftBehind: [],
    handoffsMost: 0,
    stats: [],
    requestsMost: 0,
    boots: 0,
    actorsRenewed: 0,
    nodes,
  };
}

/** Believes that what was acknowledged was durable by then. */
class TrustingRecord extends RunRecord {
  override committedAt(): number {
    return 0;
  }
}

/** A write whose every acknowledging disk was wiped afterwards may be gone without anybody's fault. */
function excuse(record: RunRecord, history: History, wipes: readonly Wipe[]): void {
  if (wipes.length === 0) return;
  for (const { id, kind, outcome, acks, startedAt } of history.operations) {
    if (kind === "get" || outcome !== "ok") continue;
    const isGone = (node: string) =>
      wipes.some((wipe) => wipe.node === node && wipe.at >= startedAt);
    if (acks.every(isGone)) record.excused.add(id);
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

async function hintsOf(view: ClusterView, { nodes }: Scenario): Promise<Evidence["hintsLeft"]> {
  const statuses = await Promise.all(nodes.map(({ id }) => view.status(id)));
  return statuses.flatMap(({ id, hints }) =>
    Object.entries(hints).filter(([, count]) => count > 0)
      .map(([target, count]) => ({ node: id, target, count }))
  );
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
