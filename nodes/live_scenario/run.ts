/**
 * Carries a scenario out on real processes, in the phases of a simulated run (`run_driver.ts`): clients
 * work while faults happen; everything is healed; replicas must become equal within a bound. The
 * verdict is the simulator's checkers', as far as they can see from outside.
 *
 * Real time passes as fast as it does: what took 40 s in virtual time takes 40 s. Without virtual time
 * there is no trace hash, and two runs of one scenario differ.
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
import { type Convergence, inTurns, untilConverged } from "../cluster/cluster_convergence.ts";
import { ClusterView } from "../cluster/cluster_view.ts";
import { launchCluster, type RunningCluster } from "../cluster/launcher.ts";
import { LinkFaults } from "../faults/link_faults.ts";
import { ScenarioClients } from "./clients.ts";
import { judgeLiveRun } from "./evidence.ts";
import { isMembershipFault, ScenarioFaults } from "./faults.ts";
import { FollowedRing, type Settling, untilSettled } from "./membership.ts";
import type { ActKind } from "./membership_orders.ts";
import { RestAsker } from "./requests.ts";
import { requireRunnable, type SkippedFault, unsupportedFaults, withoutFaults } from "./support.ts";

export interface LiveRunOptions {
  /** Leave out what does not exist on real processes, and say so in the result. */
  readonly skipUnsupported?: boolean;
  /** Aborted: the load ends early, and what was done so far is judged. */
  readonly signal?: AbortSignal;
  readonly onFault?: (fault: Fault, begins: boolean, atMs: number) => void;
  readonly onHealing?: () => void;
  /** Given each line that a node writes on stderr. */
  readonly onOutput?: (id: NodeId, line: string) => void;
}

export interface LiveRunResult {
  readonly name: string;
  readonly seed: number;
  /** No asserted checker found anything. */
  readonly ok: boolean;
  readonly operations: RunResult["operations"];
  readonly checks: readonly CheckResult[];
  /** Of asserted checkers only, the first few each. */
  readonly violations: readonly Violation[];
  /** Acknowledged writes that are gone because every disk that had acknowledged them was wiped. */
  readonly excused: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Acts of membership that the cluster accepted; others made no sense when they came. */
  readonly committed: Readonly<Partial<Record<ActKind, number>>>;
  readonly skipped: readonly SkippedFault[];
  readonly loadMs: number;
  readonly convergence: Convergence;
}

/** Some of the scenario's faults do not exist on real processes. */
export class UnsupportedFaultsError extends Error {
  override name = "UnsupportedFaultsError";

  constructor(readonly faults: readonly SkippedFault[]) {
    const list = faults.map(({ index, kind, why }) => `faults[${index}] (${kind}): ${why}`);
    super(`these faults cannot happen on real processes:\n  ${list.join("\n  ")}`);
  }
}

/** Longer than a node may take by any timeout of a scenario's. */
const READ_MS = 60_000;
/** A forward is remembered for two timeouts, and its answer may take another. */
const SETTLE_TIMEOUTS = 3;

/**
 * Throws {@link UnsupportedFaultsError}; `ConfigError` for a scenario that is too large for one machine;
 * what `launchCluster` throws; and `LaunchError` when a node does not come back.
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
  const asker = new RestAsker(
    (node) => cluster.node(node),
    clientLinks,
    latency,
    random.child("clients"),
  );
  const clients = new ScenarioClients({ scenario, world: followed, asker, nowUs });
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

/** Within the bound: what anti-entropy has to make equal begins where the moves end. */
function allMoved(
  view: ClusterView,
  faults: ScenarioFaults,
  { convergeWithinMs }: Scenario,
  signal: AbortSignal,
): Promise<Settling> {
  return untilSettled(view, () => faults.isAtRest, convergeWithinMs, signal);
}

/** The load, until it is done, its time is over, or it is asked to end; then what is under way may end. */
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

/** What was under way when everything was healed has had its effects, or never will. */
async function settled({ config }: Scenario, { operations }: History): Promise<void> {
  const longestMs = operations.reduce(
    (most, { options }) => Math.max(most, options.timeoutMs),
    config.timeoutMs,
  );
  await new Promise((resolve) => setTimeout(resolve, SETTLE_TIMEOUTS * longestMs));
}

/** Anti-entropy makes the owners equal without anybody reading. */
function healsItself({ config }: Scenario): boolean {
  return config.antiEntropyIntervalMs > 0 && config.gossipIntervalMs > 0;
}

/** Reads at R = all owners, which repair reads what differs. */
async function readAll(
  ring: Ring,
  urlOf: (node: NodeId) => string,
  keys: readonly string[],
): Promise<void> {
  await inTurns(keys, async (key) => {
    const owners = ring.primariesOfKey(key);
    const url = `${urlOf(owners[0] as NodeId)}/kv/${encodeURIComponent(key)}?r=${owners.length}`;
    // Any answer will do: an absent key, siblings, or too few owners for now.
    const answer = await attemptHttp(fetch, { method: "GET", url, timeoutMs: READ_MS });
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
