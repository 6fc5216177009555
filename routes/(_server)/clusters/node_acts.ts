/** Actions on a node's process, for the API and the forms. */
import { NODE_ACTS, type NodeAct } from "../../../islands/models/api.ts";
import { allowedActs } from "../../../islands/models/cluster_model.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { type LaunchedCluster, requireNode } from "./launched_cluster.ts";
import type { LiveCluster } from "./live_cluster.ts";

const ACTS: Record<NodeAct, (cluster: LaunchedCluster, id: string) => Promise<void>> = {
  kill: (cluster, id) => cluster.kill(id),
  stop: (cluster, id) => cluster.stop(id),
  pause: (cluster, id) => cluster.pause(id),
  resume: (cluster, id) => cluster.resume(id),
  restart: (cluster, id) => cluster.restart(id),
  wipe: (cluster, id) => cluster.wipe(id),
};

/**
 * Performs an act. Throws {@link ProblemError}: 404 if there is no such act or node, 409 if the
 * state does not allow it, 502 if it fails.
 */
export async function actOnNode(live: LiveCluster, id: string, act: string): Promise<void> {
  if (!(NODE_ACTS as readonly string[]).includes(act)) {
    throw new ProblemError(
      "not-found",
      `act must be one of ${NODE_ACTS.join(", ")}: it is '${act}'`,
    );
  }
  const cluster = live.requireRunning();
  const { state } = requireNode(cluster, id);
  const allowed = allowedActs(state);
  if (!allowed.includes(act as NodeAct)) {
    throw new ProblemError(
      "conflict",
      `Cannot ${act} ${id} while it is ${state}: allowed are ${allowed.join(", ")}`,
    );
  }
  try {
    await ACTS[act as NodeAct](cluster, id);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProblemError("node-unreachable", `Cannot ${act} ${id}: ${reason}`);
  }
}
