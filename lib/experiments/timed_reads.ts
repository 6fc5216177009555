/**
 * The experiment behind P(consistent at t): write a key, and so many milliseconds after the answer read
 * it; once for each t, of every trial. Every trial has a key of its own and every read a coordinator of
 * its own, drawn among the key's replicas, so nothing is measured twice.
 *
 * Read repair, hints and anti-entropy are off unless asked for: what a read sees is then the write's own
 * doing, as in the WARS model (`coordinator: replica`).
 */
import type { ClusterConfig } from "../dynamo/config.ts";
import type { ReplicaTrace } from "../dynamo/events.ts";
import { SeededRandom } from "../random/seeded.ts";
import { LatencyRecorder } from "./histogram.ts";
import type { Quorums } from "./parameters.ts";
import { SimulatedCluster, type Steps } from "./simulated_cluster.ts";

export interface TimedReadsPlan {
  readonly nodes: number;
  readonly quorums: Quorums;
  /** Legs between the nodes. */
  readonly latency: string;
  readonly timesMs: readonly number[];
  readonly trials: number;
  readonly seed: number;
  readonly config?: Partial<ClusterConfig>;
  readonly onProgress?: (share: number) => void;
}

/** What was seen at one t. */
export interface AtTime {
  readonly t: number;
  reads: number;
  latest: number;
  /** Of the first R replies: how many there were, and how many held the latest. */
  replies: number;
  latestReplies: number;
}

export interface TimedReads {
  readonly times: readonly AtTime[];
  readonly readMs: LatencyRecorder;
  readonly writeMs: LatencyRecorder;
  failed: number;
}

/** Trials that share a simulated cluster: then a fresh one, so that its disks stay small. */
const TRIALS_A_CLUSTER = 4_000;
const AT_ONCE = 64;
/** Nobody is passed over, or the model's tail would be cut. */
const UNHURRIED: Partial<ClusterConfig> = { timeoutMs: 600_000, patienceMs: 600_000 };

export function newTimedReads(timesMs: readonly number[]): TimedReads {
  return {
    times: timesMs.map((t) => ({ t, reads: 0, latest: 0, replies: 0, latestReplies: 0 })),
    readMs: new LatencyRecorder(),
    writeMs: new LatencyRecorder(),
    failed: 0,
  };
}

export function simulateTimedReads(plan: TimedReadsPlan): TimedReads {
  const found = newTimedReads(plan.timesMs);
  const random = SeededRandom.from(plan.seed);
  for (let done = 0; done < plan.trials; done += TRIALS_A_CLUSTER) {
    const trials = Math.min(TRIALS_A_CLUSTER, plan.trials - done);
    runBatch(plan, trials, random.child(`batch ${done}`), found);
    plan.onProgress?.((done + trials) / plan.trials);
  }
  return found;
}

function runBatch(
  { nodes, quorums, latency, config }: TimedReadsPlan,
  trials: number,
  random: SeededRandom,
  found: TimedReads,
): void {
  const cluster = new SimulatedCluster({
    nodes,
    config: { ...quorums, ...UNHURRIED, ...config },
    latency,
    seed: random.child("cluster").uint32(),
  });
  const choices = random.child("choices");
  let begun = 0;
  function* read(key: string, at: AtTime): Steps<void> {
    yield* cluster.sleep(at.t);
    const done = yield* cluster.get(cluster.primary(key, choices), key);
    if (done.outcome !== "ok") {
      found.failed++;
      return;
    }
    found.readMs.record(done.tookMs);
    countRead(at, done.values.length > 0, done.replicas, quorums.r);
  }
  function* writer(): Steps<void> {
    while (begun < trials) {
      const key = `key-${++begun}`;
      const done = yield* cluster.put(cluster.primary(key, choices), key, "dg==");
      if (done.outcome !== "ok") {
        found.failed++;
        continue;
      }
      found.writeMs.record(done.tookMs);
      for (const at of found.times) cluster.spawn(read(key, at));
      // Not all at once: what is in flight stays bounded.
      yield* cluster.sleep(1);
    }
  }
  for (let i = 0; i < AT_ONCE; i++) cluster.spawn(writer());
  cluster.run();
}

/** Notes one read; `isLatest` says what the client got, the traces what each replica had. */
export function countRead(
  at: AtTime,
  isLatest: boolean,
  replicas: readonly ReplicaTrace[],
  r: number,
): void {
  at.reads++;
  if (isLatest) at.latest++;
  const first = replicas.filter(({ outcome }) => outcome === "answered")
    .toSorted((a, b) => (a.answeredUs ?? 0) - (b.answeredUs ?? 0)).slice(0, r);
  at.replies += first.length;
  // One write a trial: whoever holds anything holds the latest.
  at.latestReplies += first.filter(({ dots }) => (dots?.length ?? 0) > 0).length;
}
