/** What a cluster starts with. */
import type { RingState } from "../ring/ring_state.ts";
import type { ClusterConfig } from "./config.ts";
import type { Member } from "./ids.ts";

/** The initial configuration of a cluster: made once, and the same on every node. */
export interface InitialClusterConfig {
  readonly config: ClusterConfig;
  readonly members: readonly Member[];
  readonly ring: RingState;
}
