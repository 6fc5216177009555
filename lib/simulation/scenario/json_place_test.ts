import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonEndsAt, placeOf } from "./json_place.ts";

Deno.test("the place of an error is the first invalid token", () => {
  // A bar marks the place.
  const cases = [
    "|oops",
    '{"a": |oops}',
    '{"a": 1,\n |}',
    '{"a": 1 |"b": 2}',
    '{"a" |1}',
    "{|a: 1}",
    "[1, |]",
    "[|01]",
    "[1, 2|}",
    '{"a": [1|}',
    '"two"|"values"',
    "{} |{}",
    '{"text": |"a\nb"}',
    "[|1.]",
    "[|truely]",
    '["\\u00e9", |"\\x"]',
    // Incomplete texts.
    "|",
    '{"a": 1|',
    "[1,|",
    '{"nodes"|',
  ];
  for (const marked of cases) {
    const text = marked.replace("|", "");
    assert.throws(() => JSON.parse(text), SyntaxError, text);
    assert.equal(jsonEndsAt(text), marked.indexOf("|"), marked);
  }
});

Deno.test("valid JSON is valid to its end, and a truncated text is invalid at or before the cut", () => {
  fc.assert(fc.property(fc.json(), fc.nat(), (text, drawn) => {
    assert.equal(jsonEndsAt(text), text.length);
    const cut = drawn % (text.length + 1);
    assert.ok(jsonEndsAt(text.slice(0, cut)) <= cut);
    assert.ok(jsonEndsAt(`${text.slice(0, cut)}\u0000`) <= cut);
  }));
});

Deno.test("lines and columns count from 1", () => {
  assert.equal(placeOf("", 0), "line 1, column 1");
  assert.equal(placeOf("ab\ncd", 4), "line 2, column 2");
});
