/** A cluster that the dashboard runs. */
import type { RunningCluster } from "../../../nodes/cluster/launcher.ts";
/** What the dashboard uses of a running cluster: tests stand in for it. */
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
