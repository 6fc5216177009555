import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter } from "./line_splitter.ts";

Deno.test("lines do not depend on the pieces in which the text arrives", () => {
  const text = fc.array(fc.constantFrom("a", "bc", "\n", "\n\n", "ü"), { maxLength: 40 });
  fc.assert(fc.property(text, (pieces) => {
    const whole = pieces.join("");
    const splitter = new LineSplitter(1_000);
    const lines = pieces.flatMap((piece) => splitter.take(piece));
    deepEqual(
      [...lines, splitter.rest()].filter((line) => line !== ""),
      whole.split("\n").filter((line) => line !== ""),
    );
  }));
});

Deno.test("the rest is the unfinished line", () => {
  const splitter = new LineSplitter(100);
  deepEqual(splitter.take("one\ntw"), ["one"]);
  deepEqual(splitter.take("o\nthr"), ["two"]);
  equal(splitter.rest(), "thr");
  equal(splitter.rest(), "");
});

Deno.test("an endless line is refused before it fills the memory", () => {
  const splitter = new LineSplitter(10);
  deepEqual(splitter.take("12345\n1234567890"), ["12345"]);
  throws(() => splitter.take("1"), /at most 10 characters/);
});
