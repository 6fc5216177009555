/**
 * What a run on real processes leaves behind, put before the simulator's own checkers: the clients'
 * history, and what is on the disks in the end.
 *
 * Nobody sees real disks from moment to moment. So that an acknowledged write was durable at the time
 * is taken on trust (killing nodes tests it all the same), and checkers of the replicas' inside are not
 * asked. Checkers of how long something took report only: the machine may have been busy with other
 * things, which no scenario names.
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
import { copiesLeftBehind, type Settling } from "./membership.ts";
import { type ShownValue, valueOf } from "./requests.ts";

const reportsOnly = (checker: Checker): Checker => ({ ...checker, asserted: () => false });

/** Those that can be asked from outside. */
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
  /** As each member sees it in the end. */
  readonly rings: readonly Ring[];
  /** Acts of membership were committed to: ranges may have moved. */
  readonly hasMoved: boolean;
  /** The acts are done and what they move has moved; null where there were none. */
  readonly settling: Settling | null;
  readonly wipes: readonly Wipe[];
  readonly convergence: Convergence;
  /** Processes that ended by themselves. */
  readonly crashes: readonly string[];
}

/** Reads the disks and asks the checkers. */
export async function judgeLiveRun(view: ClusterView, run: LiveRun): Promise<CheckResult[]> {
  const keys = [...run.keys];
  const held = await forEachConcurrently(keys, (key) => heldByPrimaries(view, key));
  const holdings = new Map(keys.map((key, i) => [key, (held[i] ?? []).map(holdingOf)]));
  const hintsLeft = await view.hintsByHolder();
  const [ring] = run.rings;
  const leftBehind = ring !== undefined && run.hasMoved ? await copiesLeftBehind(view, ring) : [];
  const evidence = evidenceOf(run, holdings, { hintsLeft, leftBehind });
  return [
    crashCheck(run),
    ...(run.settling === null ? [] : [settlingCheck(run.settling)]),
    ...runCheckers(run.scenario, evidence, LIVE_CHECKERS),
  ];
}

/** `final`: what the owners of every key hold; `rest`: what else is on the disks. */
export function evidenceOf(
  run: LiveRun,
  final: ReadonlyMap<string, readonly Holding[]>,
  rest: Pick<Evidence, "hintsLeft" | "leftBehind">,
): Evidence {
  const { scenario, history, rings, wipes, convergence: { converged, keysDiffering }, keys } = run;
  const nodes = [...scenario.nodes, ...scenario.spares].map(({ id }) => id);
  const record = new TrustingRecord(history);
  for (const { node, at } of wipes) {
    for (const key of keys) record.destroyed(nodes.indexOf(node), key, "wiped", at);
  }
  excuse(record, run);
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
    ...rest,
    rules: versioning(scenario.config.mode),
    rings,
    members: rings[0]?.state.members.length ?? 0,
    memberData: [],
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

/**
 * A write whose every acknowledging disk was wiped afterwards may be gone without anybody's fault. Once
 * ranges have moved nobody outside can tell which disks had it: then as many wiped ones excuse.
 */
function excuse(record: RunRecord, { history, wipes, hasMoved }: LiveRun): void {
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
  const message = `acts or moves are still under way ${tookMs} ms after healing`;
  return {
    name,
    about: "every act of membership is decided, and what it moves has moved, within the bound",
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
