/** How a cluster of local node processes is launched. */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialConfigOptions } from "../process/cluster_config_file.ts";

export interface LaunchOptions extends InitialConfigOptions {
  /**
   * The first port; the nodes use consecutive ones. 0: any free ports. Left out: the ports that the
   * cluster used last, or for a new cluster `PORT_DEFAULT` and the following ones.
   */
  readonly port?: number;
  /** A directory that is kept, and from which the cluster can start again. Left out: a temporary one. */
  readonly dataDir?: string;
  /** A latency spec (`lib/random/latency.ts`) for the messages between nodes. */
  readonly latency?: string;
  /** Whether the nodes accept faults at `/faults`. */
  readonly allowFaults?: boolean;
  /**
   * Ids of spare nodes: they are not members and not started. `restart` starts one, and the caller lets
   * it join. Spares are not stored for a later start. Passing `spares`, even an empty list, makes the
   * caller responsible for the membership: the launcher keeps nodes that have left or were removed.
   */
  readonly spares?: readonly NodeId[];
  /** Called with each line that a node writes to stderr. */
  readonly onOutput?: (id: NodeId, line: string) => void;
  /** Aborting ends a start in progress. */
  readonly signal?: AbortSignal;
}
