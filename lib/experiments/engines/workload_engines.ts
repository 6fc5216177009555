/** Runs a workload on any engine. */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { PointContext } from "../experiment.ts";
import type { Tallies, WorkloadPlan } from "../workload/workload_plan.ts";
import { liveWorkload } from "./live_workload.ts";
import { modelWorkload } from "./modelled_workload.ts";
import { SimulatedCluster } from "./simulated_cluster.ts";
import { simulateWorkload } from "./simulated_workload.ts";

/**
 * No background work and long timeouts: latencies then depend on an operation's own messages only.
 */
const CONFIG: Partial<ClusterConfig> = {
  sloppy: false,
  hintedHandoff: false,
  readRepair: false,
  antiEntropyIntervalMs: 0,
  timeoutMs: 60_000,
  patienceMs: 60_000,
  siblingsMax: 10_000,
};

/**
 * The delays of the original Dynamo Simulator. It slept for 0 to 20 ms, drawn uniformly, on request
 * legs only. A forward has two messages, each with half of that.
 */
export const ONE_LEG = "W=uniform(0,20);A=0;R=uniform(0,20);S=0;other=uniform(0,10)";

export async function runPlan(plan: WorkloadPlan, context: PointContext): Promise<Tallies> {
  const { nodes, latency, quorums } = plan;
  switch (context.engine) {
    case "model":
      return modelWorkload(plan, context.random);
    case "simulated": {
      const config = { ...quorums, ...CONFIG };
      const cluster = new SimulatedCluster({ nodes, latency, seed: context.seed, config });
      return simulateWorkload(cluster, plan, context);
    }
    case "live":
      return await liveWorkload(plan, CONFIG, context);
  }
}
