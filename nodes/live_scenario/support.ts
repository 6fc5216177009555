/**
 * Which scenarios can be carried out on real processes of one machine, and why the others cannot.
 */
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Fault, FaultKind } from "../../lib/simulation/faults/faults.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import { NODES_MAX } from "../process/cluster_config_file.ts";

const CLIENTS_MAX = 1_000;

const SUPPORTED: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...["loss", "duplicate", "reorder", "delay", "bandwidth", "clog"] as const,
  ...["partition", "partition-oneway", "flapping"] as const,
  ...["crash", "kill", "restart", "pause", "wipe"] as const,
  ...["disk-slow", "disk-failing", "disk-full"] as const,
  ...["join", "leave", "remove", "replace"] as const,
]);

const WHY_NOT: { readonly [kind in FaultKind]?: string } = {
  "slow-node": "a process takes the time that it takes",
  "restore": "a file that is in use cannot be copied from outside of its process",
  "disk-corrupt": "a node's records share a file, in which none can be damaged by itself",
  "clock-skew": "processes of one machine share its clock",
  "return": "a process that was removed ends for good, and its disk is not kept",
  "clock-jump": "processes of one machine share its clock",
};

/** A fault that does not exist there. */
export interface SkippedFault {
  /** Its place in the scenario's list. */
  readonly index: number;
  readonly kind: FaultKind;
  readonly why: string;
}

/** Faults of the scenario that do not exist on real processes. */
export function unsupportedFaults({ faults }: Scenario): SkippedFault[] {
  return faults.flatMap((fault, index) => {
    const why = whyNot(fault);
    return why === null ? [] : [{ index, kind: fault.kind, why }];
  });
}

function whyNot(fault: Fault): string | null {
  if (fault.kind === "kill" && fault.torn > 0) {
    return "what a killed process has written the system completes: nothing is torn";
  }
  return SUPPORTED.has(fault.kind) ? null : WHY_NOT[fault.kind] ?? "there is no way to do it";
}

/** The scenario without them. */
export function withoutFaults(scenario: Scenario, skipped: readonly SkippedFault[]): Scenario {
  const indices = new Set(skipped.map(({ index }) => index));
  return { ...scenario, faults: scenario.faults.filter((_, index) => !indices.has(index)) };
}

/** Throws {@link ConfigError}, naming the field, where this machine cannot run so many. */
export function requireRunnable({ nodes, spares, workload }: Scenario): void {
  const limit = (field: string, value: number, most: number) => {
    if (value <= most) return;
    throw new ConfigError(
      `${field} must be at most ${most} on real processes: current value is ${value}`,
    );
  };
  limit("nodes", nodes.length, NODES_MAX);
  limit("nodes and spares together", nodes.length + spares.length, NODES_MAX);
  limit("workload.clients", workload.clients, CLIENTS_MAX);
}
