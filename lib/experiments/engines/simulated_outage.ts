/**
 * Clusters in which nodes fail: what works around failures is on, since that is what is studied, and the
 * failure detector is given time to notice before anything is measured.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { SimulatedCluster, type SimulatedClusterPlan } from "./simulated_cluster.ts";

/** Gossip twice a second, so that a virtual half minute shows everything. */
const RESILIENT: Partial<ClusterConfig> = {
  gossipIntervalMs: 500,
  hintedHandoff: true,
  timeoutMs: 1_000,
  patienceMs: 100,
  siblingsMax: 10_000,
};
/** By then every node has been believed down by all that live: phi 8 at half-second heartbeats. */
export const NOTICED_MS = 20_000;
/** Longer than any experiment: down for good. */
const FOR_GOOD_MS = 86_400_000;

export function resilientCluster(plan: SimulatedClusterPlan): SimulatedCluster {
  return new SimulatedCluster({ ...plan, config: { ...RESILIENT, ...plan.config } });
}

/** Ends that many nodes, drawn at random, for good; returns those left. */
export function failNodes(
  cluster: SimulatedCluster,
  count: number,
  random: SeededRandom,
): string[] {
  const left = [...cluster.ids];
  for (let i = 0; i < count; i++) {
    const [node] = left.splice(Math.floor(random.float() * left.length), 1);
    if (node === undefined) throw new RangeError(`cannot fail ${count} of ${i} nodes`);
    crash(cluster, node, FOR_GOOD_MS);
  }
  return left;
}

/** Ends a node's process now; it starts again after so long. */
export function crash(cluster: SimulatedCluster, node: string, downMs: number): void {
  cluster.simulation.inject({ kind: "crash", atMs: cluster.nowMs, node, downMs });
}

/** One of the nodes that run, at random; undefined when none does. */
export function liveNode(cluster: SimulatedCluster, random: SeededRandom): string | undefined {
  const up = cluster.ids.filter((id) => cluster.isUp(id));
  return up[Math.floor(random.float() * up.length)];
}
