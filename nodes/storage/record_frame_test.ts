import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CHUNK_BYTES,
  chunkedFrame,
  decodeText,
  inlineFrame,
  joinChunks,
  readFrame,
  splitIntoChunks,
  UnreadableFrame,
} from "./record_frame.ts";
import { StorageError } from "./storage.ts";

const ADDRESS = `o${"\u00e9".repeat(24)}`;
const text = fc.string({ unit: "binary", maxLength: 200 }).filter((s) => s.isWellFormed());

Deno.test("frame: key and JSON are read back; any flipped bit or another address is detected", () => {
  fc.assert(fc.property(text, text, fc.nat(), (key, json, where) => {
    const frame = inlineFrame(ADDRESS, key, json);
    assert.ok(frame);
    const read = readFrame(ADDRESS, frame);
    assert.ok("json" in read);
    assert.deepEqual([read.key, decodeText(read.json, key)], [key, json]);
    const bit = where % (frame.length * 8);
    const damaged = frame.with(bit >> 3, (frame[bit >> 3] as number) ^ (1 << (bit & 7)));
    assert.throws(() => readFrame(ADDRESS, damaged), UnreadableFrame);
    assert.throws(() => readFrame(`${ADDRESS.slice(0, -1)}x`, frame), UnreadableFrame);
    assert.throws(() => readFrame(ADDRESS, frame.subarray(0, frame.length - 1)), UnreadableFrame);
  }));
});

Deno.test("frame: values that are not frames are unreadable", () => {
  for (const value of [null, 7, "text", new Uint8Array(0), new Uint8Array(6), new Uint8Array(64)]) {
    assert.throws(() => readFrame(ADDRESS, value), UnreadableFrame);
  }
});

Deno.test("frame: JSON that does not fit into one frame is split into chunks", () => {
  const key = "k".repeat(1_024);
  const room = CHUNK_BYTES - key.length;
  assert.ok(inlineFrame(ADDRESS, key, "v".repeat(room)));
  assert.equal(inlineFrame(ADDRESS, key, "v".repeat(room + 1)), null);
  assert.equal(inlineFrame(ADDRESS, key, "é".repeat(room / 2 + 1)), null);
  assert.throws(() => inlineFrame(ADDRESS, "k".repeat(5_000), ""), StorageError);

  const json = "é".repeat(100_000);
  const { manifest, chunks } = splitIntoChunks(json, "12345678");
  assert.ok(chunks.every((chunk) => chunk.length <= CHUNK_BYTES));
  const read = readFrame(ADDRESS, chunkedFrame(ADDRESS, key, manifest));
  assert.ok("manifest" in read);
  assert.deepEqual([read.key, read.manifest], [key, manifest]);
  assert.equal(joinChunks(key, read.manifest, chunks), json);
  const [first, ...rest] = chunks as [Uint8Array, ...Uint8Array[]];
  assert.throws(() => joinChunks(key, manifest, rest), UnreadableFrame);
  assert.throws(() => joinChunks(key, manifest, [first.with(9, 0), ...rest]), UnreadableFrame);
});
