import assert from "node:assert/strict";
import type { KeyDigest } from "../types/records.ts";
import { RangeTransfer } from "./range_transfer.ts";

const START = "0".repeat(32);
const END = `8${"0".repeat(31)}`;
const transfer = (sender: string | null, sources: readonly string[]) =>
  new RangeTransfer(1, START, END, 3, 0, sender, sender !== null, sources, 0);
const page = (...entries: readonly (readonly [string, string])[]): KeyDigest[] =>
  entries.map(([key, digest]) => [key, digest]);

Deno.test("transfer: only what is not here already, as it is at the source, comes over", () => {
  const it = transfer("n1", ["n1"]);
  it.onOwn(page(["a", "1"], ["b", "1"]));
  it.onPage(page(["a", "1"], ["b", "2"], ["c", "1"]), null);
  assert.deepEqual(it.queue, page(["b", "2"], ["c", "1"]));
});

Deno.test("transfer: the pass after the fence finds only what came in between", () => {
  const it = transfer("n1", ["n1"]);
  it.onPage(page(["a", "1"], ["b", "1"]), null);
  for (const [key, digest] of it.queue.splice(0)) it.onPulled(key, digest);
  assert.equal(it.keys, 2);
  it.onPage(page(["a", "1"], ["b", "2"], ["c", "1"]), null);
  assert.deepEqual(it.queue, page(["b", "2"], ["c", "1"]));
});

Deno.test("transfer: of several survivors each key comes once, unless they hold different things", () => {
  const it = transfer(null, ["n1", "n2"]);
  it.onPage(page(["a", "1"]), null);
  for (const [key, digest] of it.queue.splice(0)) it.onPulled(key, digest);
  it.onPage(page(["a", "1"], ["b", "1"]), null);
  assert.deepEqual(it.queue, page(["b", "1"]));
});

Deno.test("transfer: a page is done when it is in, asked for and here", () => {
  const it = transfer("n1", ["n1"]);
  assert.equal(it.isPageDone, false, "it is not in");
  it.onPage(page(["a", "1"]), null);
  assert.equal(it.isPageDone, false, "a key is to be asked for");
  assert.deepEqual(it.startPull(1), ["a", "1"]);
  assert.equal(it.startPull(1), undefined, "no more than one at once");
  assert.equal(it.isPageDone, false, "the key is on its way");
  it.endPull();
  assert.equal(it.isPageDone, true);
});
