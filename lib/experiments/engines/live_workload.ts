/**
 * A workload on real processes, over HTTP and in real time. Every operation asks a random node. A
 * put carries the context that was last seen of the key.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import type { PointContext } from "../experiment.ts";
import type { Operation } from "../workload/mixes.ts";
import type { RequestOutcome, Tally } from "../workload/tally.ts";
import { modified } from "../workload/values.ts";
import { runLoad } from "../workload/wall_clock_load.ts";
import { loadsOf, type Tallies, type WorkloadPlan } from "../workload/workload_plan.ts";
import type { LiveCluster } from "./live_cluster.ts";
import { type LiveDone, liveGet, livePut, liveUpdate } from "./live_requests.ts";

/**
 * Starts a cluster, runs the workload and stops the cluster. Rejects when the signal is aborted.
 */
export async function liveWorkload(
  plan: WorkloadPlan,
  config: Partial<ClusterConfig>,
  { launch, random, seed, signal, onProgress }: PointContext,
): Promise<Tallies> {
  if (launch === undefined) throw new Error("the live engine needs a launcher");
  const { nodes, latency, quorums } = plan;
  const cluster = await launch({
    nodes,
    latency,
    seed: `${seed}`,
    config: { ...quorums, ...config },
  });
  try {
    const session = new Session(cluster, random.child("nodes"));
    const common = {
      signal,
      send: (operation: Operation, key: string, value: Uint8Array) =>
        session.perform(operation, key, value),
    };
    const { fill, phases } = loadsOf(plan);
    if (fill !== null) await runLoad({ ...fill, ...common, random: random.child("fill") });
    const tallies = new Map<Operation, Tally>();
    for (const [phase, load] of phases.entries()) {
      const run = await runLoad({
        ...load,
        ...common,
        random: random.child(`phase ${phase}`),
        onProgress: ({ attempted, count }) =>
          onProgress((phase + attempted / count) / phases.length),
      });
      for (const [operation, tally] of run.tallies) tallies.set(operation, tally);
    }
    signal.throwIfAborted();
    return tallies;
  } finally {
    await cluster.close();
  }
}

class Session {
  private readonly contexts = new Map<string, string>();
  private readonly decoder = new TextDecoder();

  constructor(private readonly cluster: LiveCluster, private readonly random: SeededRandom) {}

  async perform(operation: Operation, key: string, value: Uint8Array): Promise<RequestOutcome> {
    const done = await this.send(operation, key, value);
    if (done.context !== null) this.contexts.set(key, done.context);
    return done.outcome;
  }

  private send(operation: Operation, key: string, value: Uint8Array): Promise<LiveDone> {
    const { nodes } = this.cluster;
    const url = nodes[Math.floor(this.random.float() * nodes.length)]?.url ?? "";
    const text = this.decoder.decode(value);
    switch (operation) {
      case "get":
        return liveGet(url, key);
      case "put":
      case "insert":
        // Without the context of what was last seen of the key, siblings would pile up.
        return livePut(url, key, text, this.contexts.get(key) ?? null);
      case "read-modify-write":
        return liveUpdate(url, key, (values) => modified(values, text));
    }
  }
}
