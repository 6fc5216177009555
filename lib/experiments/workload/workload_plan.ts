/**
 * A workload as experiments describe it: which operations, on which keys, and how they arrive.
 * Three engines run the same plan and return the same kind of tallies: `modelled_workload.ts`,
 * `simulated_workload.ts` and `live_workload.ts`.
 */
import { choice, decimal, integer, type Quorums, type Values } from "../parameters.ts";
import { inOrder, KEY_PATTERNS, keyChooser, type KeyPattern } from "./keys.ts";
import type { Arrivals, LoadOptions } from "./load.ts";
import { type Mix, type Operation, YCSB, ycsb } from "./mixes.ts";
import type { Tally } from "./tally.ts";

export interface WorkloadPlan {
  readonly nodes: number;
  readonly quorums: Quorums;
  /** The latency spec of the messages between the nodes. */
  readonly latency: string;
  /** Run one after the other, `operations` each. */
  readonly phases: readonly Mix[];
  /** Measured operations of each phase. */
  readonly operations: number;
  /** Operations of each phase that come first and are not measured. */
  readonly warmUp: number;
  readonly arrivals: Arrivals;
  readonly pattern: KeyPattern;
  readonly keys: number;
  /** Whether to write every key before anything is measured. */
  readonly fill: boolean;
  readonly valueBytes: number;
}

/** The results, by operation. */
export type Tallies = ReadonlyMap<Operation, Tally>;

/** The load of the original Dynamo Simulator's client page: all puts, then all gets. */
export const PUTS_THEN_GETS = "puts-then-gets";
const AS_THE_WORKLOAD = "as-the-workload";

export const WORKLOAD_PARAMETERS = {
  workload: choice([PUTS_THEN_GETS, ...YCSB.map(({ name }) => name)], {
    default: PUTS_THEN_GETS,
    about: `that of the original simulator, or one of YCSB: ${
      YCSB.map(({ name, about }) => `${name} ${about}`).join("; ")
    }`,
  }),
  pattern: choice([AS_THE_WORKLOAD, ...KEY_PATTERNS], {
    default: AS_THE_WORKLOAD,
    about: "how keys are drawn; by default uniformly for the original, and by YCSB's own rule",
  }),
  keys: integer({ default: 1_000, least: 1, most: 1_000_000, about: "keys" }),
  operations: integer({
    default: 5_000,
    least: 10,
    most: 1_000_000,
    about: "measured operations; in the original's workload, of each kind",
  }),
  warmUp: integer({
    default: 500,
    least: 0,
    most: 1_000_000,
    about: "operations that come first and are not measured",
  }),
  arrivals: choice(["closed", "open"], {
    default: "closed",
    about:
      "closed: each client sends its next operation when the last one is answered; open: Poisson arrivals, latency from the intended start",
  }),
  concurrency: integer({ default: 10, least: 1, most: 1_000, about: "closed: number of clients" }),
  ratePerSecond: decimal({
    default: 200,
    least: 0.001,
    most: 1_000_000,
    about: "open: arrivals per second",
  }),
  valueBytes: integer({ default: 100, least: 0, most: 1_048_576, about: "size of a value" }),
} as const;

/** The part of a plan that the parameters determine. */
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
