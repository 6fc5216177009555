/**
 * What the experiments need from a cluster of real processes. `nodes/` starts clusters. This room
 * only declares the interface, because it also runs in browsers.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";

export interface LiveClusterPlan {
  readonly nodes: number;
  readonly config: Partial<ClusterConfig>;
  /** A latency spec, injected at the caller of each message. */
  readonly latency?: string;
  readonly seed?: string;
}

export interface LiveCluster {
  readonly nodes: readonly { readonly id: string; readonly url: string }[];
  close(): Promise<void>;
}

/** Starts a cluster. Resolves when every node serves requests. */
export type ClusterLauncher = (plan: LiveClusterPlan) => Promise<LiveCluster>;
