/**
 * The bytes of a document in the database: a small header, the key, and the document's JSON or the id
 * of the chunk set that holds it.
 *
 * A checksum covers the address, the key and the rest, because a damaged SQLite file can return wrong
 * bytes, or those of another row, without an error. A frame with a wrong checksum is *unreadable*. Its
 * reader must not treat it as absent or as an old version.
 *
 *     0  format (1: inline, 2: in chunks)
 *     1  CRC-32 of address and of everything from byte 5 on, and of byte 0
 *     5  bytes of the key, 16 bits
 *     7  the key, UTF-8
 *        inline: JSON, UTF-8
 *        in chunks: chunk set (8 bytes), bytes, CRC-32 and number of chunks (32 bits each)
 */
import { crc32 } from "node:zlib";
import { type Address, bytesOf, latin1Of } from "./record_address.ts";
import { StorageError } from "./storage.ts";

/** Deno KV allows values of 64 KiB; larger documents are split into chunks of this size. */
export const CHUNK_BYTES = 60 * 1_024;

const INLINE = 1;
const CHUNKED = 2;
const KEY_AT = 7;
/** More than a node accepts (`KEY_BYTES_MAX`), and small enough for a frame of 64 KiB. */
const KEY_BYTES_LIMIT = 4_096;
const MANIFEST_BYTES = 20;

/** Refers to a document's JSON in a chunk set. */
export interface Manifest {
  readonly set: string;
  readonly bytes: number;
  readonly checksum: number;
  readonly chunks: number;
}

/** `bytes`: the size of the document in the database. */
export type Frame =
  | { readonly key: string; readonly json: Uint8Array; readonly bytes: number }
  | { readonly key: string; readonly manifest: Manifest; readonly bytes: number };

/** A frame differs from what was written. `key` is null if it cannot be read either. */
export class UnreadableFrame extends Error {
  override name = "UnreadableFrame";
  constructor(message: string, readonly key: string | null = null) {
    super(message);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
/** Frames are built here and then copied: `encodeInto` is ten times as fast as `encode`. */
const scratch = new Uint8Array(KEY_AT + KEY_BYTES_LIMIT + CHUNK_BYTES);

/** The frame of a document; null if its JSON does not fit into one frame. */
export function inlineFrame(address: Address, key: string, json: string): Uint8Array | null {
  // A character takes one to three bytes: longer text cannot fit.
  if (json.length > CHUNK_BYTES) return null;
  const jsonAt = writeKey(key);
  const room = scratch.subarray(jsonAt, jsonAt + CHUNK_BYTES - (jsonAt - KEY_AT));
  const { read, written } = encoder.encodeInto(json, room);
  return read < json.length ? null : sealed(address, INLINE, jsonAt + written);
}

export function chunkedFrame(address: Address, key: string, manifest: Manifest): Uint8Array {
  const at = writeKey(key);
  scratch.set(bytesOf(manifest.set), at);
  const view = new DataView(scratch.buffer, at + 8);
  view.setUint32(0, manifest.bytes);
  view.setUint32(4, manifest.checksum);
  view.setUint32(8, manifest.chunks);
  return sealed(address, CHUNKED, at + MANIFEST_BYTES);
}

/** Splits a document's JSON into chunks that fit into Deno KV's values. */
export function splitIntoChunks(
  json: string,
  set: string,
): { manifest: Manifest; chunks: Uint8Array[] } {
  const bytes = encoder.encode(json);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    chunks.push(bytes.subarray(at, at + CHUNK_BYTES));
  }
  return {
    manifest: { set, bytes: bytes.length, checksum: crc32(bytes), chunks: chunks.length },
    chunks,
  };
}

/** The JSON in the chunks. Throws {@link UnreadableFrame}. */
export function joinChunks(key: string, manifest: Manifest, chunks: readonly Uint8Array[]): string {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (bytes.length !== manifest.bytes || crc32(bytes) !== manifest.checksum) {
    throw new UnreadableFrame("its chunks do not match their checksum", key);
  }
  return decodeText(bytes, key);
}

/** Decodes the frame that was read at the address. Throws {@link UnreadableFrame}. */
export function readFrame(address: Address, value: unknown): Frame {
  if (!(value instanceof Uint8Array) || value.length < KEY_AT) {
    throw new UnreadableFrame("it is too short or not binary");
  }
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const format = view.getUint8(0);
  const keyEnd = KEY_AT + view.getUint16(5);
  if (view.getUint32(1) !== checksum(address, format, value.subarray(5))) {
    throw new UnreadableFrame("its checksum does not match");
  }
  const key = decodeText(value.subarray(KEY_AT, keyEnd), null);
  const bytes = value.length;
  if (format === INLINE) return { key, json: value.subarray(keyEnd), bytes };
  if (format !== CHUNKED || value.length !== keyEnd + MANIFEST_BYTES) {
    throw new UnreadableFrame(`its format ${format} is unknown`, key);
  }
  const manifest = {
    set: latin1Of(value.subarray(keyEnd, keyEnd + 8)),
    bytes: view.getUint32(keyEnd + 8),
    checksum: view.getUint32(keyEnd + 12),
    chunks: view.getUint32(keyEnd + 16),
  };
  return { key, manifest, bytes: bytes + manifest.bytes };
}

function writeKey(key: string): number {
  const { read, written } = encoder.encodeInto(
    key,
    scratch.subarray(KEY_AT, KEY_AT + KEY_BYTES_LIMIT),
  );
  if (read < key.length) {
    throw new StorageError("too-large", `A key must be at most ${KEY_BYTES_LIMIT} bytes`);
  }
  new DataView(scratch.buffer).setUint16(5, written);
  return KEY_AT + written;
}

function sealed(address: Address, format: number, length: number): Uint8Array {
  scratch[0] = format;
  const sum = checksum(address, format, scratch.subarray(5, length));
  new DataView(scratch.buffer).setUint32(1, sum);
  return scratch.slice(0, length);
}

function checksum(address: Address, format: number, rest: Uint8Array): number {
  return crc32(rest, crc32(`${format}${address}`));
}

/** Decodes UTF-8. Throws {@link UnreadableFrame}. */
export function decodeText(bytes: Uint8Array, key: string | null): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new UnreadableFrame("it is not UTF-8", key);
  }
}
