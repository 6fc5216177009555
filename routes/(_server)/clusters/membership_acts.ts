/** Changes of a cluster's membership, for the API and the pages' forms: planned, committed, followed. */
import type { ChangePlan, ClusterTransfers } from "../../../islands/models/api.ts";
import { type ChangeRequest, LaunchError } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { LaunchedCluster } from "./launched_cluster.ts";
import type { ClusterRegistry, Registered } from "./registry.ts";

/** Answers what a change would mean; changes nothing. Throws {@link ProblemError}. */
export async function planChange(
  registry: ClusterRegistry,
  { live }: Registered,
  request: ChangeRequest,
): Promise<ChangePlan> {
  const cluster = runningOf({ live });
  if (request.kind !== "add") requireNode(cluster, request.node);
  if (request.kind !== "remove") registry.requireRoomFor(live);
  return await told(() => cluster.planChange(request));
}

/** Commits a plan that was made before. Throws {@link ProblemError}. */
export async function commitChange({ live }: Registered, planId: string): Promise<ChangePlan> {
  const cluster = runningOf({ live });
  const plan = await told(() => cluster.commitChange(planId));
  // Whoever asks next sees what has changed.
  await live.refreshAnew();
  return plan;
}

export async function discardChange(registered: Registered, planId: string): Promise<void> {
  await told(() => runningOf(registered).discardChange(planId));
}

export async function transfersOf(registered: Registered): Promise<ClusterTransfers> {
  return await told(() => runningOf(registered).transfers());
}

function runningOf({ live }: Pick<Registered, "live">): LaunchedCluster {
  if (live.cluster !== null) return live.cluster;
  throw new ProblemError("conflict", `The cluster is ${live.state}, not running`);
}

function requireNode(cluster: LaunchedCluster, id: string): void {
  if (cluster.nodes.some((node) => node.id === id)) return;
  const ids = cluster.nodes.map((node) => node.id).join(", ");
  throw new ProblemError("not-found", `There is no node '${id}': there is ${ids}`);
}

/** A refusal of the launcher or of a node is the asker's; anything else is this server's own fault. */
async function told<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    if (error.kind === "failed") throw new ProblemError("node-unreachable", error.message);
    throw new ProblemError("conflict", error.message);
  }
}
