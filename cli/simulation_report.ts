/** The text that `simulate` and `fuzz` print. */
import type { CheckResult } from "../lib/simulation/checkers/mod.ts";
import type { RunResult } from "../lib/simulation/run.ts";
import type { FuzzSummary } from "../lib/simulation/scenario/fuzz.ts";
import type { Scenario } from "../lib/simulation/scenario/scenario.ts";

/** The results of a run and of its checks. */
export function describeRun(scenario: Scenario, result: RunResult, realMs: number): string {
  const { n, r, w, mode } = scenario.config;
  const { total, ok, failed, indeterminate } = result.operations;
  const perSecond = Math.round(result.events / realMs * 1_000);
  const { messages, dropped, duplicated, held, refused, delayed } = result.messages;
  return [
    `${scenario.nodes.length} nodes, N=${n} R=${r} W=${w}, ${mode}, seed ${scenario.seed}`,
    `${total} operations: ${ok} ok, ${failed} failed, ${indeterminate} indeterminate`,
    ...(result.healingReads.total === 0 ? [] : [
      `${result.healingReads.total} reads during healing, after the faults: ` +
      `${result.healingReads.ok} ok`,
    ]),
    `${result.events} events and ${messages} messages (${dropped} dropped, ${refused} refused, ` +
    `${held} held, ${delayed} delayed, ${duplicated} duplicated)`,
    `faults: ${counts(result.faults) || "none"}`,
    `virtual time ${(result.virtualMs / 1_000).toFixed(3)} s, real time ` +
    `${(realMs / 1_000).toFixed(3)} s (${perSecond} events per second)`,
    "",
    ...describeChecks(result.checks),
    ...(result.checks.some(isUnused) ? ["(unused: there was nothing to check in this run)"] : []),
    "",
    `trace hash ${result.traceHash}`,
  ].join("\n");
}

/** One line for each check, and its first few violations. */
export function describeChecks(checks: readonly CheckResult[]): string[] {
  return checks.flatMap((check) => [
    `${verdict(check)} ${check.name.padEnd(22)} ${check.about} ` +
    `(${check.examined} examined${check.found === 0 ? "" : `, ${check.found} found`})`,
    ...check.violations.slice(0, 5).map((violation) => `       ${violation.message}`),
  ]);
}

function verdict(check: CheckResult): string {
  if (check.found > 0) return check.asserted ? "FAILED" : "found ";
  return isUnused(check) ? "unused" : "ok    ";
}

/** A check that examined nothing shows nothing. */
function isUnused({ found, examined }: CheckResult): boolean {
  return found === 0 && examined === 0;
}

/** The results of many runs. */
export function describeFuzz(summary: FuzzSummary, realMs: number): string {
  const { ok, failed, indeterminate } = summary.operations;
  const seconds = realMs / 1_000;
  return [
    `${summary.seeds} seeds in ${seconds.toFixed(1)} s (${
      (summary.seeds / seconds).toFixed(1)
    } a ` +
    `second), ${summary.events} events, ${
      (summary.virtualUs / 3_600_000_000).toFixed(1)
    } virtual hours`,
    `${ok + failed + indeterminate} operations: ${ok} ok, ${failed} failed, ` +
    `${indeterminate} indeterminate`,
    `faults: ${counts(summary.faults) || "none"}`,
    `sometimes: ${counts(summary.sometimes)}`,
    `never: ${summary.never.join(", ") || "-"}`,
    `reported in modes with weaker guarantees: ${counts(summary.reported) || "-"}`,
    `excused: ${summary.excused}`,
    `failing seeds: ${summary.failures.map(({ seed }) => seed).join(", ") || "none"}`,
  ].join("\n");
}

function counts(by: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(by).map(([name, count]) => `${name} ${count}`).join(", ");
}
