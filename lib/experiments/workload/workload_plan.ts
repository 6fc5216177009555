/**
 * A workload as experiments name it: which operations, on which keys, arriving how. One plan is carried
 * out by three engines (`modelled_workload.ts`, `simulated_workload.ts`, `live_workload.ts`), which all
 * answer with the same tallies.
 */
import { choice, decimal, integer, type Quorums, type Values } from "../parameters.ts";
import { inOrder, KEY_PATTERNS, keyChooser, type KeyPattern } from "./keys.ts";
import type { Arrivals, LoadOptions } from "./load.ts";
import { type Mix, type Operation, YCSB, ycsb } from "./mixes.ts";
import type { Tally } from "./tally.ts";

export interface WorkloadPlan {
  readonly nodes: number;
  readonly quorums: Quorums;
  /** Legs between the nodes. */
  readonly latency: string;
  /** Run one after the other, each for `operations`. */
  readonly phases: readonly Mix[];
  /** Measured, of each phase. */
  readonly operations: number;
  /** Of each phase, first and not measured. */
  readonly warmUp: number;
  readonly arrivals: Arrivals;
  readonly pattern: KeyPattern;
  readonly keys: number;
  /** Write every key before anything is measured. */
  readonly fill: boolean;
  readonly valueBytes: number;
}

/** How the operations went, by kind. */
export type Tallies = ReadonlyMap<Operation, Tally>;

/** As the original Dynamo Simulator's client page: all puts, then all gets. */
export const PUTS_THEN_GETS = "puts-then-gets";
const AS_THE_WORKLOAD = "as-the-workload";

export const WORKLOAD_PARAMETERS = {
  workload: choice([PUTS_THEN_GETS, ...YCSB.map(({ name }) => name)], {
    default: PUTS_THEN_GETS,
    about: `the original's, or one of YCSB: ${
      YCSB.map(({ name, about }) => `${name} ${about}`).join("; ")
    }`,
  }),
  pattern: choice([AS_THE_WORKLOAD, ...KEY_PATTERNS], {
    default: AS_THE_WORKLOAD,
    about: "how keys are drawn; the original's uniformly, YCSB's by its own rule",
  }),
  keys: integer({ default: 1_000, least: 1, most: 1_000_000, about: "keys" }),
  operations: integer({
    default: 5_000,
    least: 10,
    most: 1_000_000,
    about: "measured; of the original's workload so many of each kind",
  }),
  warmUp: integer({
    default: 500,
    least: 0,
    most: 1_000_000,
    about: "operations that go first and are not measured",
  }),
  arrivals: choice(["closed", "open"], {
    default: "closed",
    about:
      "closed: so many clients, each sends its next when answered; open: Poisson arrivals, latency from the intended start",
  }),
  concurrency: integer({ default: 10, least: 1, most: 1_000, about: "closed: clients at a time" }),
  ratePerSecond: decimal({
    default: 200,
    least: 0.001,
    most: 1_000_000,
    about: "open: arrivals a second",
  }),
  valueBytes: integer({ default: 100, least: 0, most: 1_048_576, about: "of a value" }),
} as const;

/** The part of a plan that the parameters say. */
export function workloadOf(
  values: Values<typeof WORKLOAD_PARAMETERS>,
): Omit<WorkloadPlan, "nodes" | "quorums" | "latency"> {
  const { workload, pattern, keys, operations, warmUp, valueBytes } = values;
  const isOriginal = workload === PUTS_THEN_GETS;
  const own = isOriginal ? "uniform" : ycsb(workload).keys;
  return {
    phases: isOriginal
      ? [[{ operation: "put", share: 1 }], [{ operation: "get", share: 1 }]]
      : [ycsb(workload).mix],
    operations,
    warmUp,
    keys,
    valueBytes,
    pattern: pattern === AS_THE_WORKLOAD ? own : pattern,
    fill: !isOriginal,
    arrivals: values.arrivals === "closed"
      ? { kind: "closed", concurrency: values.concurrency }
      : { kind: "open", ratePerSecond: values.ratePerSecond },
  };
}

/** Clients that write every key before anything is measured. */
const FILLERS = 64;

/** The loads that a plan consists of, to be run one after the other. */
interface PlannedLoads {
  /** Writes every key once; null when nothing is to be written beforehand. */
  readonly fill: LoadOptions | null;
  readonly phases: readonly LoadOptions[];
}

export function loadsOf(plan: WorkloadPlan): PlannedLoads {
  const { arrivals, operations: count, warmUp, valueBytes } = plan;
  // One chooser for all phases: a key inserted in one of them can be read in the next.
  const keys = keyChooser(plan.pattern, plan.keys);
  const fill: LoadOptions = {
    mix: [{ operation: "put", share: 1 }],
    arrivals: { kind: "closed", concurrency: FILLERS },
    count: plan.keys,
    keys: inOrder(),
    valueBytes,
  };
  const phases = plan.phases.map((mix) => ({ mix, arrivals, count, warmUp, keys, valueBytes }));
  return { fill: plan.fill ? fill : null, phases };
}
