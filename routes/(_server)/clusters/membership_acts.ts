/** Plans, commits and follows membership changes, for the API and the forms. */
import type { ChangePlan, ClusterTransfers } from "../../../islands/models/api.ts";
import { type ChangeRequest, LaunchError } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { requireNode } from "./launched_cluster.ts";
import type { ClusterRegistry, Registered } from "./registry.ts";

/** Plans a change without making it. Throws {@link ProblemError}. */
export async function planChange(
  registry: ClusterRegistry,
  { live }: Registered,
  request: ChangeRequest,
): Promise<ChangePlan> {
  const cluster = live.requireRunning();
  if (request.kind !== "add") requireNode(cluster, request.node);
  if (request.kind !== "remove") registry.requireRoomForNode(live);
  return await asProblem(() => cluster.planChange(request));
}

/** Commits a plan. Throws {@link ProblemError}. */
export async function commitChange({ live }: Registered, planId: string): Promise<ChangePlan> {
  const cluster = live.requireRunning();
  const plan = await asProblem(() => cluster.commitChange(planId));
  // The next request must see the change.
  await live.refreshAnew();
  return plan;
}

export async function discardChange({ live }: Registered, planId: string): Promise<void> {
  await asProblem(() => live.requireRunning().discardChange(planId));
}

export async function transfersOf({ live }: Registered): Promise<ClusterTransfers> {
  return await asProblem(() => live.requireRunning().transfers());
}

/** Turns a launcher's error into a {@link ProblemError}: 409 for a refusal, 502 for a failure. */
async function asProblem<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    if (error.kind === "failed") throw new ProblemError("node-unreachable", error.message);
    throw new ProblemError("conflict", error.message);
  }
}
