/**
 * Timed reads on real processes, over HTTP and in real time. Timers are inexact, so every read
 * records its actual age. Compare it with the model at that age.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { PointContext } from "../experiment.ts";
import type { Quorums } from "../parameters.ts";
import { StalenessHistory } from "../stats/staleness.ts";
import { type AtTime, repliesOf, TimedReads } from "../workload/timed_reads.ts";
import type { LiveCluster } from "./live_cluster.ts";
import { type LiveDone, livePut, liveRead, primariesOf } from "./live_requests.ts";

interface LiveTimedReadsPlan {
  readonly nodes: number;
  readonly quorums: Quorums;
  /** The latency spec of the messages between the nodes, injected at the caller. */
  readonly latency: string;
  readonly timesMs: readonly number[];
  readonly trials: number;
  /** Writes of each key, one after the other; 1 by default. */
  readonly versions?: number;
  /** Trials in parallel. */
  readonly concurrency: number;
  readonly config?: Partial<ClusterConfig>;
}

/** Trials that come first and are not measured: connections open, and code is compiled. */
const WARM_UP = 400;
/** Long timeouts, so that no replica is passed over; repair is off by default. */
const UNHURRIED: Partial<ClusterConfig> = {
  timeoutMs: 60_000,
  patienceMs: 60_000,
  sloppy: false,
  hintedHandoff: false,
  readRepair: false,
  antiEntropyIntervalMs: 0,
};

/** Starts a cluster, runs the trials and stops the cluster. Rejects when the signal is aborted. */
export async function liveTimedReads(
  plan: LiveTimedReadsPlan,
  context: PointContext,
): Promise<TimedReads> {
  if (context.launch === undefined) throw new Error("the live engine needs a launcher");
  const { nodes, latency, quorums, config } = plan;
  const cluster = await context.launch({
    nodes,
    latency,
    seed: `${context.seed}`,
    config: { ...quorums, ...UNHURRIED, ...config },
  });
  try {
    return await new LiveTrials(cluster, plan, context).run();
  } finally {
    await cluster.close();
  }
}

class LiveTrials {
  private readonly history = new StalenessHistory();
  private begun = 0;

  constructor(
    private readonly cluster: LiveCluster,
    private readonly plan: LiveTimedReadsPlan,
    private readonly context: PointContext,
  ) {}

  async run(): Promise<TimedReads> {
    const { plan: { timesMs, trials, concurrency }, context: { signal, onProgress } } = this;
    const warmUp = new TimedReads([0]);
    const found = new TimedReads(timesMs);
    const total = WARM_UP + trials;
    const client = async () => {
      while (this.begun < total && !signal.aborted) {
        await this.trial(++this.begun <= WARM_UP ? warmUp : found);
        onProgress(this.begun / total);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, client));
    signal.throwIfAborted();
    return found;
  }

  private async trial(found: TimedReads): Promise<void> {
    const { plan: { versions = 1 }, history } = this;
    const key = `key-${this.begun}`;
    const owners = await primariesOf(this.cluster, key);
    let context: string | null = null;
    let ackedMs = 0;
    for (let version = 1; version <= versions; version++) {
      const done: LiveDone = await livePut(this.one(owners), key, `${version}`, context);
      ackedMs = performance.now();
      if (done.outcome !== "ok") {
        found.failed++;
        return;
      }
      history.acknowledged(key, version, ackedMs);
      found.writeMs.record(done.tookMs);
      context = done.context;
    }
    await Promise.all(found.times.map((at) => this.read(found, at, key, owners, ackedMs)));
  }

  private async read(
    found: TimedReads,
    at: AtTime,
    key: string,
    owners: readonly string[],
    ackedMs: number,
  ): Promise<void> {
    if (at.t > 0) await sleepUntil(ackedMs + at.t);
    const startedMs = performance.now();
    const done = await liveRead(this.one(owners), key);
    if (done.outcome !== "ok") {
      found.failed++;
      return;
    }
    found.readMs.record(done.tookMs);
    const returned = done.siblings.map(({ value, dot }) => ({ version: Number(value), dot }));
    const judged = this.history.read({
      key,
      startedMs,
      versions: returned.map(({ version }) => version),
      replies: repliesOf(done.replicas, returned, this.plan.quorums.r),
    });
    if (judged !== null) found.note(at, judged);
  }

  private one(urls: readonly string[]): string {
    return urls[Math.floor(this.context.random.float() * urls.length)] as string;
  }
}

function sleepUntil(atMs: number): Promise<void> {
  // Timers fire about a millisecond late.
  const ms = Math.max(0, atMs - performance.now() - 1);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
