import assert from "node:assert/strict";
import fc from "fast-check";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import { objectAddress } from "./record_address.ts";
import { RecordIndex } from "./record_index.ts";

/** Addresses with similar discriminators, which collide around a few slots at the table's end. */
function crowdedAddress(number: number): string {
  const home = String.fromCharCode(0, 0, 3, 250 + number % 6);
  return `o${"p".repeat(16)}${home}${String.fromCharCode(0, 0, number >> 8, number & 255)}`;
}

Deno.test("index: agrees with a Map after any history of sets and deletes", () => {
  const step = fc.record({
    number: fc.integer({ min: 0, max: 40 }),
    bytes: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const index = new RecordIndex();
    const model = new Map<string, number>();
    for (const { number, bytes } of steps) {
      const address = crowdedAddress(number);
      if (bytes === 0) {
        index.delete(address);
        model.delete(address);
      } else {
        index.set(address, bytes);
        model.set(address, bytes);
      }
    }
    assert.equal(index.count, model.size);
    assert.equal(index.bytes, [...model.values()].reduce((sum, bytes) => sum + bytes, 0));
    for (let number = 0; number <= 40; number++) {
      const address = crowdedAddress(number);
      assert.equal(index.sizeOf(address), model.get(address) ?? 0);
      assert.equal(index.has(address), model.has(address));
    }
  }));
});

Deno.test("index: grows, and still distinguishes present from absent keys", () => {
  const index = new RecordIndex();
  const address = (i: number) => objectAddress(`key-${i}`, positionOf(`key-${i}`));
  for (let i = 0; i < 20_000; i++) index.set(address(i), i + 1);
  for (let i = 0; i < 20_000; i += 2) index.delete(address(i));
  assert.equal(index.count, 10_000);
  for (let i = 0; i < 20_000; i++) assert.equal(index.sizeOf(address(i)), i % 2 === 0 ? 0 : i + 1);
  for (let i = 20_000; i < 40_000; i++) assert.equal(index.has(address(i)), false);
});
