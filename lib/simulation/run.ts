/**
 * One run of a scenario, from the first request to the results of the checkers. It can be executed step
 * by step, cloned at any time, or executed at once.
 */
import type { Replica } from "../dynamo/replica.ts";
import { versioning } from "../dynamo/versions/versions.ts";
import { Causality, writesByKey } from "./checkers/causality.ts";
import { type CheckResult, type Evidence, runCheckers, type Violation } from "./checkers/mod.ts";
import type { FaultKind } from "./faults/faults.ts";
import { hintsHeld, type Holding, holdingsOf, orphanedReplicas } from "./healing.ts";
import { type SometimesCounts, sometimesOf } from "./report/sometimes.ts";
import { hasLostMember, RunDriver, unsettled } from "./run_driver.ts";
import type { Scenario } from "./scenario/scenario.ts";
import type { OperationOutcome } from "./workload/history.ts";
import { worldOf } from "./world/cluster.ts";
import type { FaultHook } from "./world/fault_hook.ts";
import type { NetworkCounters } from "./world/network.ts";
import { Simulation } from "./world/simulation.ts";
import type { Tracer } from "./world/tracer.ts";

export interface RunOptions {
  /** Whether messages and records go through JSON (default). The trace hash is the same without it. */
  readonly json?: boolean;
  readonly hook?: FaultHook;
  readonly tracer?: Tracer;
}

/** The number of operations by outcome. */
export type OutcomeCounts = Readonly<Record<Exclude<OperationOutcome, "pending">, number>>;

export interface RunResult {
  readonly name: string;
  readonly seed: number;
  /** Whether no asserted checker found a violation. */
  readonly ok: boolean;
  /** The operations of the workload's clients. */
  readonly operations:
    & OutcomeCounts
    & { readonly total: number; readonly byKind: Readonly<Record<string, OutcomeCounts>> };
  /** The reads of the healing phase; there are none if the cluster must heal without reads. */
  readonly healingReads: OutcomeCounts & { readonly total: number };
  readonly checks: readonly CheckResult[];
  /** The first violations of each asserted checker. */
  readonly violations: readonly Violation[];
  /** Acknowledged writes that are lost because the simulator destroyed their last copy. */
  readonly excused: number;
  readonly virtualMs: number;
  /** The total number of steps of all replicas. */
  readonly events: number;
  readonly messages: Readonly<NetworkCounters>;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly sometimes: SometimesCounts;
  readonly traceHash: string;
}

/** The number of requests in flight is sampled once in this many steps. */
const SAMPLE_EVERY = 256;

export class Run {
  readonly simulation: Simulation;
  private requestsInFlightPeak = 0;
  private sinceSample = 0;
  private exception: string | null = null;

  private constructor(
    readonly scenario: Scenario,
    private readonly options: RunOptions,
    simulation?: Simulation,
  ) {
    this.simulation = simulation ?? new Simulation({
      ...worldOf(scenario),
      json: options.json ?? true,
      driver: new RunDriver(scenario),
      ...(options.hook === undefined ? {} : { hook: options.hook }),
    });
    if (options.tracer !== undefined) this.simulation.tracer = options.tracer;
  }

  /** Sets up the scenario without executing a step. */
  static start(scenario: Scenario, options: RunOptions = {}): Run {
    return new Run(scenario, options);
  }

  get driver(): RunDriver {
    return this.simulation.driver as RunDriver;
  }

  get isDone(): boolean {
    return this.exception !== null || this.driver.phase === "done";
  }

  /** The number of operations that have begun, for a progress bar. */
  get operationsBegun(): number {
    return this.driver.history.size;
  }

  /** Executes the next event. An exception ends the run and counts as a violation. */
  step(): void {
    try {
      if (!this.simulation.step()) {
        throw new Error("the event queue is empty before the end of the run");
      }
    } catch (error) {
      this.exception = error instanceof Error ? `${error.name}: ${error.message}` : `${error}`;
    }
    if (++this.sinceSample >= SAMPLE_EVERY) this.sample();
  }

  /** Executes at most this many steps. Returns whether the run is done. */
  advance(steps: number): boolean {
    for (let left = steps; left > 0 && !this.isDone; left--) this.step();
    return this.isDone;
  }

  /** An independent copy, without the tracer. It reaches the same trace hash. */
  clone(): Run {
    const { tracer: _tracer, ...options } = this.options;
    const copy = new Run(this.scenario, options, this.simulation.clone());
    copy.requestsInFlightPeak = this.requestsInFlightPeak;
    copy.sinceSample = this.sinceSample;
    copy.exception = this.exception;
    return copy;
  }

  /** The results of the checkers. The run must be done. */
  result(): RunResult {
    if (!this.isDone) throw new Error("Cannot check a run that is not done");
    const { scenario, simulation } = this;
    const checks = [this.exceptionCheck(), ...runCheckers(scenario, this.evidence())];
    const violations = checks.filter((check) => check.asserted)
      .flatMap((check) => check.violations);
    return {
      name: scenario.name,
      seed: scenario.seed,
      ok: violations.length === 0,
      ...this.operationCounts(),
      checks,
      violations,
      excused: checks.reduce((sum, each) => sum + (each.asserted ? each.excused : 0), 0),
      virtualMs: simulation.now / 1_000,
      events: simulation.steps,
      messages: { ...simulation.messageCounters },
      faults: { ...simulation.faults.injected },
      sometimes: sometimesOf(this),
      traceHash: simulation.traceHash,
    };
  }

  private evidence(): Evidence {
    const { scenario, simulation, driver, requestsInFlightPeak } = this;
    const { history, record } = driver;
    const up = simulation.machines.flatMap(({ id, replica }) =>
      replica === null ? [] : [{ node: id, replica }]
    );
    const members = up.filter(({ node, replica }) => replica.membership.isActive(node));
    return {
      scenario,
      history,
      record,
      causality: new Causality(history),
      writes: writesByKey(history),
      final: this.exception === null ? finalHoldings(simulation, driver) : new Map(),
      holdingsAtHealing: driver.holdingsAtHealing,
      divergentKeys: driver.divergent,
      converged: driver.convergedAt !== null || this.exception !== null,
      rules: this.options.hook?.rules?.(simulation.initialConfig) ??
        versioning(scenario.config.mode),
      rings: members.map(({ replica }) => replica.ring),
      members: members.length,
      memberData: memberData(members[0]?.replica),
      orphanedReplicas: this.exception === null ? orphanedReplicas(simulation) : [],
      stats: this.exception === null
        ? up.map(({ node, replica }) => ({ node, stats: replica.stats() }))
        : [],
      requestsInFlightPeak,
      handoffsPeak: Math.max(...simulation.machines.map((machine) => machine.handoffsPeak)),
      boots: simulation.machines.reduce((sum, machine) => sum + machine.boot, 0),
      hintsLeft: this.exception === null ? hintsHeld(simulation) : [],
      // Concurrent membership changes can leave a dead member that is neither restarted nor removed.
      unsettled: this.exception === null && !hasLostMember(simulation) ? unsettled(simulation) : [],
      actorsRenewed: simulation.machines.reduce((sum, { disk }) => sum + disk.actorsDropped, 0),
      nodes: simulation.machines.map((machine) => machine.id),
    };
  }

  private exceptionCheck(): CheckResult {
    const name = "no-exceptions";
    const { exception } = this;
    const violations = exception === null ? [] : [{
      checker: name,
      message: `at ${this.simulation.now} µs: ${exception}`,
    }];
    return {
      name,
      about: "no step throws",
      asserted: true,
      examined: this.simulation.steps,
      found: violations.length,
      violations,
      excused: 0,
    };
  }

  private operationCounts(): Pick<RunResult, "operations" | "healingReads"> {
    const clients = zeroCounts();
    const healing = zeroCounts();
    const byKind: Record<string, ReturnType<typeof zeroCounts>> = {};
    for (const { kind, outcome, healing: isHealing } of this.driver.history.operations) {
      const ended = outcome === "pending" ? "indeterminate" : outcome;
      if (isHealing) {
        healing[ended]++;
        continue;
      }
      const counts = byKind[kind] ??= zeroCounts();
      counts[ended]++;
      clients[ended]++;
    }
    return {
      operations: { total: sumOf(clients), ...clients, byKind },
      healingReads: { total: sumOf(healing), ...healing },
    };
  }

  private sample(): void {
    this.sinceSample = 0;
    for (const { replica } of this.simulation.machines) {
      if (replica === null) continue;
      this.requestsInFlightPeak = Math.max(
        this.requestsInFlightPeak,
        replica.stats().requestsInFlight,
      );
    }
  }
}

function zeroCounts() {
  return { ok: 0, failed: 0, indeterminate: 0 };
}

function sumOf({ ok, failed, indeterminate }: OutcomeCounts): number {
  return ok + failed + indeterminate;
}

/** Runs a scenario to its end and checks it. */
export function runScenario(scenario: Scenario, options: RunOptions = {}): RunResult {
  const run = Run.start(scenario, options);
  while (!run.advance(100_000));
  return run.result();
}

function finalHoldings(
  simulation: Simulation,
  driver: RunDriver,
): Map<string, readonly Holding[]> {
  return new Map([...driver.keys].map((key) => [key, holdingsOf(simulation, key)]));
}

function memberData(replica: Replica | undefined): Evidence["memberData"] {
  return (replica?.membership.entries() ?? []).flatMap(({ member: { id, dataId }, memberStatus }) =>
    dataId !== undefined && memberStatus === "member" ? [{ node: id, dataId }] : []
  );
}
