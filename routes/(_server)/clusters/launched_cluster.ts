/** A running cluster as the dashboard uses it. */
import type { NodeProcess, RunningCluster } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";

/** The part of {@link RunningCluster} that the dashboard uses. Tests implement it. */
export type LaunchedCluster = Pick<
  RunningCluster,
  | "initialConfig"
  | "nodes"
  | "secretFile"
  | "kill"
  | "stop"
  | "pause"
  | "resume"
  | "restart"
  | "wipe"
  | "planChange"
  | "commitChange"
  | "discardChange"
  | "transfers"
  | "onChange"
  | "close"
>;

/** The node with this id. Throws a 404 {@link ProblemError} that lists the nodes. */
export function requireNode({ nodes }: LaunchedCluster, id: string): NodeProcess {
  const node = nodes.find((candidate) => candidate.id === id);
  if (node !== undefined) return node;
  const ids = nodes.map((candidate) => candidate.id).join(", ");
  throw new ProblemError("not-found", `There is no node '${id}': there are ${ids}`);
}
