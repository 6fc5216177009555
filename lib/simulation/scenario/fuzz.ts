/**
 * Runs of many seeds: the outcome of one seed, as JSON that a worker can send, and the summary of all.
 */
import type { Violation } from "../checkers/mod.ts";
import type { FaultKind } from "../faults/faults.ts";
import {
  addSometimes,
  noSometimes,
  SOMETIMES_NAMES,
  type SometimesCounts,
} from "../report/sometimes.ts";
import { type OutcomeCounts, runScenario } from "../run.ts";
import { type SwarmLimits, swarmScenario } from "./swarm.ts";

/** The outcome of the run of one seed. Plain JSON. */
export interface SeedOutcome {
  readonly seed: number;
  readonly mode: string;
  readonly operations: OutcomeCounts;
  readonly events: number;
  readonly virtualUs: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly sometimes: SometimesCounts;
  readonly violations: readonly Violation[];
  /** Findings that are not failures, by mode and checker: modes other than `dvv` may violate rules. */
  readonly reported: Readonly<Partial<Record<string, number>>>;
  readonly excused: number;
}

export interface FuzzSummary {
  readonly seeds: number;
  readonly operations: OutcomeCounts;
  readonly events: number;
  readonly virtualUs: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly sometimes: SometimesCounts;
  /** The "sometimes" situations that occurred with none of these seeds. */
  readonly never: readonly string[];
  /** The number of runs in which a checker found something that is not a failure. */
  readonly reported: Readonly<Partial<Record<string, number>>>;
  readonly excused: number;
  readonly failures: readonly {
    readonly seed: number;
    readonly violations: readonly Violation[];
  }[];
}

/** Runs the scenario of a seed. */
export function fuzzSeed(seed: number, limits: SwarmLimits = {}): SeedOutcome {
  const scenario = swarmScenario(seed, limits);
  const result = runScenario(scenario);
  const { mode } = scenario.config;
  const reported = result.checks.filter((check) => !check.asserted && check.found > 0)
    .map((check) => [`${mode}: ${check.name}`, 1] as const);
  const { ok, failed, indeterminate } = result.operations;
  return {
    seed,
    mode,
    operations: { ok, failed, indeterminate },
    events: result.events,
    virtualUs: Math.round(result.virtualMs * 1_000),
    faults: result.faults,
    sometimes: result.sometimes,
    violations: result.violations,
    reported: Object.fromEntries(reported),
    excused: result.excused,
  };
}

export function emptySummary(): FuzzSummary {
  return {
    seeds: 0,
    operations: { ok: 0, failed: 0, indeterminate: 0 },
    events: 0,
    virtualUs: 0,
    faults: {},
    sometimes: noSometimes(),
    never: SOMETIMES_NAMES,
    reported: {},
    excused: 0,
    failures: [],
  };
}

/** The summary with the outcome of another seed added. */
export function addOutcome(summary: FuzzSummary, outcome: SeedOutcome): FuzzSummary {
  const { ok, failed, indeterminate } = summary.operations;
  const sometimes = addSometimes(summary.sometimes, outcome.sometimes);
  const { seed, violations } = outcome;
  return {
    seeds: summary.seeds + 1,
    operations: {
      ok: ok + outcome.operations.ok,
      failed: failed + outcome.operations.failed,
      indeterminate: indeterminate + outcome.operations.indeterminate,
    },
    events: summary.events + outcome.events,
    virtualUs: summary.virtualUs + outcome.virtualUs,
    faults: added(summary.faults, outcome.faults),
    sometimes,
    never: SOMETIMES_NAMES.filter((name) => sometimes[name] === 0),
    reported: added(summary.reported, outcome.reported),
    excused: summary.excused + outcome.excused,
    failures: violations.length === 0
      ? summary.failures
      : [...summary.failures, { seed, violations }].sort((a, b) => a.seed - b.seed),
  };
}

function added<K extends string>(
  a: Readonly<Partial<Record<K, number>>>,
  b: Readonly<Partial<Record<K, number>>>,
): Partial<Record<K, number>> {
  const sum: Partial<Record<K, number>> = { ...a };
  for (const [name, count] of Object.entries(b) as [K, number][]) {
    sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
