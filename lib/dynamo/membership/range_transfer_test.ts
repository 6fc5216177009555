import assert from "node:assert/strict";
import type { KeyDigest } from "../types/records.ts";
import { RangeTransfer } from "./range_transfer.ts";

const START = "0".repeat(32);
const END = `8${"0".repeat(31)}`;
const transfer = (sender: string | null, sources: readonly string[]) =>
  new RangeTransfer(1, START, END, 3, 0, sender, sender !== null, sources, 0);
const page = (...entries: readonly (readonly [string, string])[]): KeyDigest[] =>
  entries.map(([key, digest]) => [key, digest]);

Deno.test("transfer: only keys that are missing or differ are copied", () => {
  const it = transfer("n1", ["n1"]);
  it.onOwn(page(["a", "1"], ["b", "1"]));
  it.onPage(page(["a", "1"], ["b", "2"], ["c", "1"]), null);
  assert.deepEqual(it.queue, page(["b", "2"], ["c", "1"]));
});

Deno.test("transfer: the pass after the fence finds only keys that changed since the first pass", () => {
  const it = transfer("n1", ["n1"]);
  it.onPage(page(["a", "1"], ["b", "1"]), null);
  for (const [key, digest] of it.queue.splice(0)) it.onPulled(key, digest);
  assert.equal(it.keys, 2);
  it.onPage(page(["a", "1"], ["b", "2"], ["c", "1"]), null);
  assert.deepEqual(it.queue, page(["b", "2"], ["c", "1"]));
});

Deno.test("transfer: from several sources each key is copied once, unless their records differ", () => {
  const it = transfer(null, ["n1", "n2"]);
  it.onPage(page(["a", "1"]), null);
  for (const [key, digest] of it.queue.splice(0)) it.onPulled(key, digest);
  it.onPage(page(["a", "1"], ["b", "1"]), null);
  assert.deepEqual(it.queue, page(["b", "1"]));
});

Deno.test("transfer: a page is done when it has arrived and all its keys are copied", () => {
  const it = transfer("n1", ["n1"]);
  assert.equal(it.isPageDone, false, "it has not arrived");
  it.onPage(page(["a", "1"]), null);
  assert.equal(it.isPageDone, false, "a key is not requested yet");
  assert.deepEqual(it.startPull(1), ["a", "1"]);
  assert.equal(it.startPull(1), undefined, "one at a time");
  assert.equal(it.isPageDone, false, "the key is in transfer");
  it.endPull();
  assert.equal(it.isPageDone, true);
});
