/** Rows as CSV (RFC 4180): a header of every column that occurs, quotes only where they are needed. */
import type { Cell, Row } from "../experiment.ts";

export function csvOf(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? null))];
  return lines.map((cells) => cells.map(field).join(",") + "\r\n").join("");
}

/** Every column that occurs, in the order of its first occurrence. */
export function columnsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

function field(cell: Cell): string {
  const text = cell === null ? "" : `${cell}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
