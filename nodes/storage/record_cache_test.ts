import assert from "node:assert/strict";
import { RecordCache } from "./record_cache.ts";
import { recordFor } from "./testing/storage_under_test.ts";

Deno.test("cache: recently used records stay, and the size stays within the limit", () => {
  const cache = new RecordCache(10_000);
  for (let i = 0; i < 1_000; i++) {
    cache.set(`o${i}`, recordFor(`k${i}`), 200);
    assert.ok(cache.bytes <= 10_000);
    assert.deepEqual(cache.get("o0"), recordFor("k0"), `used at every step, after ${i}`);
  }
  assert.equal(cache.get("o1"), undefined);
  assert.deepEqual(cache.get("o999"), recordFor("k999"));
});

Deno.test("cache: a replaced or deleted record is removed and no longer counted", () => {
  const cache = new RecordCache(1_000_000);
  cache.set("o1", recordFor("k", "old"), 100);
  const bytes = cache.bytes;
  cache.set("o1", recordFor("k", "new"), 100);
  assert.deepEqual([cache.get("o1"), cache.bytes], [recordFor("k", "new"), bytes]);
  cache.delete("o1");
  cache.delete("o1");
  assert.deepEqual([cache.get("o1"), cache.bytes], [undefined, 0]);
});

Deno.test("cache: a record larger than the cache is not kept, and its older version is removed", () => {
  const cache = new RecordCache(5_000);
  cache.set("o1", recordFor("k", "small"), 100);
  cache.set("o1", recordFor("k", "large"), 4_000);
  assert.deepEqual([cache.get("o1"), cache.bytes], [undefined, 0]);
});
