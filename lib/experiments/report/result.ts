/**
 * `result.json`, the format for all experiments and engines, and how to make one from finished
 * points. The JSON schema is in `result.schema.json`.
 */
import { z } from "zod";
import {
  type Experiment,
  type Findings,
  numberIn,
  type Prepared,
  type Reference,
  relativeError,
  type Row,
} from "../experiment.ts";

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const row = z.record(z.string(), cell);
const value = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.union([z.string(), z.number()])),
]);

const comparison = z.strictObject({
  /** Identifies the row: the values of the reference's keys. */
  row,
  column: z.string(),
  published: z.number(),
  measured: z.number(),
  /** |measured / published - 1|; null when the published figure is 0. */
  relativeError: z.number().nullable(),
});

const environment = z.strictObject({
  version: z.string(),
  runtime: z.string(),
  os: z.string(),
  cores: z.int().min(1),
  /** The command that repeats the run. */
  command: z.string(),
  /** `i/n`, or null for the whole grid. */
  shard: z.string().nullable(),
  /** In a run that was stopped, fewer points are done than there are. */
  points: z.strictObject({ done: z.int().min(0), total: z.int().min(0) }),
});

const resultSchema = z.strictObject({
  experiment: z.string(),
  engine: z.enum(["model", "simulated", "live"]),
  seed: z.string(),
  parameters: z.record(z.string(), value),
  rows: z.array(row),
  series: z.record(z.string(), z.array(row)),
  reference: z.strictObject({
    source: z.string(),
    note: z.string().nullable(),
    rows: z.array(row),
    comparisons: z.array(comparison),
  }).nullable(),
  checks: z.array(z.strictObject({
    name: z.string(),
    passed: z.boolean(),
    measured: cell,
    accepted: z.string(),
  })),
  environment,
  /** ISO 8601. */
  startedAt: z.string(),
  /** The sum over all points, ms. */
  durationMs: z.number().min(0),
});

export type Result = z.infer<typeof resultSchema>;
export type Environment = z.infer<typeof environment>;
export type Comparison = z.infer<typeof comparison>;

/** The published JSON schema of a result. */
export function resultJsonSchema(): unknown {
  return { title: "Result of an experiment", ...z.toJSONSchema(resultSchema) };
}

/** A finished point. */
export interface PointResult extends Findings {
  readonly index: number;
  readonly durationMs: number;
}

const point = z.strictObject({
  index: z.int().min(0),
  rows: z.array(row),
  series: z.record(z.string(), z.array(row)).optional(),
  durationMs: z.number().min(0),
});

/** Parses a finished point. Throws an `Error` that names the invalid field. */
export function readPoint(input: unknown): PointResult {
  const read = point.safeParse(input);
  if (read.success) {
    const { series, ...rest } = read.data;
    return { ...rest, ...(series === undefined ? {} : { series }) };
  }
  throw new Error(`not a point of an experiment: ${firstOf(read.error)}`);
}

interface RunFacts {
  readonly seed: string;
  readonly environment: Omit<Environment, "points">;
  readonly startedAt: string;
}

/** Makes a result from finished points. It contains only these; the environment says how many. */
export function resultOf(
  prepared: Prepared,
  points: readonly PointResult[],
  { seed, environment, startedAt }: RunFacts,
): Result {
  const { experiment, engine, parameters } = prepared;
  const inOrder = points.toSorted((a, b) => a.index - b.index);
  const rows = prepared.finish(inOrder.flatMap((point) => [...point.rows]));
  const series: Record<string, Row[]> = {};
  for (const point of inOrder) {
    for (const [name, more] of Object.entries(point.series ?? {})) {
      (series[name] ??= []).push(...more);
    }
  }
  const isComplete = inOrder.length === prepared.pointCount;
  return resultSchema.parse({
    experiment: experiment.name,
    engine,
    seed,
    parameters,
    rows,
    series,
    reference: experiment.reference === undefined
      ? null
      : { ...referenceOf(experiment.reference), comparisons: compare(experiment.reference, rows) },
    // Checks need the whole grid.
    checks: isComplete ? prepared.checks(rows, series) : [],
    environment: {
      ...environment,
      points: { done: inOrder.length, total: prepared.pointCount },
    },
    startedAt,
    durationMs: inOrder.reduce((sum, point) => sum + point.durationMs, 0),
  });
}

function referenceOf({ source, note, rows }: Reference) {
  return { source, note: note ?? null, rows };
}

/** Pairs every published figure with the measured one. Leaves out what was not measured. */
export function compare(reference: Reference, rows: readonly Row[]): Comparison[] {
  return reference.rows.flatMap((published) => {
    const measured = rows.find((row) => reference.keys.every((key) => row[key] === published[key]));
    if (measured === undefined) return [];
    const keys = Object.fromEntries(reference.keys.map((key) => [key, published[key] ?? null]));
    return reference.compared.flatMap((column) => {
      if (typeof published[column] !== "number" || typeof measured[column] !== "number") return [];
      const expected = numberIn(published, column);
      const found = numberIn(measured, column);
      const error = expected === 0 ? null : relativeError(found, expected);
      return [{ row: keys, column, published: expected, measured: found, relativeError: error }];
    });
  });
}

/** Parses a result. Throws an `Error` that names the invalid field. */
export function readResult(input: unknown): Result {
  const read = resultSchema.safeParse(input);
  if (read.success) return read.data;
  throw new Error(`not a result of an experiment: ${firstOf(read.error)}`);
}

function firstOf({ issues: [issue] }: z.ZodError): string {
  const place = issue?.path.join(".") ?? "";
  return place === "" ? `${issue?.message}` : `${place}: ${issue?.message}`;
}

/** The command that repeats a run. */
export function commandOf(
  experiment: Experiment,
  engine: string,
  seed: string,
  given: Readonly<Record<string, string>>,
): string {
  const sets = Object.entries(given).map(([name, text]) => ` --set ${quoted(`${name}=${text}`)}`);
  return `deno task experiment run ${experiment.name} --engine ${engine} --seed ${quoted(seed)}${
    sets.join("")
  } --out out/${experiment.name}`;
}

function quoted(text: string): string {
  return /^[\w./=,:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
