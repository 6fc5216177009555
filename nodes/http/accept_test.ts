import { equal } from "node:assert/strict";
import { prefers } from "./accept.ts";

const JSON_TYPE = "application/json";

for (
  const [accept, expected] of [
    [null, false],
    ["", false],
    ["*/*", false],
    ["application/*", false],
    ["application/json", true],
    ["Application/JSON", true],
    ["application/json; charset=utf-8", true],
    ["application/json, text/plain, */*", true],
    ["text/html;q=0.9, application/json", true],
    ["*/*;q=0.8,application/json;q=0.8", true],
    ["application/json;q=0", false],
    ["application/json;Q=0", false],
    ["application/json;q=0.4, text/plain", false],
    ["application/json;q=0.4, */*", false],
    ["application/json-seq", false],
    ["application/json-seq, application/json;q=0.1", false],
    [",;q=1,, application/json", true],
  ] as const
) {
  Deno.test(`Accept: ${accept} ${expected ? "asks" : "does not ask"} for JSON`, () => {
    equal(prefers(accept, JSON_TYPE), expected);
  });
}
