/**
 * CSV (RFC 4180), written and read in this one place.
 *
 * People open these files in spreadsheets, and a spreadsheet runs a cell that begins with = + - @, a
 * tab or a carriage return as a formula. Keys and node names come from anybody, so such a cell gets an
 * apostrophe in front unless it is a number (OWASP, "CSV Injection").
 */
import papaparse from "papaparse";
import type { Cell, Row } from "../experiment.ts";

/** The part of Papa Parse used here. `@types/papaparse` would add Node's types to a browser's code. */
interface PapaParse {
  unparse(table: readonly (readonly Cell[])[], options: { escapeFormulae: RegExp }): string;
  parse(text: string, options: { delimiter: string; newline: string }): {
    data: string[][];
    errors: readonly { type: string; message: string; row: number }[];
  };
}
const papa: PapaParse = papaparse;

const FORMULA = /^(?![+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$)[=+\-@\t\r]/i;

/** A header and rows of cells in the header's order. */
export function toCsv(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return papa.unparse([columns, ...rows], { escapeFormulae: FORMULA }) + "\r\n";
}

/** Rows by column name, under a header of every column that occurs. */
export function rowsToCsv(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  return toCsv(columns, rows.map((row) => columns.map((column) => row[column] ?? null)));
}

/** Every column that occurs, in the order of its first occurrence. */
export function columnsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

interface CsvLine {
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** Without surrounding blanks. */
  readonly cells: readonly string[];
}

/** A quote that is not closed, or text after a closing quote. */
export class CsvError extends Error {
  override name = "CsvError";
  constructor(readonly line: number, reason: string) {
    super(reason);
  }
}

/**
 * The lines that hold anything; line ends inside cells become `\n`. The first line decides what
 * separates cells: a tab or a semicolon if it has one (where the comma is the decimal point,
 * spreadsheets write these), else a comma. Throws {@link CsvError}.
 */
export function readCsv(text: string): CsvLine[] {
  const unixText = text.replaceAll(/\r\n?/g, "\n");
  const [header = ""] = unixText.trimStart().split("\n", 1);
  const delimiter = ["\t", ";"].find((each) => header.includes(each)) ?? ",";
  const { data, errors } = papa.parse(unixText, { delimiter, newline: "\n" });
  let line = 1;
  const lines = data.map((row): CsvLine => {
    const begun = line;
    line += row.join("").split("\n").length;
    return { line: begun, cells: row.map((cell) => cell.trim()) };
  });
  const malformed = errors.find(({ type }) => type === "Quotes");
  if (malformed !== undefined) {
    throw new CsvError(lines[malformed.row]?.line ?? line, malformed.message);
  }
  return lines.filter(({ cells }) => cells.some((cell) => cell !== ""));
}
