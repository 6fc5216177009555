/**
 * What the experiments need of a cluster of real processes. `nodes/` starts them; this room only says
 * what it needs, because it runs in browsers too.
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

/** Starts a cluster and resolves when every node serves. */
export type ClusterLauncher = (plan: LiveClusterPlan) => Promise<LiveCluster>;
