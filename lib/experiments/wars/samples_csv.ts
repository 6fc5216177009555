/**
 * Legs from measured latencies: a CSV with the columns W, A, R and S, or with one column for all of
 * them, in milliseconds. Columns may differ in length: cells may be empty.
 */
import {
  empiricalDistribution,
  type Leg,
  LEGS,
  type Legs,
  legsFrom,
} from "../../random/latency.ts";
import { CsvError, readCsv } from "../report/csv.ts";

const SAMPLES_MAX = 1_000_000;

/** A CSV that cannot be used. The message names the line, counted from 1, and what is allowed. */
export class SamplesError extends Error {
  override name = "SamplesError";

  constructor(name: string, line: number, reason: string) {
    super(`Cannot read samples '${name}' at line ${line}: ${reason}`);
  }
}

/** Reads the CSV; specs and messages call it `name`. Throws {@link SamplesError}. */
export function legsFromCsv(text: string, name: string): Legs {
  const fail = (line: number, reason: string): never => {
    throw new SamplesError(name, line, reason);
  };
  const [first, ...others] = linesOf(text, name);
  if (first === undefined) return fail(1, "the file is empty; at least one latency is needed");
  const isNamed = first.cells.some((cell) => /[A-Za-z]/.test(cell) && !isNumber(cell));
  const columns = isNamed
    ? columnsFrom(first.cells, (reason) => fail(first.line, reason))
    : ["all"];
  const samples = new Map<string, number[]>(columns.map((column) => [column, []]));
  const lines = isNamed ? others : [first, ...others];
  for (const [index, { line, cells }] of lines.entries()) {
    if (index === SAMPLES_MAX) fail(line, `at most ${SAMPLES_MAX} lines are allowed`);
    if (cells.length > columns.length) {
      const allowed = `${columns.length} are allowed: ${columns.join()}`;
      fail(line, `it has ${cells.length} cells where ${allowed}`);
    }
    for (const [column, cell] of cells.entries()) {
      if (cell === "") continue;
      const ms = isNumber(cell) ? Number(cell) : NaN;
      if (!(ms >= 0)) {
        fail(line, `'${cell}' is not a latency: it must be a number of ms, 0 or more`);
      }
      samples.get(columns[column] as string)?.push(ms);
    }
  }
  return legsFromSamples(samples, name, (reason) => fail(first.line, reason));
}

function linesOf(text: string, name: string): ReturnType<typeof readCsv> {
  try {
    return readCsv(text);
  } catch (error) {
    if (error instanceof CsvError) throw new SamplesError(name, error.line, error.message);
    throw error;
  }
}

function legsFromSamples(
  samples: ReadonlyMap<string, readonly number[]>,
  name: string,
  fail: (reason: string) => never,
): Legs {
  const distribution = (leg: Leg) => {
    const column = samples.has("all") ? "all" : leg;
    const values = samples.get(column) ?? [];
    if (values.length === 0) fail(`column ${column} must have at least one latency`);
    return empiricalDistribution(column === "all" ? name : `${name}:${leg}`, values);
  };
  return legsFrom({
    W: distribution("W"),
    A: distribution("A"),
    R: distribution("R"),
    S: distribution("S"),
  });
}

/** One column holds the samples of all legs; with several, each leg must have its own. */
function columnsFrom(header: readonly string[], fail: (reason: string) => never): string[] {
  if (header.length === 1) return ["all"];
  const names = header.map((cell) => cell.toUpperCase());
  const missing = LEGS.filter((leg) => !names.includes(leg));
  const unknown = names.filter((name) => !(LEGS as readonly string[]).includes(name));
  if (missing.length > 0 || unknown.length > 0 || names.length !== LEGS.length) {
    fail(`the columns must be W, A, R and S, or a single one for all: they are ${header.join()}`);
  }
  return names;
}

function isNumber(cell: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(cell);
}
