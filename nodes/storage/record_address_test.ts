import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressOf,
  hintAddress,
  kvKey,
  objectAddress,
  OBJECTS_END,
  objectsFrom,
  partsOfHint,
  positionAt,
} from "./record_address.ts";

const position = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.toHex());
const key = fc.string({ unit: "binary", maxLength: 100 }).filter((s) => s.isWellFormed());

Deno.test("address: positions and hints can be read back, and the order follows the position", () => {
  fc.assert(fc.property(position, position, key, key, (first, second, a, b) => {
    const object = objectAddress(a, first);
    assert.equal(positionAt(object), first);
    assert.equal(addressOf(kvKey(object)), object);
    assert.deepEqual(partsOfHint(hintAddress("nöde-1", object)), { target: "nöde-1", object });
    assert.ok(object >= objectsFrom(first) && object < OBJECTS_END);
    if (first < second) assert.ok(object < objectAddress(b, second));
    if (a !== b) assert.notEqual(object, objectAddress(b, first));
  }));
});

Deno.test("address: invalid positions, keys and node ids are refused", () => {
  const zero = "0".repeat(32);
  for (
    const bad of ["", "0".repeat(31), "0".repeat(33), `${"0".repeat(31)}A`, `g${zero.slice(1)}`]
  ) {
    assert.throws(() => objectAddress("k", bad), TypeError);
  }
  assert.throws(() => objectAddress("\ud800", zero), TypeError);
  assert.throws(() => hintAddress("n\0", objectAddress("k", zero)), TypeError);
  assert.throws(() => hintAddress("", objectAddress("k", zero)), TypeError);
  assert.throws(() => addressOf(["o", 7]), TypeError);
});
