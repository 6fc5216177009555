/**
 * Where a key lies on the ring: the MD5 of its UTF-8 bytes, a point of a 128-bit circle
 * (SOSP 2007, section 4.3).
 */
import { md5 } from "js-md5";

/** 32 lower-case hex digits, so that string order is numeric order. */
export type Position = string;

const RING_BITS = 128;

/** A bounded cache: the same keys are asked for again and again. */
const KNOWN_MAX = 65_536;
const known = new Map<string, Position>();

/** The MD5 position of a key. */
export function positionOf(key: string): Position {
  const remembered = known.get(key);
  if (remembered !== undefined) return remembered;
  if (known.size >= KNOWN_MAX) known.clear();
  const position = hexOf(md5.array(key));
  known.set(key, position);
  return position;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Two to three times as fast as `md5.hex`, which goes through Node's crypto where there is one. */
function hexOf(bytes: readonly number[]): Position {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The start of part `index` when the ring is cut into `parts` equal parts. */
export function boundaryOf(index: number, parts: number): Position {
  return toPosition((BigInt(index) << BigInt(RING_BITS)) / BigInt(parts));
}

export function toPosition(point: bigint): Position {
  return point.toString(16).padStart(RING_BITS / 4, "0");
}

/** The share of the ring, in 0 … 1, from `start` clockwise to `end`; the whole ring when equal. */
export function shareBetween(start: Position, end: Position): number {
  const whole = 1n << BigInt(RING_BITS);
  const length = (BigInt(`0x${end}`) - BigInt(`0x${start}`) + whole) % whole;
  return length === 0n ? 1 : Number(length >> 64n) / 2 ** 64;
}
