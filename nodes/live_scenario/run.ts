/**
 * Runs a scenario on real processes, in the same phases as a simulated run (`run_driver.ts`). Clients
 * send requests while faults happen; then all faults are healed; then replicas must become equal within
 * a bound. Those of the simulator's checkers that need no view inside the nodes decide.
 *
 * It runs in real time: 40 s of virtual time take 40 s. There is no trace hash, and two runs of one
 * scenario differ.
 */
import { attemptHttp } from "../../lib/client/http.ts";
import { NodeError } from "../../lib/client/node_requests.ts";
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { parseDistribution } from "../../lib/random/latency.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import type { CheckResult, Violation } from "../../lib/simulation/checkers/mod.ts";
import type { Fault, FaultKind } from "../../lib/simulation/faults/faults.ts";
import type { OutcomeCounts, RunResult } from "../../lib/simulation/run.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import type { History } from "../../lib/simulation/workload/history.ts";
import { initialConfigOf } from "../../lib/simulation/world/cluster.ts";
import {
  type Convergence,
  forEachConcurrently,
  untilConverged,
} from "../cluster/cluster_convergence.ts";
import { ClusterView } from "../cluster/cluster_view.ts";
import { launchCluster, type RunningCluster } from "../cluster/launcher.ts";
import { LinkFaults } from "../faults/link_faults.ts";
import { ScenarioClients } from "./clients.ts";
import { judgeLiveRun } from "./evidence.ts";
import { isMembershipFault, ScenarioFaults } from "./faults.ts";
import { FollowedRing, type Settling, untilSettled } from "./membership.ts";
import type { ActKind } from "./membership_orders.ts";
import { RestSender } from "./requests.ts";
import { requireRunnable, type SkippedFault, unsupportedFaults, withoutFaults } from "./support.ts";

export interface LiveRunOptions {
  /** Skip faults that are not possible on real processes, and list them in the result. */
  readonly skipUnsupported?: boolean;
  /** Aborting ends the load early. What was done until then is checked. */
  readonly signal?: AbortSignal;
  readonly onFault?: (fault: Fault, begins: boolean, atMs: number) => void;
  readonly onHealing?: () => void;
  /** Called with each line that a node writes to stderr. */
  readonly onOutput?: (id: NodeId, line: string) => void;
}

export interface LiveRunResult {
  readonly name: string;
  readonly seed: number;
  /** Whether no asserted checker found a violation. */
  readonly ok: boolean;
  readonly operations: RunResult["operations"];
  readonly checks: readonly CheckResult[];
  /** The first few of each asserted checker. */
  readonly violations: readonly Violation[];
  /** Acknowledged writes that may be lost, because every disk that acknowledged them was wiped. */
  readonly excused: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Membership changes that the cluster committed; others were not possible. */
  readonly committed: Readonly<Partial<Record<ActKind, number>>>;
  readonly skipped: readonly SkippedFault[];
  readonly loadMs: number;
  readonly convergence: Convergence;
}

/** Some of the scenario's faults are not possible on real processes. */
export class UnsupportedFaultsError extends Error {
  override name = "UnsupportedFaultsError";

  constructor(readonly faults: readonly SkippedFault[]) {
    const list = faults.map(({ index, kind, why }) => `faults[${index}] (${kind}): ${why}`);
    super(`these faults are not possible on real processes:\n  ${list.join("\n  ")}`);
  }
}

/** Longer than any timeout of a scenario. */
const READ_TIMEOUT_MS = 60_000;
/** Nodes remember a forward for two timeouts, and its answer may take another one. */
const SETTLE_TIMEOUTS = 3;

/**
 * Throws {@link UnsupportedFaultsError}; `ConfigError` if the scenario is too large for one machine; the
 * errors of `launchCluster`; and `LaunchError` if a node does not start again.
 */
export async function runScenarioLive(
  whole: Scenario,
  options: LiveRunOptions = {},
): Promise<LiveRunResult> {
  requireRunnable(whole);
  const skipped = unsupportedFaults(whole);
  if (skipped.length > 0 && options.skipUnsupported !== true) {
    throw new UnsupportedFaultsError(skipped);
  }
  const scenario = withoutFaults(whole, skipped);
  const { members, ring } = initialConfigOf(scenario);
  const { onOutput, signal } = options;
  const cluster = await launchCluster({
    nodes: members.length,
    drawn: { members, ring },
    config: scenario.config,
    latency: scenario.network.latency,
    port: 0,
    allowFaults: true,
    spares: scenario.spares.map(({ id }) => id),
    ...(onOutput === undefined ? {} : { onOutput }),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    return { ...await carryOut(cluster, scenario, options), skipped };
  } finally {
    await cluster.close();
  }
}

async function carryOut(
  cluster: RunningCluster,
  scenario: Scenario,
  { signal, onFault, onHealing }: LiveRunOptions,
): Promise<Omit<LiveRunResult, "skipped">> {
  const followed = new FollowedRing(Ring.over(cluster.initialConfig.ring, scenario.config.n));
  const view = await ClusterView.of(cluster, followed);
  const mayMove = scenario.faults.some(isMembershipFault);
  const random = SeededRandom.from(scenario.seed).child("live");
  const startedMs = performance.now();
  const nowUs = () => Math.round((performance.now() - startedMs) * 1_000);
  const clientLinks = new LinkFaults(random.child("client links"), nowUs);
  const faults = new ScenarioFaults({
    cluster,
    scenario,
    clientLinks,
    nowUs,
    random: random.child("membership"),
    onFault: (fault, begins) => onFault?.(fault, begins, nowUs() / 1_000),
  });
  const urlOf = (node: NodeId) => cluster.node(node).url;
  const latency = parseDistribution(scenario.network.clients);
  const sender = new RestSender(
    (node) => cluster.node(node),
    clientLinks,
    latency,
    random.child("clients"),
  );
  const clients = new ScenarioClients({ scenario, world: followed, sender, nowUs });
  const ended = new AbortController();
  const asked = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  try {
    if (mayMove) followed.follow(view);
    faults.begin();
    await Promise.race([work(clients, scenario, asked), faults.failure]);
    const loadMs = Math.round(nowUs() / 1_000);
    onHealing?.();
    await faults.heal();
    await settled(scenario, clients.history);
    const settling = mayMove
      ? await Promise.race([allMoved(view, faults, scenario, ended.signal), faults.failure])
      : null;
    followed.end();
    followed.ring = settling?.views[0]?.ring ?? followed.ring;
    const { ring } = followed;
    const convergence = await untilConverged(
      view,
      [...clients.keys],
      scenario.convergeWithinMs - (settling?.tookMs ?? 0),
      healsItself(scenario) ? undefined : (keys) => readAll(ring, urlOf, keys),
    );
    const { history, keys } = clients;
    const { wipes, crashes, injected, committed } = faults;
    const rings = settling?.views.map((each) => each.ring) ?? [ring];
    const hasMoved = Object.keys(committed).length > 0;
    const run = { scenario, history, keys, rings, hasMoved, settling, wipes, crashes, convergence };
    const checks = await judgeLiveRun(view, run);
    return {
      ...verdictOf(checks),
      ...figuresOf(scenario, history),
      faults: injected,
      committed,
      loadMs,
      convergence,
    };
  } finally {
    ended.abort();
    followed.end();
    faults.close();
  }
}

/** Waits until the membership changes are complete. Convergence gets the rest of the bound. */
function allMoved(
  view: ClusterView,
  faults: ScenarioFaults,
  { convergeWithinMs }: Scenario,
  signal: AbortSignal,
): Promise<Settling> {
  return untilSettled(view, () => faults.isAtRest, convergeWithinMs, signal);
}

/** Runs the load until it is done, its time is over or `asked` aborts. Completes open operations. */
async function work(
  clients: ScenarioClients,
  { durationMs }: Scenario,
  asked: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), durationMs);
  try {
    await clients.run(AbortSignal.any([over.signal, asked]));
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until requests that were in progress at the healing can have no more effects. */
async function settled({ config }: Scenario, { operations }: History): Promise<void> {
  const longestMs = operations.reduce(
    (most, { options }) => Math.max(most, options.timeoutMs),
    config.timeoutMs,
  );
  await new Promise((resolve) => setTimeout(resolve, SETTLE_TIMEOUTS * longestMs));
}

/** Whether anti-entropy makes the owners equal without reads. */
function healsItself({ config }: Scenario): boolean {
  return config.antiEntropyIntervalMs > 0 && config.gossipIntervalMs > 0;
}

/** Reads from all owners of each key, so that read repair makes them equal. */
async function readAll(
  ring: Ring,
  urlOf: (node: NodeId) => string,
  keys: readonly string[],
): Promise<void> {
  await forEachConcurrently(keys, async (key) => {
    const owners = ring.primariesOfKey(key);
    const url = `${urlOf(owners[0] as NodeId)}/kv/${encodeURIComponent(key)}?r=${owners.length}`;
    // The status does not matter: the key may be absent, or too few owners may answer for now.
    const answer = await attemptHttp(fetch, { method: "GET", url, timeoutMs: READ_TIMEOUT_MS });
    if (!("response" in answer)) throw new NodeError(answer);
  });
}

function verdictOf(checks: readonly CheckResult[]) {
  const asserted = checks.filter((check) => check.asserted);
  const violations = asserted.flatMap((check) => check.violations);
  const excused = asserted.reduce((sum, each) => sum + each.excused, 0);
  return { ok: violations.length === 0, checks, violations, excused };
}

function figuresOf({ name, seed }: Scenario, { operations }: History) {
  const zero = () => ({ ok: 0, failed: 0, indeterminate: 0 });
  const total = zero();
  const byKind: Record<string, OutcomeCounts & ReturnType<typeof zero>> = {};
  for (const { kind, outcome } of operations) {
    const counts = byKind[kind] ??= zero();
    const ended = outcome === "pending" ? "indeterminate" : outcome;
    counts[ended]++;
    total[ended]++;
  }
  return { name, seed, operations: { total: operations.length, ...total, byKind } };
}
