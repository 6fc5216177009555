/**
 * What an experiment is: data and a few pure functions.
 *
 * Its parameters span a grid of *points*. A point is the unit of work: it has a seed of its own, drawn
 * from the run's seed and the point's number, and depends on no other point. So points can be spread
 * over cores and machines, stopped and taken up again, and always come to the same rows.
 */
import type { SeededRandom } from "../random/seeded.ts";
import type { ClusterLauncher } from "./engines/live_cluster.ts";
import type { Parameters, ParameterValue, Values } from "./parameters.ts";
import { readParameters } from "./parameters.ts";

/** Closed form or Monte Carlo; the protocol in virtual time; real processes. */
export type Engine = "model" | "simulated" | "live";
export const ENGINES: readonly Engine[] = ["model", "simulated", "live"];

export type Cell = string | number | boolean | null;
/** One line of a table: a cell a column. */
export type Row = { readonly [column: string]: Cell };
/** Tables behind the plots, by name. */
type Series = { readonly [name: string]: readonly Row[] };

/** How rows are drawn. Plots are data: whoever has the rows can draw them. */
export interface PlotSpec {
  /** Names the file. */
  readonly name: string;
  readonly title: string;
  /** "rows", or the name of a series. */
  readonly from: string;
  readonly mark: "line" | "dot" | "bar";
  readonly x: string;
  readonly y: string;
  /** Columns that tell lines apart, and small multiples. */
  readonly color?: string;
  readonly facet?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale?: "linear" | "log" | "point";
  readonly yScale?: "linear" | "log";
  readonly yDomain?: readonly [number, number];
  /** Draw the published figures too, as hollow marks: they have the same columns. */
  readonly published?: boolean;
}

/** Published figures, in columns named as the measured ones. */
export interface Reference {
  readonly source: string;
  readonly note?: string;
  readonly rows: readonly Row[];
  /** Columns that say which measured row a published one belongs to. */
  readonly keys: readonly string[];
  /** Columns that are compared. */
  readonly compared: readonly string[];
}

/** One of an experiment's own demands on its figures. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly measured: Cell;
  /** What would have been accepted, for people. */
  readonly accepted: string;
}

/** What a point found. */
export interface Findings {
  readonly rows: readonly Row[];
  readonly series?: Series;
}

export interface PointContext {
  readonly engine: Engine;
  /** The point's own. */
  readonly random: SeededRandom;
  /** A number drawn from it, for whatever takes a seed. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** How much of this point is done, 0 … 1. */
  readonly onProgress: (share: number) => void;
  /** Starts real clusters; absent but under `live`. */
  readonly launch?: ClusterLauncher;
}

/** All that was found, in the order of the points. */
interface Evidence<V> {
  readonly engine: Engine;
  readonly values: V;
  readonly rows: readonly Row[];
  readonly series: Series;
}

interface Definition<P extends Parameters, Point> {
  readonly name: string;
  readonly title: string;
  /** What it answers, in a sentence. */
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
  /** What only makes sense together. Throws `ParameterError`. */
  validate?(values: Values<P>, engine: Engine): void;
  points(values: Values<P>, engine: Engine): readonly Point[];
  run(point: Point, values: Values<P>, context: PointContext): Findings | Promise<Findings>;
  /** What can only be told of a row when all are there; rows keep their order. */
  finish?(rows: readonly Row[]): readonly Row[];
  checks(evidence: Evidence<Values<P>>): readonly Check[];
}

/** An experiment as the catalogue holds it: the types of its points are its own business. */
export interface Experiment
  extends Omit<Definition<Parameters, never>, "points" | "run" | "finish" | "checks" | "validate"> {
  /** Throws `ParameterError` for parameters or an engine that cannot be. */
  prepare(engine: Engine, given: Readonly<Record<string, string>>): Prepared;
}

/** An experiment with its parameters read. */
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
            throw new RangeError(`${definition.name} has ${points.length} points: no ${index}`);
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

/** JSON knows no NaN and no Infinity: a figure that could not be formed, as a share of nothing, is null. */
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

/** A number for people and JSON: four significant digits. */
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
 * A row's column as a number; NaN where there is no figure (null), so that no check of it passes. Throws
 * when it is something else: a mistake of the experiment.
 */
export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column];
  if (value === null) return NaN;
  if (typeof value !== "number") {
    throw new TypeError(`column '${column}' holds no number: ${value}`);
  }
  return value;
}
