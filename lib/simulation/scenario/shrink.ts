/**
 * Reduces a failing scenario until a person can understand it: delta debugging (Zeller and Hildebrandt,
 * 2002) over faults, operations, clients, keys and nodes, then simpler values. The number of runs is
 * limited.
 *
 * First the run's operations are converted to a script, so that omitting one does not change the times
 * of the others.
 */
import type { Fault } from "../faults/faults.ts";
import { Run, type RunOptions, type RunResult } from "../run.ts";
import type { ScriptedOperation } from "../workload/workload_plan.ts";
import { parseScenario, type Scenario } from "./scenario.ts";

interface ShrinkOptions {
  /** The checker that must still report a violation. */
  readonly checker: string;
  /** The maximum number of runs. */
  readonly triesMax: number;
  /** Makes the options of each run. */
  readonly run?: () => RunOptions;
  readonly onProgress?: (tries: number, smallest: Scenario) => void;
}

interface Shrunk {
  readonly scenario: Scenario;
  readonly result: RunResult;
  readonly tries: number;
}

/** The maximum number of steps of a run: a smaller scenario must not take longer. */
const STEPS_MAX = 2_000_000;

/** The smallest scenario found that fails the same checker. Throws if the given one does not fail it. */
export function shrink(scenario: Scenario, options: ShrinkOptions): Shrunk {
  const search = new Search(options);
  if (!search.accepts(scenario)) {
    throw new Error(
      `Cannot shrink '${scenario.name}': checker ${options.checker} finds no violation in it`,
    );
  }
  search.tryOut(scripted(scenario, options));
  let before: string;
  do {
    before = JSON.stringify(search.best);
    shrinkFaults(search);
    shrinkOperations(search);
    shrinkNodes(search);
    simplify(search);
  } while (JSON.stringify(search.best) !== before && !search.isOver);
  return { scenario: search.best, result: search.result, tries: search.tries };
}

/** Keeps the smallest failing scenario so far, and counts the runs. */
class Search {
  tries = 0;
  private found: { scenario: Scenario; result: RunResult } | null = null;

  constructor(private readonly options: ShrinkOptions) {}

  get best(): Scenario {
    return (this.found as { scenario: Scenario }).scenario;
  }

  get result(): RunResult {
    return (this.found as { result: RunResult }).result;
  }

  get isOver(): boolean {
    return this.tries >= this.options.triesMax;
  }

  /** Runs the scenario. If it fails the checker, it becomes the best one. */
  accepts(scenario: Scenario): boolean {
    if (this.isOver) return false;
    this.tries++;
    const result = resultOf(scenario, this.options);
    const fails = result?.violations.some((each) => each.checker === this.options.checker) ?? false;
    if (result !== null && fails) this.found = { scenario, result };
    this.options.onProgress?.(this.tries, this.best);
    return fails;
  }

  /** As {@link accepts}, for input that may not be a valid scenario. */
  tryOut(input: unknown): boolean {
    try {
      return this.accepts(parseScenario(input));
    } catch {
      return false;
    }
  }
}

function resultOf(scenario: Scenario, options: ShrinkOptions): RunResult | null {
  const run = Run.start(scenario, options.run?.() ?? {});
  return run.advance(STEPS_MAX) ? run.result() : null;
}

/** The scenario with the operations of its run as a script. */
function scripted(scenario: Scenario, options: ShrinkOptions): Scenario {
  if (scenario.workload.kind === "script") return scenario;
  const run = Run.start(scenario, options.run?.() ?? {});
  run.advance(STEPS_MAX);
  const operations = run.driver.history.operations
    // The get of an update makes its put follow.
    .filter((each) => !each.healing && !(each.act === "update" && each.kind === "put"))
    .map(({ startedAt, client, act, key, node, options }): ScriptedOperation => {
      const { r, w, pr, pw, sloppy, timeoutMs } = options;
      return {
        atUs: startedAt,
        client,
        act,
        key,
        node,
        options: { r, w, pr, pw, sloppy, timeoutMs },
      };
    });
  const { clients, valueBytes, graceMs } = scenario.workload;
  return { ...scenario, workload: { kind: "script", clients, valueBytes, graceMs, operations } };
}

function shrinkFaults(search: Search): void {
  ddmin(
    search,
    () => search.best.faults,
    (faults: readonly Fault[]) => ({ ...search.best, faults }),
  );
}

function shrinkOperations(search: Search): void {
  const { workload } = search.best;
  if (workload.kind !== "script") return;
  const currentOperations = () => {
    const current = search.best.workload;
    return current.kind === "script" ? current.operations : [];
  };
  const withOperations = (operations: readonly ScriptedOperation[]) => ({
    ...search.best,
    workload: { ...search.best.workload, operations },
  });
  for (const field of ["client", "key", "node"] as const) {
    for (const value of new Set(currentOperations().map((each) => each[field]))) {
      search.tryOut(withOperations(currentOperations().filter((each) => each[field] !== value)));
    }
  }
  ddmin(search, currentOperations, withOperations);
}

/** Removes smaller and smaller parts of a list, as long as the rest still fails. */
function ddmin<T>(
  search: Search,
  now: () => readonly T[],
  using: (items: readonly T[]) => unknown,
): void {
  for (let size = Math.ceil(now().length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < now().length && !search.isOver;) {
      const rest = now().toSpliced(from, size);
      if (!search.tryOut(using(rest))) from += size;
    }
  }
}

function shrinkNodes(search: Search): void {
  for (const { id } of search.best.nodes) {
    const { nodes, faults, workload } = search.best;
    if (nodes.length === 1 || workload.kind !== "script") return;
    search.tryOut({
      ...search.best,
      nodes: nodes.filter((node) => node.id !== id),
      faults: faults.flatMap((fault) => withoutNode(fault, id)),
      workload: {
        ...workload,
        operations: workload.operations.filter((operation) => operation.node !== id),
      },
    });
  }
}

/** The fault without a node; nothing if it then has no effect. */
function withoutNode(fault: Fault, id: string): Fault[] {
  if ("node" in fault) return fault.node === id ? [] : [fault];
  const without = (names: readonly string[] | undefined) => names?.filter((name) => name !== id);
  if (fault.kind === "partition") {
    const groups = fault.groups.map((group) => without(group) ?? []).filter((g) => g.length > 0);
    return groups.length < 2 ? [] : [{ ...fault, groups }];
  }
  const from = without(fault.from);
  const to = without(fault.to);
  if (from?.length === 0 || to?.length === 0) return [];
  return [{
    ...fault,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  } as Fault];
}

/** Replaces values by simpler ones, as long as the scenario still fails. */
function simplify(search: Search): void {
  const tries: ((scenario: Scenario) => unknown)[] = [
    (s) => ({ ...s, nodes: s.nodes.map(({ id }) => ({ id, weight: 1 })) }),
    (s) => ({ ...s, network: { latency: "1", clients: "0" } }),
    (s) => ({ ...s, disk: { load: "0.05", store: "0.2" } }),
    (s) => ({ ...s, config: { ...s.config, coordinator: "first" } }),
    (s) => ({ ...s, config: { ...s.config, partitioning: "equal-partitions" } }),
    (s) => ({ ...s, config: { ...s.config, pr: 0, pw: 0 } }),
    (s) => ({ ...s, workload: withPlainOptions(s.workload) }),
    ...search.best.faults.map((_, i) => (s: Scenario) => ({
      ...s,
      faults: s.faults.with(i, halved(s.faults[i] as Fault)),
    })),
  ];
  for (const attempt of tries) {
    if (!search.isOver) search.tryOut(attempt(search.best));
  }
}

function withPlainOptions(workload: Scenario["workload"]): unknown {
  if (workload.kind !== "script") return workload;
  return { ...workload, operations: workload.operations.map((each) => ({ ...each, options: {} })) };
}

function halved(fault: Fault): Fault {
  if ("forMs" in fault) return { ...fault, forMs: Math.floor(fault.forMs / 2) };
  return "downMs" in fault ? { ...fault, downMs: Math.floor(fault.downMs / 2) } : fault;
}
