/**
 * An experiment is data and a few pure functions.
 *
 * Its parameters span a grid of *points*. A point is the unit of work. It has its own seed, derived
 * from the run's seed and the point's number, and does not depend on other points. So points can be
 * spread over cores and machines, stopped and resumed, and always give the same rows.
 */
import type { SeededRandom } from "../random/seeded.ts";
import type { ClusterLauncher } from "./engines/live_cluster.ts";
import type { Parameters, ParameterValue, Values } from "./parameters.ts";
import { readParameters } from "./parameters.ts";

/** A closed form or Monte Carlo; the protocol in virtual time; or real processes. */
export type Engine = "model" | "simulated" | "live";
export const ENGINES: readonly Engine[] = ["model", "simulated", "live"];

export type Cell = string | number | boolean | null;
/** One row of a table, by column. */
export type Row = { readonly [column: string]: Cell };
/** Tables behind the plots, by name. */
type Series = { readonly [name: string]: readonly Row[] };

/** How to draw rows. Plots are data, so they can be drawn wherever the rows are. */
export interface PlotSpec {
  /** Also the name of the file. */
  readonly name: string;
  readonly title: string;
  /** "rows", or the name of a series. */
  readonly from: string;
  readonly mark: "line" | "dot" | "bar";
  readonly x: string;
  readonly y: string;
  /**
   * The column with one colour for each value, and the column with one small plot for each value.
   */
  readonly color?: string;
  readonly facet?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale?: "linear" | "log" | "point";
  readonly yScale?: "linear" | "log";
  readonly yDomain?: readonly [number, number];
  /** Also draw the published figures, as hollow marks. They have the same columns. */
  readonly published?: boolean;
}

/** Published figures, in columns with the same names as the measured ones. */
export interface Reference {
  readonly source: string;
  readonly note?: string;
  readonly rows: readonly Row[];
  /** Columns that match a published row with a measured one. */
  readonly keys: readonly string[];
  /** Columns that are compared. */
  readonly compared: readonly string[];
}

/** A condition that an experiment's own figures must meet. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly measured: Cell;
  /** The accepted values, as text. */
  readonly accepted: string;
}

/** The results of a point. */
export interface Findings {
  readonly rows: readonly Row[];
  readonly series?: Series;
}

export interface PointContext {
  readonly engine: Engine;
  /** The point's own. */
  readonly random: SeededRandom;
  /** A number drawn from `random`, for code that takes a seed. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** How much of this point is done, 0 … 1. */
  readonly onProgress: (share: number) => void;
  /** Starts real clusters; only the `live` engine has it. */
  readonly launch?: ClusterLauncher;
}

/** The results of all points, in their order. */
interface Evidence<V> {
  readonly engine: Engine;
  readonly values: V;
  readonly rows: readonly Row[];
  readonly series: Series;
}

interface Definition<P extends Parameters, Point> {
  readonly name: string;
  readonly title: string;
  /** What it answers, in one sentence. */
  readonly question: string;
  readonly reproduces: string;
  readonly engines: readonly Engine[];
  readonly parameters: P;
  /** What differs from point to point. */
  readonly varies: string;
  /** How to read the plots and the table. */
  readonly reading: string;
  /** What each column holds, with its unit. */
  readonly columns: { readonly [column: string]: string };
  readonly plots: readonly PlotSpec[];
  readonly reference?: Reference;
  /** Checks parameters that depend on each other. Throws `ParameterError`. */
  validate?(values: Values<P>, engine: Engine): void;
  points(values: Values<P>, engine: Engine): readonly Point[];
  run(point: Point, values: Values<P>, context: PointContext): Findings | Promise<Findings>;
  /** Completes rows once all of them are known. Rows keep their order. */
  finish?(rows: readonly Row[]): readonly Row[];
  checks(evidence: Evidence<Values<P>>): readonly Check[];
}

/** An experiment in the catalogue, where the types of its points are hidden. */
export interface Experiment
  extends Omit<Definition<Parameters, never>, "points" | "run" | "finish" | "checks" | "validate"> {
  /** Throws `ParameterError` for parameters that are not allowed. */
  prepare(engine: Engine, given: Readonly<Record<string, string>>): Prepared;
}

/** An experiment with parsed parameters. */
export interface Prepared {
  readonly experiment: Experiment;
  readonly engine: Engine;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly pointCount: number;
  run(index: number, context: PointContext): Promise<Findings>;
  finish(rows: readonly Row[]): readonly Row[];
  checks(rows: readonly Row[], series: Series): readonly Check[];
}

export function defineExperiment<P extends Parameters, Point>(
  definition: Definition<P, Point>,
): Experiment {
  const experiment: Experiment = {
    ...definition,
    prepare(engine, given) {
      const values = readParameters(definition.parameters, given);
      definition.validate?.(values, engine);
      const points = definition.points(values, engine);
      return {
        experiment,
        engine,
        parameters: values,
        pointCount: points.length,
        run: async (index, context) => {
          if (!(index in points)) {
            throw new RangeError(
              `point must be below ${points.length} for ${definition.name}: it is ${index}`,
            );
          }
          const { rows, series } = await definition.run(points[index] as Point, values, context);
          return {
            rows: rows.map(tellable),
            ...(series === undefined
              ? {}
              : { series: mapValues(series, (of) => of.map(tellable)) }),
          };
        },
        finish: (rows) => definition.finish?.(rows) ?? rows,
        checks: (rows, series) =>
          definition.checks({ engine, values, rows, series }).map((check) => ({
            ...check,
            measured: finiteOrNull(check.measured),
          })),
      };
    },
  };
  return experiment;
}

/** JSON has no NaN and no Infinity. A figure that does not exist, such as 0 of 0, becomes null. */
function tellable(row: Row): Row {
  return mapValues(row, finiteOrNull);
}

function finiteOrNull(cell: Cell): Cell {
  return typeof cell === "number" && !Number.isFinite(cell) ? null : cell;
}

function mapValues<A, B>(from: { readonly [key: string]: A }, change: (value: A) => B) {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, change(value)]));
}

// Small helpers for checks ------------------------------------------------------------------------

/** A number with four significant digits, for reports and JSON. */
export function rounded(value: number, digits = 4): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value;
}

export function relativeError(measured: number, expected: number): number {
  return expected === 0 ? (measured === 0 ? 0 : Infinity) : Math.abs(measured / expected - 1);
}

/** Passed when the measured number is at most `most`. */
export function checkAtMost(name: string, measured: number, most: number, unit = ""): Check {
  return {
    name,
    passed: measured <= most,
    measured: rounded(measured),
    accepted: `at most ${most}${unit === "" ? "" : ` ${unit}`}`,
  };
}

export function checkAtLeast(name: string, measured: number, least: number, unit = ""): Check {
  return {
    name,
    passed: measured >= least,
    measured: rounded(measured),
    accepted: `at least ${least}${unit === "" ? "" : ` ${unit}`}`,
  };
}

export function checkThat(name: string, passed: boolean, measured: Cell, accepted: string): Check {
  return { name, passed, measured, accepted };
}

/**
 * The number in a row's column. It is NaN when there is no figure (null), so that no check of it
 * passes. Throws {@link TypeError} for anything else, which is a mistake in the experiment.
 */
export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column];
  if (value === null) return NaN;
  if (typeof value !== "number") {
    throw new TypeError(`column '${column}' must hold a number: it is ${value}`);
  }
  return value;
}
