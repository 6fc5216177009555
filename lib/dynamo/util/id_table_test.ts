import assert from "node:assert/strict";
import fc from "fast-check";
import { deepClone } from "./clone.ts";
import { IdTable } from "./id_table.ts";

/** Few ids, so that they collide, and are added and removed repeatedly. */
const id = fc.oneof(
  fc.integer({ min: 1, max: 80 }),
  fc.constantFrom(2 ** 31, 2 ** 32 + 1, 2 ** 50),
);

Deno.test("an id table behaves like a Map", () => {
  const acts = fc.array(fc.tuple(id, fc.constantFrom("set", "take", "take")), { maxLength: 400 });
  fc.assert(fc.property(acts, (acts) => {
    const table = new IdTable<string>();
    const map = new Map<number, string>();
    for (const [i, [id, act]] of acts.entries()) {
      if (act === "set") {
        table.set(id, `value ${i}`);
        map.set(id, `value ${i}`);
      } else {
        assert.equal(table.take(id), map.get(id));
        map.delete(id);
      }
      assert.equal(table.size, map.size);
      assert.equal(table.has(id), map.has(id));
    }
    for (const [id, value] of map) assert.equal(table.get(id), value);
    const byId = ([a]: readonly [number, string], [b]: readonly [number, string]) => a - b;
    assert.deepEqual([...table.entries()].sort(byId), [...map].sort(byId));
  }));
});

Deno.test("a copied table is independent", () => {
  const table = new IdTable<number>();
  for (let id = 1; id <= 100; id++) table.set(id, -id);
  const copy = deepClone(table);
  for (let id = 1; id <= 100; id++) assert.equal(table.take(id), -id);
  assert.deepEqual([table.size, copy.size, copy.get(100)], [0, 100, -100]);
});
