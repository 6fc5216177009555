/** The values that a load writes. */

export const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** `bytes` printable characters that begin with the operation's number, so that values differ. */
export function valueOf(index: number, bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes === 0) return NOTHING;
  const value = new Uint8Array(bytes).fill(0x2e);
  value.set(encoder.encode(`${index}`).subarray(0, bytes));
  return value;
}

/**
 * What a read-modify-write makes of the values that it read. Of siblings it takes the longest, of
 * equally long ones the greatest; it replaces the first half by `fresh` and keeps the rest.
 */
export function modified(values: readonly string[], fresh: string): string {
  const [current] = values.toSorted((a, b) => b.length - a.length || (a < b ? 1 : -1));
  if (current === undefined) return fresh;
  const half = Math.ceil(fresh.length / 2);
  return fresh.slice(0, half) + current.slice(half);
}
