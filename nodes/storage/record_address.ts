/**
 * The layout of a node's Deno KV database.
 *
 * An *address* is a keyspace followed by bytes. In memory it is a string with one character for each
 * byte, so strings compare in byte order. In the database it is the key `[keyspace, bytes]`:
 *
 * - `o` objects: ring position (16 bytes), then 8 bytes that distinguish keys with the same position
 * - `h` hints: target node, 0, then the object's 24 bytes; the value is the key
 * - `m` metadata: the document's name
 * - `c` chunks of large documents: chunk set (8 bytes), number (4 bytes)
 * - `w` chunk sets to which no document refers, not yet or no longer: chunk set
 * - `j` the journal: page number (8 bytes); see `kv_journal.ts`
 * - `v` one entry, written whenever pages of the journal are removed; see `kv_table.ts`
 * - `a` damaged frames, kept for inspection: the object's 24 bytes
 *
 * The address of an object does not contain its key. Deno KV limits an encoded key to 2,048 bytes and
 * counts a NUL twice, so a key of 1 KiB might not fit. The full key is in the value.
 */
import { md5 } from "js-md5";
import type { Position } from "../../lib/dynamo/ring/position.ts";

export type Keyspace = "o" | "h" | "m" | "c" | "w" | "j" | "v" | "a";
export type Address = string;

const POSITION_BYTES = 16;
const DISCRIMINATOR_BYTES = 8;
const CHUNK_SET_BYTES = 8;
export const OBJECT_ID_BYTES = POSITION_BYTES + DISCRIMINATOR_BYTES;

/** The address of a key's record. Throws TypeError for an invalid position or ill-formed Unicode. */
export function objectAddress(key: string, position: Position): Address {
  if (!key.isWellFormed()) {
    throw new TypeError("A key must be well-formed Unicode: it has a lone surrogate");
  }
  // Two keys with the same MD5 can be made on purpose. The prefix shifts every block, so that the
  // digests of these keys differ here.
  const digest = md5.array(`key:${key}`);
  return `o${positionBytes(position)}${latin1Of(digest.slice(0, DISCRIMINATOR_BYTES))}`;
}

export function hintAddress(target: string, object: Address): Address {
  return `${hintPrefix(target)}${object.slice(1)}`;
}

/** The prefix of all hint addresses of a target. It ends with a NUL, which no node id contains. */
export function hintPrefix(target: string): Address {
  if (target.length === 0 || target.includes("\0")) {
    throw new TypeError(
      `A hint's target must be a node id without NUL: current value is '${target}'`,
    );
  }
  return `h${latin1Of(new TextEncoder().encode(target))}\0`;
}

/** The target node and the object's address, from a hint's address. */
export function partsOfHint(hint: Address): { target: string; object: Address } {
  const split = hint.length - OBJECT_ID_BYTES;
  const target = new TextDecoder().decode(bytesOf(hint.slice(1, split - 1)));
  return { target, object: `o${hint.slice(split)}` };
}

export function metaAddress(name: string): Address {
  return `m${latin1Of(new TextEncoder().encode(name))}`;
}

export function chunkAddress(set: string, number: number): Address {
  return `c${set}${
    String.fromCharCode(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255)
  }`;
}

export function unreferencedSetAddress(set: string): Address {
  return `w${set}`;
}

export function damagedFrameAddress(object: Address): Address {
  return `a${object.slice(1)}`;
}

/** A random id for a chunk set, so that no two sets have the same one. */
export function newChunkSet(): string {
  return latin1Of(crypto.getRandomValues(new Uint8Array(CHUNK_SET_BYTES)));
}

/** Greater than every object's address. */
export const OBJECTS_END: Address = `o${"\u00ff".repeat(OBJECT_ID_BYTES + 1)}`;

/** The lowest address of an object at this position or after it. */
export function objectsFrom(position: Position): Address {
  return `o${positionBytes(position)}`;
}

export function positionAt(object: Address): Position {
  let position = "";
  for (let i = 1; i <= POSITION_BYTES; i++) position += HEX[object.charCodeAt(i)];
  return position;
}

export function kvKey(address: Address): [Keyspace, Uint8Array] {
  return [address[0] as Keyspace, bytesOf(address.slice(1))];
}

export function addressOf(key: Deno.KvKey): Address {
  const [space, id] = key;
  if (typeof space !== "string" || !(id instanceof Uint8Array)) {
    throw new TypeError(`A key must be [keyspace, bytes]: current value is ${Deno.inspect(key)}`);
  }
  return space + latin1Of(id);
}

export function bytesOf(latin1: string): Uint8Array {
  const bytes = new Uint8Array(latin1.length);
  for (let i = 0; i < latin1.length; i++) bytes[i] = latin1.charCodeAt(i);
  return bytes;
}

/** For few bytes, such as ids and names. Unlike concatenation, this makes a flat, small string. */
export function latin1Of(bytes: Uint8Array | readonly number[]): string {
  return String.fromCharCode.apply(null, bytes as number[]);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function positionBytes(position: Position): string {
  if (!/^[0-9a-f]{32}$/.test(position)) {
    throw new TypeError(
      `A ring position must be 32 lower-case hex digits: current value is '${position}'`,
    );
  }
  const bytes: number[] = [];
  for (let i = 0; i < position.length; i += 2) {
    bytes.push(digit(position, i) * 16 + digit(position, i + 1));
  }
  return latin1Of(bytes);
}

function digit(position: Position, at: number): number {
  const code = position.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}
