import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  keyIn,
  readQuery,
  TargetError,
  targetOf,
  text,
  trueOrFalse,
  wholeNumber,
} from "./request_target.ts";

Deno.test("a URL is split into authority, path and query", () => {
  deepEqual(targetOf("http://h:1/kv/a%2Fb?r=1&w=2"), {
    authority: "h:1",
    path: "/kv/a%2Fb",
    query: "r=1&w=2",
  });
  deepEqual(targetOf("http://h"), { authority: "h", path: "/", query: "" });
  deepEqual(targetOf("http://h/kv/../x"), { authority: "h", path: "/kv/../x", query: "" });
});

Deno.test("every key is decoded from its own percent-encoding", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" }), (key) => {
      fc.pre(key.isWellFormed());
      equal(keyIn(`/kv/${encodeURIComponent(key)}`, "/kv/"), key);
    }),
  );
});

for (
  const [path, wrong] of [
    ["/kv/%zz", /percent-encoding/],
    ["/kv/%ff", /percent-encoding/],
    ["/kv/%", /percent-encoding/],
    ["/kv/%C3", /percent-encoding/],
    ["/kv/%ED%A0%80", /percent-encoding/],
    ["/kv/a/b", /%2F/],
    ["/kv/a b", /percent-encoded/],
    ["/kv/ü", /percent-encoded/],
    ["/kv/", /1 to 1024 bytes of UTF-8: current length is 0/],
    [`/kv/${"k".repeat(1025)}`, /current length is 1025/],
    [`/kv/${"%C3%BC".repeat(513)}`, /current length is 1026/],
  ] as const
) {
  Deno.test(`refused as a key: ${path.slice(0, 30)}`, () => {
    throws(() => keyIn(path, "/kv/"), (error) => {
      return error instanceof TargetError && wrong.test(error.message);
    });
  });
}

Deno.test("a key may have 1024 bytes", () => {
  equal(keyIn(`/kv/${"k".repeat(1024)}`, "/kv/").length, 1024);
});

const PARAMETERS = { r: wholeNumber(1, 3), sloppy: trueOrFalse(), after: text(5) };

Deno.test("a query is read with a table of its parameters", () => {
  deepEqual(readQuery("", PARAMETERS), {});
  deepEqual(readQuery("r=3&sloppy=false&after=a%20b", PARAMETERS), {
    r: 3,
    sloppy: false,
    after: "a b",
  });
});

for (
  const [query, wrong] of [
    ["r=4", /r must be a whole number from 1 to 3: current value is '4'/],
    ["r=", /current value is ''/],
    ["r=1e0", /current value is '1e0'/],
    ["r=-1", /current value is '-1'/],
    ["r=99999999999999999999", /whole number/],
    ["sloppy=TRUE", /sloppy must be true or false/],
    ["after=123456", /at most 5 characters/],
    ["x=1", /unknown parameter 'x': allowed here are r, sloppy, after/],
    ["toString=1", /unknown parameter 'toString'/],
    ["r=1&r=1", /r is given twice/],
  ] as const
) {
  Deno.test(`refused in a query: ${query}`, () => {
    throws(() => readQuery(query, PARAMETERS), wrong);
  });
}
