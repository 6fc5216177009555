/** Which scenarios can run on real processes of one machine, and why others cannot. */
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
  "slow-node": "a real process cannot be slowed down by a given time",
  "restore": "the database of a running process cannot be copied from outside",
  "disk-corrupt": "all records of a node are in one file, so a single one cannot be damaged",
  "clock-skew": "processes of one machine share its clock",
  "return": "the disk of a removed node is not kept",
  "clock-jump": "processes of one machine share its clock",
};

/** A fault that is not possible on real processes. */
export interface SkippedFault {
  /** Its index in the scenario's list. */
  readonly index: number;
  readonly kind: FaultKind;
  readonly why: string;
}

/** The faults of the scenario that are not possible on real processes. */
export function unsupportedFaults({ faults }: Scenario): SkippedFault[] {
  return faults.flatMap((fault, index) => {
    const why = whyNot(fault);
    return why === null ? [] : [{ index, kind: fault.kind, why }];
  });
}

function whyNot(fault: Fault): string | null {
  if (fault.kind === "kill" && fault.torn > 0) {
    return "the system completes the writes of a killed process, so no write is torn";
  }
  return SUPPORTED.has(fault.kind) ? null : WHY_NOT[fault.kind] ?? "it is not supported";
}

/** The scenario without the skipped faults. */
export function withoutFaults(scenario: Scenario, skipped: readonly SkippedFault[]): Scenario {
  const indices = new Set(skipped.map(({ index }) => index));
  return { ...scenario, faults: scenario.faults.filter((_, index) => !indices.has(index)) };
}

/** Throws {@link ConfigError} that names the field with more nodes or clients than one machine can run. */
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
