import { deepEqual, equal, throws } from "node:assert/strict";
import { assert, InvariantError } from "./assert.ts";

Deno.test("assert: the error names the invariant and the values", () => {
  assert(true, "holds");
  throws(() => assert(false, "answered is at most asked", 4, 3), {
    name: "InvariantError",
    message: "answered is at most asked (found 4, 3)",
  });
  throws(() => assert(false, "owners are distinct", ["n1", "n1"]), /\(found \["n1","n1"\]\)/);
  throws(() => assert(false, "there is one"), { message: "there is one" });
});

Deno.test("assert: narrows the type of its condition", () => {
  const lengthOf = (value: string | undefined): number => {
    assert(value !== undefined, "the value is there");
    return value.length;
  };
  deepEqual([lengthOf("four")], [4]);
  equal(new InvariantError("x") instanceof Error, true);
});
