/**
 * A soak: real node processes under load while they are killed, paused and cut off from each other.
 * Then everything heals, and the disks must contain all acknowledged writes.
 */
import { SeededRandom } from "../../lib/random/seeded.ts";
import { type Convergence, untilConverged } from "../../nodes/cluster/cluster_convergence.ts";
import { ClusterView } from "../../nodes/cluster/cluster_view.ts";
import {
  launchCluster,
  type LaunchOptions,
  type RunningCluster,
} from "../../nodes/cluster/launcher.ts";
import { untilSettled } from "../../nodes/live_scenario/membership.ts";
import { AvailabilityMeter, type AvailabilityReport } from "./availability.ts";
import { Ledger, type OperationCounts } from "./ledger.ts";
import { type Act, Nemesis } from "./nemesis.ts";
import { SetClient } from "./set_client.ts";
import { type Verdict, verify } from "./verify.ts";

export interface SoakOptions {
  readonly launch: LaunchOptions;
  readonly clients: number;
  readonly keys: number;
  /** Duration of the load. */
  readonly seconds: number;
  readonly acts: readonly Act[];
  /** Mean duration of an act of the nemesis, ms. */
  readonly actMs: number;
  /** Time to converge after the last act, ms. */
  readonly settleMs: number;
  readonly seed: string;
  /** Ends the load early; what was written so far is verified. */
  readonly signal?: AbortSignal;
  readonly onAct?: (act: Act, nodes: readonly string[], atMs: number) => void;
  readonly onHealing?: () => void;
}

export interface SoakReport {
  readonly cluster: string;
  readonly nodes: number;
  readonly n: number;
  readonly r: number;
  readonly w: number;
  readonly clients: number;
  readonly seed: string;
  readonly loadMs: number;
  readonly acts: Readonly<Record<Act, number>>;
  readonly operations: Readonly<OperationCounts>;
  readonly availability: AvailabilityReport;
  /** From the end of the load until all membership changes are complete; null without joins. */
  readonly moves: { readonly settled: boolean; readonly tookMs: number } | null;
  readonly convergence: Convergence;
  readonly verdict: Verdict;
  /**
   * No write is lost, no refused or unknown one exists, all replicas are equal, no hint is left,
   * and all membership changes are complete.
   */
  readonly ok: boolean;
}

/** Throws like {@link launchCluster}, and `LaunchError` when a node does not restart. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { launch, signal } = options;
  const cluster = await launchCluster({
    ...launch,
    allowFaults: true,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    return await soak(cluster, options);
  } finally {
    await cluster.close();
  }
}

async function soak(cluster: RunningCluster, options: SoakOptions): Promise<SoakReport> {
  const random = SeededRandom.from(options.seed);
  const view = await ClusterView.of(cluster);
  const ledger = new Ledger();
  const meter = new AvailabilityMeter(cluster);
  const startedMs = performance.now();
  const nemesis = new Nemesis({
    cluster,
    random: random.child("nemesis"),
    acts: options.acts,
    actMs: options.actMs,
    onAct: (act, nodes) => options.onAct?.(act, nodes, performance.now() - startedMs),
    onCut: (isCut) => meter.isCut = isCut,
  });
  const over = AbortSignal.timeout(options.seconds * 1_000);
  const signal = options.signal === undefined ? over : AbortSignal.any([over, options.signal]);
  const keys = Array.from({ length: options.keys }, (_, i) => `set-${i}`);
  const clients = Array.from({ length: options.clients }, (_, i) =>
    new SetClient({
      name: `${i}`,
      nodes: () => cluster.nodes.map(({ url }) => url),
      keys,
      ledger,
      random: random.child(`client ${i}`),
      meter: meter.client(),
    }));
  await Promise.all([nemesis.run(signal), ...clients.map((client) => client.run(signal))]);
  const loadMs = Math.round(performance.now() - startedMs);
  meter.close();
  options.onHealing?.();
  const { acts, settleMs } = options;
  const moves = acts.includes("join") ? await untilMoved(view, nemesis, settleMs) : null;
  const leftMs = settleMs - (moves?.tookMs ?? 0);
  const convergence = await untilConverged(view, ledger.written, leftMs);
  const verdict = await verify(view, ledger);
  const { n, r, w } = cluster.initialConfig.config;
  return {
    cluster: cluster.id,
    nodes: cluster.nodes.length,
    n,
    r,
    w,
    clients: options.clients,
    seed: options.seed,
    loadMs,
    acts: nemesis.acts,
    operations: ledger.counts,
    availability: meter.report,
    moves,
    convergence,
    verdict,
    ok: moves?.settled !== false && convergence.converged && verdict.lost.length === 0 &&
      verdict.surfaced.length === 0 &&
      verdict.strangers.length === 0,
  };
}

async function untilMoved(view: ClusterView, nemesis: Nemesis, boundMs: number) {
  const never = new AbortController().signal;
  const { settled, tookMs } = await untilSettled(
    view,
    () => nemesis.areDecommissionsDone,
    boundMs,
    never,
  );
  return { settled, tookMs };
}
