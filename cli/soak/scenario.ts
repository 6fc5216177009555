/**
 * `deno task soak --scenario FILE`: runs a scenario file on real processes and describes the
 * result.
 */
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import { type Fault, FAULTS } from "../../lib/simulation/faults/faults.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import {
  type LiveRunOptions,
  type LiveRunResult,
  runScenarioLive,
  UnsupportedFaultsError,
} from "../../nodes/live_scenario/run.ts";
import { EXIT_REFUSED, fail } from "../options.ts";
import { describeChecks } from "../simulation_report.ts";

/** Exits with 2 when real processes cannot run the scenario. */
export async function runScenarioFile(
  scenario: Scenario,
  options: LiveRunOptions,
): Promise<LiveRunResult> {
  try {
    return await runScenarioLive(scenario, options);
  } catch (error) {
    if (error instanceof UnsupportedFaultsError) {
      fail(`${error.message}\nUse --skip-unsupported to run it without them`, EXIT_REFUSED);
    }
    if (error instanceof ConfigError) fail(error.message, EXIT_REFUSED);
    throw error;
  }
}

/** The beginning or the end of a fault, in one line. */
export function describeFaultMoment(fault: Fault, begins: boolean): string {
  const { kind, atMs: _at, ...rest } = fault;
  if (!begins) return `${kind}${"node" in fault ? ` of ${fault.node}` : ""} ends`;
  const details = Object.entries(rest).map(([name, value]) =>
    `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return [`${kind} (${FAULTS[kind].about})`, ...details].join(", ");
}

export function describeLiveRun(scenario: Scenario, result: LiveRunResult): string {
  const { n, r, w, mode } = scenario.config;
  const { total, ok, failed, indeterminate } = result.operations;
  const { convergence: { converged, tookMs, hintsLeft, keysDiffering } } = result;
  const happened = Object.entries(result.faults).map(([kind, count]) => `${kind} ${count}`);
  const acts = Object.entries(result.committed).map(([kind, count]) => `${kind} ${count}`);
  return [
    `${scenario.nodes.length} real nodes, N=${n} R=${r} W=${w}, ${mode}, seed ${result.seed}`,
    `${total} operations in ${(result.loadMs / 1_000).toFixed(1)} s: ${ok} ok, ${failed} failed, ` +
    `${indeterminate} indeterminate`,
    `faults: ${happened.join(", ") || "none"}`,
    ...(acts.length === 0 ? [] : [`accepted: ${acts.join(", ")}`]),
    ...result.skipped.map(({ index, kind, why }) => `skipped: faults[${index}] (${kind}): ${why}`),
    converged
      ? `converged ${(tookMs / 1_000).toFixed(1)} s after healing`
      : `NOT converged: ${hintsLeft} hints left, ${keysDiffering.length} keys differ`,
    "",
    ...describeChecks(result.checks),
  ].join("\n");
}
