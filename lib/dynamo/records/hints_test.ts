import assert from "node:assert/strict";
import type { StoredRecord } from "../types/records.ts";
import { HintBook, hintChange, withHint, withoutHint } from "./hints.ts";

Deno.test("hints: the index matches the record, and a delivered hint is always removed from it", () => {
  const bare: StoredRecord = { key: "k", siblings: [] };
  const hinted = withHint(withHint(bare, "a", 1), "b", 2);
  assert.deepEqual(hintChange(bare, hinted, []), { add: ["a", "b"], remove: [] });
  assert.deepEqual(hintChange(hinted, withoutHint(hinted, "a"), ["a"]), {
    add: [],
    remove: ["a"],
  });
  assert.deepEqual(hintChange(bare, bare, ["c"]), { add: [], remove: ["c"] });
  assert.equal(hintChange(hinted, withHint(hinted, "a", 9), []), null);
  assert.equal("hintFor" in withoutHint(withHint(bare, "a", 1), "a"), false);
});

Deno.test("hints: the limit includes hints being stored, and an empty scan resets the count", () => {
  const book = new HintBook([["a", 1]], 2);
  book.expect({ add: ["b"] });
  assert.ok(!book.hasRoom());
  book.settleChange({ add: ["b"] }, true);
  assert.deepEqual(book.targets(), ["a", "b"]);
  book.settleChange({ remove: ["a"] }, true);
  assert.ok(book.hasRoom());
  book.settle("b");
  assert.deepEqual([book.total, book.targets()], [0, []]);
});
