/** Clusters of real processes for live experiments: the launcher behind `lib/experiments`' interface. */
import type { ClusterLauncher } from "../../lib/experiments/engines/live_cluster.ts";
import { launchCluster } from "./launcher.ts";

/** Starts clusters that close at the latest when `signal` aborts, so no process outlives the run. */
export function clusterLauncher(signal: AbortSignal): ClusterLauncher {
  return async ({ nodes, config, latency, seed }) => {
    const cluster = await launchCluster({
      nodes,
      config,
      port: 0,
      signal,
      ...(latency === undefined ? {} : { latency }),
      ...(seed === undefined ? {} : { seed }),
    });
    let closing: Promise<void> | null = null;
    const close = () => closing ??= cluster.close();
    signal.addEventListener("abort", close, { once: true });
    return {
      nodes: cluster.nodes.map(({ id, url }) => ({ id, url })),
      close: async () => {
        signal.removeEventListener("abort", close);
        await close();
      },
    };
  };
}
