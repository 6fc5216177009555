/** Tables as CSV (RFC 4180), for the download of each plot. */

export type Cell = string | number;

export function toCsv(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns, ...rows].map((row) => row.map(field).join(",") + "\r\n").join("");
}

/**
 * One field, quoted if necessary. Spreadsheets execute text that starts with = + - @ as a formula, and
 * keys are untrusted input, so such text gets an apostrophe in front.
 */
function field(cell: Cell): string {
  if (typeof cell === "number") return String(cell);
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
