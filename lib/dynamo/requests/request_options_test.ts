import assert from "node:assert/strict";
import fc from "fast-check";
import { clusterConfig } from "../types/config.ts";
import { utf8Length, validateRequest } from "./request_options.ts";

Deno.test("options: computed UTF-8 lengths match those of TextEncoder", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(utf8Length(text), new TextEncoder().encode(text).length);
  }));
});

Deno.test("options: invalid keys, values and quorums are refused with a helpful message", () => {
  const config = clusterConfig();
  const get = (key: string, extra = {}) =>
    validateRequest({ method: "get", key, ...extra }, config) ?? "";
  assert.equal(get("k".repeat(1024)), "");
  assert.match(get("k".repeat(1025)), /1 to 1024 bytes.*length is 1025/);
  assert.match(get("ä".repeat(513)), /length is 1026/);
  assert.match(get(""), /length is 0/);
  assert.match(get("k", { r: 4 }), /r must be a whole number from 1 to 3 \(N is 3\).*is 4/);
  assert.match(get("k", { pr: -1 }), /pr must be .* from 0/);
  assert.match(get("k", { timeoutMs: 0 }), /timeoutMs must be .* from 1 to 600000: .* is 0/);
  const put = (bytes: number) =>
    validateRequest({
      method: "put",
      key: "k",
      value: new Uint8Array(bytes).toBase64(),
      contentType: "",
      context: null,
    }, config) ?? "";
  assert.equal(put(1_048_576), "");
  assert.match(put(1_048_577), /at most 1048576 bytes: current length is 1048577/);
});
