/**
 * Legs from measured latencies: a CSV with a column for each of W, A, R and S, or a single column for
 * all of them, in milliseconds. Columns may differ in length: cells may be empty.
 */
import {
  empiricalDistribution,
  type Leg,
  LEGS,
  type Legs,
  legsFrom,
} from "../../random/latency.ts";

const SAMPLES_MAX = 1_000_000;

/** Wrong CSV: says the line, counted from 1, what stands there and what is allowed. */
export class SamplesError extends Error {
  override name = "SamplesError";
}

/** Reads the CSV; `name` is what it is called in specs and messages. Throws {@link SamplesError}. */
export function legsFromCsv(text: string, name: string): Legs {
  const lines = text.split(/\r?\n/);
  const fail = (line: number, reason: string): never => {
    throw new SamplesError(`Cannot read samples '${name}' at line ${line + 1}: ${reason}`);
  };
  const first = lines.findIndex((line) => line.trim() !== "");
  if (first === -1) fail(0, "there is nothing in it; it must have at least one latency");
  const header = cellsOf(lines[first] as string);
  const isNamed = header.some((cell) => /[A-Za-z]/.test(cell) && !isNumber(cell));
  const columns = isNamed ? columnsOf(header, (reason) => fail(first, reason)) : ["all"];
  const samples = new Map<string, number[]>(columns.map((column) => [column, []]));
  let count = 0;
  for (let i = isNamed ? first + 1 : first; i < lines.length; i++) {
    const line = lines[i] as string;
    if (line.trim() === "") continue;
    if (++count > SAMPLES_MAX) fail(i, `at most ${SAMPLES_MAX} lines are allowed`);
    const cells = cellsOf(line);
    if (cells.length > columns.length) {
      fail(
        i,
        `it has ${cells.length} cells where ${columns.length} are allowed: ${columns.join()}`,
      );
    }
    cells.forEach((cell, at) => {
      if (cell === "") return;
      const ms = isNumber(cell) ? Number(cell) : NaN;
      if (!(ms >= 0)) fail(i, `'${cell}' is no latency: it must be a number of ms, 0 or more`);
      samples.get(columns[at] as string)?.push(ms);
    });
  }
  const distribution = (leg: Leg) => {
    const column = columns.length === 1 ? columns[0] as string : leg;
    const values = samples.get(column) as number[];
    if (values.length === 0) fail(first, `column ${column} must have at least one latency`);
    return empiricalDistribution(columns.length === 1 ? name : `${name}:${leg}`, values);
  };
  return legsFrom({
    W: distribution("W"),
    A: distribution("A"),
    R: distribution("R"),
    S: distribution("S"),
  });
}

/** A header of one column means all legs; of several, all four must be there. */
function columnsOf(header: readonly string[], fail: (reason: string) => never): string[] {
  if (header.length === 1) return ["all"];
  const names = header.map((cell) => cell.toUpperCase());
  const missing = LEGS.filter((leg) => !names.includes(leg));
  const strange = names.filter((name) => !(LEGS as readonly string[]).includes(name));
  if (missing.length > 0 || strange.length > 0 || names.length !== LEGS.length) {
    fail(`the columns must be W, A, R and S, or a single one for all: they are ${header.join()}`);
  }
  return names;
}

function cellsOf(line: string): string[] {
  return line.split(/[,;\t]/).map((cell) => cell.trim());
}

function isNumber(cell: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(cell);
}
