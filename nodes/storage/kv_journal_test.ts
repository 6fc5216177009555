import assert from "node:assert/strict";
import fc from "fast-check";
import { type Change, journalKey, journalNumber, pagesOf, readPage } from "./kv_journal.ts";
import { latin1Of } from "./record_address.ts";
import { UnreadableFrame } from "./record_frame.ts";

const address = fc.uint8Array({ minLength: 1, maxLength: 40 }).map(latin1Of);
const value = fc.option(fc.uint8Array({ maxLength: 3_000 }));
const changes = fc.array(fc.tuple(address, value), { maxLength: 100 });

Deno.test("journal: pages keep the changes in order, and are read back as written", () => {
  fc.assert(fc.property(changes, fc.integer({ min: 1, max: 2 ** 40 }), (given, number) => {
    const pages = pagesOf(given, number);
    assert.deepEqual(pages.map((page) => page.number), pages.map((_, i) => number + i));
    assert.ok(pages.every(({ bytes }) => bytes.length <= 65_536));
    const read = pages.map((page) => readPage(page.number, page.bytes));
    const plain = (list: readonly Change[]) => list.map(([at, bytes]) => [at, bytes?.toHex()]);
    assert.deepEqual(plain(read.flatMap((page) => page.changes)), plain(given));
    assert.deepEqual(plain(pages.flatMap((page) => page.changes)), plain(given));
  }));
});

Deno.test("journal: a damaged page, or a page with another number, is refused", () => {
  const [page] = pagesOf([["oabc", new Uint8Array([1, 2, 3])], ["odef", null]], 5);
  assert.ok(page);
  assert.throws(() => readPage(6, page.bytes), UnreadableFrame);
  for (let at = 0; at < page.bytes.length; at++) {
    const damaged = page.bytes.with(at, (page.bytes[at] as number) ^ 0x10);
    assert.throws(() => readPage(5, damaged), UnreadableFrame);
  }
  assert.throws(() => readPage(5, null), UnreadableFrame);
  assert.throws(() => journalNumber(["j", "5"]), UnreadableFrame);
});

Deno.test("journal: the largest record fits in a page, and no page exceeds Deno KV's limit", () => {
  const largest: Change = ["o".repeat(25), new Uint8Array(60 * 1_024 + 7)];
  assert.equal(pagesOf([largest, largest], 1).length, 2);
  assert.throws(() => pagesOf([["o", new Uint8Array(65_536)]], 1), RangeError);
});

Deno.test("journal: page numbers can be read from their keys", () => {
  for (const number of [1, 255, 256, 2 ** 32, 2 ** 45]) {
    assert.equal(journalNumber(journalKey(number)), number);
  }
});
