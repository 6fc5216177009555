/**
 * Simulated clusters in which nodes fail. The mechanisms that handle failures are on, and the
 * failure detector has time to notice failed nodes before anything is measured.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { SimulatedCluster, type SimulatedClusterPlan } from "./simulated_cluster.ts";

/** Gossip twice per second, so that half a virtual minute is enough. */
const RESILIENT: Partial<ClusterConfig> = {
  gossipIntervalMs: 500,
  hintedHandoff: true,
  timeoutMs: 1_000,
  patienceMs: 100,
  siblingsMax: 10_000,
};
/**
 * By then, all running nodes believe a failed node to be down (phi 8, two heartbeats per second).
 */
export const NOTICED_MS = 20_000;
/** Longer than any experiment. */
const FOR_GOOD_MS = 86_400_000;

export function resilientCluster(plan: SimulatedClusterPlan): SimulatedCluster {
  return new SimulatedCluster({ ...plan, config: { ...RESILIENT, ...plan.config } });
}

/** Stops random nodes for good, and returns the remaining ones. */
export function failNodes(
  cluster: SimulatedCluster,
  count: number,
  random: SeededRandom,
): string[] {
  const left = [...cluster.ids];
  for (let i = 0; i < count; i++) {
    const [node] = left.splice(Math.floor(random.float() * left.length), 1);
    if (node === undefined) {
      throw new RangeError(`count must be at most ${i}, the number of nodes: it is ${count}`);
    }
    crash(cluster, node, FOR_GOOD_MS);
  }
  return left;
}

/** Stops a node's process now. It restarts after `downMs`. */
export function crash(cluster: SimulatedCluster, node: string, downMs: number): void {
  cluster.simulation.inject({ kind: "crash", atMs: cluster.nowMs, node, downMs });
}

/** A random running node; undefined when none is running. */
export function liveNode(cluster: SimulatedCluster, random: SeededRandom): string | undefined {
  const up = cluster.ids.filter((id) => cluster.isUp(id));
  return up[Math.floor(random.float() * up.length)];
}
