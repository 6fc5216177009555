/** A workload in virtual time. Every operation asks a random node. */
import type { PointContext } from "../experiment.ts";
import { loadsOf, type Tallies, type WorkloadPlan } from "../workload/workload_plan.ts";
import type { SimulatedCluster } from "./simulated_cluster.ts";
import { runSimulatedLoad, SimulatedSession } from "./simulated_load.ts";

/** Runs the workload to its end, in virtual time. */
export function simulateWorkload(
  cluster: SimulatedCluster,
  plan: WorkloadPlan,
  { random, onProgress }: Pick<PointContext, "random" | "onProgress">,
): Tallies {
  const nodes = random.child("nodes");
  const common = {
    session: new SimulatedSession(cluster),
    node: () => cluster.anyNode(nodes),
  };
  const { fill, phases } = loadsOf(plan);
  if (fill !== null) {
    runSimulatedLoad(cluster, { ...fill, ...common, random: random.child("fill") });
  }
  const tallies = phases.flatMap((load, phase) => {
    const run = runSimulatedLoad(cluster, {
      ...load,
      ...common,
      random: random.child(`phase ${phase}`),
      onProgress: (share) => onProgress((phase + share) / phases.length),
    });
    return [...run.tallies];
  });
  return new Map(tallies);
}
