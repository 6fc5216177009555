/**
 * Timed reads in virtual time. Read repair, hints and anti-entropy are off by default. A read then
 * sees only what the write itself has sent, as in the WARS model (`coordinator: replica`).
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import { SeededRandom } from "../../random/seeded.ts";
import type { Quorums } from "../parameters.ts";
import { StalenessHistory } from "../stats/staleness.ts";
import { type AtTime, repliesOf, TimedReads } from "../workload/timed_reads.ts";
import { SimulatedCluster, type Steps, type WriteDone } from "./simulated_cluster.ts";

export interface SimulatedTimedReadsPlan {
  readonly nodes: number;
  readonly quorums: Quorums;
  /** The latency spec of the messages between the nodes. */
  readonly latency: string;
  readonly timesMs: readonly number[];
  readonly trials: number;
  /** Writes of each key, one after the other; 1 by default. */
  readonly versions?: number;
  readonly seed: number;
  readonly config?: Partial<ClusterConfig>;
  readonly onProgress?: (share: number) => void;
}

/**
 * Trials that share a simulated cluster. Then comes a new cluster, so that the disks stay small.
 */
const TRIALS_A_CLUSTER = 4_000;
const AT_ONCE = 64;
/** Long timeouts: passing over slow replicas would cut off the tail of the model. */
const UNHURRIED: Partial<ClusterConfig> = { timeoutMs: 600_000, patienceMs: 600_000 };

export function simulateTimedReads(plan: SimulatedTimedReadsPlan): TimedReads {
  const found = new TimedReads(plan.timesMs);
  const random = SeededRandom.from(plan.seed);
  for (let done = 0; done < plan.trials; done += TRIALS_A_CLUSTER) {
    const trials = Math.min(TRIALS_A_CLUSTER, plan.trials - done);
    runBatch(plan, trials, random.child(`batch ${done}`), found);
    plan.onProgress?.((done + trials) / plan.trials);
  }
  return found;
}

function runBatch(
  { nodes, quorums, latency, config, versions = 1 }: SimulatedTimedReadsPlan,
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
  const history = new StalenessHistory();
  const choices = random.child("choices");
  let begun = 0;
  function* read(key: string, at: AtTime): Steps<void> {
    yield* cluster.sleep(at.t);
    const startedMs = cluster.nowMs;
    const done = yield* cluster.get(cluster.primary(key, choices), key);
    if (done.outcome !== "ok") {
      found.failed++;
      return;
    }
    found.readMs.record(done.tookMs);
    const returned = done.values.map((value, i) => ({
      version: Number(atob(value)),
      dot: done.dots[i] as readonly [string, number],
    }));
    const judged = history.read({
      key,
      startedMs,
      versions: returned.map(({ version }) => version),
      replies: repliesOf(done.replicas, returned, quorums.r),
    });
    if (judged !== null) found.note(at, judged);
  }
  function* writeAll(key: string): Steps<boolean> {
    let context: CausalContext | null = null;
    for (let version = 1; version <= versions; version++) {
      const node = cluster.primary(key, choices);
      const done: WriteDone = yield* cluster.put(node, key, btoa(`${version}`), { context });
      if (done.outcome !== "ok") return false;
      history.acknowledged(key, version, cluster.nowMs);
      found.writeMs.record(done.tookMs);
      context = done.context;
    }
    return true;
  }
  function* writer(): Steps<void> {
    while (begun < trials) {
      const key = `key-${++begun}`;
      if (!(yield* writeAll(key))) {
        found.failed++;
        continue;
      }
      for (const at of found.times) cluster.spawn(read(key, at));
      // A pause limits the number of reads in flight.
      yield* cluster.sleep(1);
    }
  }
  for (let i = 0; i < AT_ONCE; i++) cluster.spawn(writer());
  cluster.run();
}
