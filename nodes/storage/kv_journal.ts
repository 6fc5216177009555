/**
 * The pages of the journal: the changes of a commit, packed into values of up to 64 KiB with
 * consecutive numbers.
 *
 * If a page is damaged or missing, acknowledged writes to unknown keys are lost. An answer for *any*
 * key could then be wrong, so the store refuses to open.
 *
 *     0  CRC-32 of the number and of everything from byte 4 on
 *     4  changes: bytes of the address (16 bits), address, bytes of the value (32 bits; all ones
 *        deletes), value
 */
import { crc32 } from "node:zlib";
import { type Address, latin1Of } from "./record_address.ts";
import { UnreadableFrame } from "./record_frame.ts";

/** A null value deletes the entry. */
export type Change = readonly [address: Address, value: Uint8Array | null];

export interface Page {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** In order of writing; the values are views of `bytes`. */
  readonly changes: readonly Change[];
}

const PAGE_BYTES = 65_536;
const HEADER_BYTES = 4;
/** The size of a change without its address and value. */
const CHANGE_HEADER_BYTES = 6;
const DELETED = 0xffff_ffff;
const scratch = new Uint8Array(PAGE_BYTES);
const view = new DataView(scratch.buffer);

/** The key of page `number` (a whole number below 2^53). Keys sort in the order of their numbers. */
export function journalKey(number: number): Deno.KvKey {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return ["j", bytes];
}

export function journalNumber(key: Deno.KvKey): number {
  const bytes = key[1];
  if (!(bytes instanceof Uint8Array) || bytes.length !== 8) {
    throw new UnreadableFrame("a page of its journal has a key without a number");
  }
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
}

/** The pages with the changes, in order. The first page gets the number `number`. */
export function pagesOf(changes: Iterable<Change>, number: number): Page[] {
  const pages: Page[] = [];
  let held: Change[] = [];
  let at = HEADER_BYTES;
  const finish = () => {
    const next = number + pages.length;
    view.setUint32(0, checksum(next, scratch.subarray(HEADER_BYTES, at)));
    pages.push(pageOver(next, scratch.slice(0, at), held));
    held = [];
    at = HEADER_BYTES;
  };
  for (const change of changes) {
    const bytes = sizeOf(change);
    if (at + bytes > PAGE_BYTES && held.length > 0) finish();
    if (at + bytes > PAGE_BYTES) {
      throw new RangeError(
        `A change must fit in a page of ${PAGE_BYTES} bytes: current size is ${bytes}`,
      );
    }
    writeChange(at, change);
    held.push(change);
    at += bytes;
  }
  if (held.length > 0) finish();
  return pages;
}

/** Decodes the page with this number. Throws {@link UnreadableFrame}. */
export function readPage(number: number, bytes: unknown): Page {
  if (!(bytes instanceof Uint8Array) || bytes.length < HEADER_BYTES) {
    throw new UnreadableFrame(`page ${number} of its journal is too short or not binary`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== checksum(number, bytes.subarray(HEADER_BYTES))) {
    throw new UnreadableFrame(`the checksum of page ${number} of its journal does not match`);
  }
  const changes: Change[] = [];
  for (let at = HEADER_BYTES; at < bytes.length;) {
    const valueAt = at + CHANGE_HEADER_BYTES + view.getUint16(at);
    const address = latin1Of(bytes.subarray(at + 2, valueAt - 4));
    const length = view.getUint32(valueAt - 4);
    at = length === DELETED ? valueAt : valueAt + length;
    changes.push([address, length === DELETED ? null : bytes.subarray(valueAt, at)]);
  }
  return { number, bytes, changes };
}

/** The page, with values as views of its own bytes, so that the original values can be freed. */
function pageOver(number: number, bytes: Uint8Array, held: readonly Change[]): Page {
  let at = HEADER_BYTES;
  const changes = held.map((change): Change => {
    const [address, value] = change;
    const end = at + sizeOf(change);
    at = end;
    return [address, value === null ? null : bytes.subarray(end - value.length, end)];
  });
  return { number, bytes, changes };
}

function sizeOf([address, value]: Change): number {
  return CHANGE_HEADER_BYTES + address.length + (value?.length ?? 0);
}

function writeChange(start: number, [address, value]: Change): void {
  view.setUint16(start, address.length);
  for (let i = 0; i < address.length; i++) scratch[start + 2 + i] = address.charCodeAt(i);
  const valueAt = start + CHANGE_HEADER_BYTES + address.length;
  view.setUint32(valueAt - 4, value?.length ?? DELETED);
  if (value !== null) scratch.set(value, valueAt);
}

function checksum(number: number, rest: Uint8Array): number {
  return crc32(rest, crc32(String(number)));
}
