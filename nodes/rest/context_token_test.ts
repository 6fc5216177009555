import { deepEqual, equal, notEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import type { Clock } from "../../lib/dynamo/versions/clock.ts";
import type { CausalContext } from "../../lib/dynamo/versions/versions.ts";
import { ContextTokens, TOKEN_CHARACTERS_MAX, TokenError } from "./context_token.ts";

const tokens = new ContextTokens("a secret of the cluster");

const actor = fc.string({ minLength: 1, maxLength: 20 });
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const clock = fc.uniqueArray(fc.tuple(actor, count), { selector: ([name]) => name, maxLength: 8 })
  .map((entries) => entries.sort((a, b) => a[0] < b[0] ? -1 : 1) as Clock);
const dots = fc.uniqueArray(fc.tuple(actor, count), { selector: ([name]) => name, minLength: 1 })
  .map((entries) => entries.sort((a, b) => a[0] < b[0] ? -1 : 1));
const context: fc.Arbitrary<CausalContext> = fc.record({
  clock,
  dots,
  stampUs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
}, { requiredKeys: ["clock", "stampUs"] });
const key = fc.string({ minLength: 1, unit: "grapheme" });

Deno.test("opening a token gives its context back", () => {
  fc.assert(fc.property(key, context, (key, context) => {
    deepEqual(tokens.open(key, tokens.seal(key, context).token), { context });
  }));
});

Deno.test("a token can carry the fastest replica, which does not change the tag", () => {
  fc.assert(fc.property(key, context, (key, context) => {
    const plain = tokens.seal(key, context);
    const hinted = tokens.seal(key, context, "n3");
    deepEqual(tokens.open(key, hinted.token), { context, fastest: "n3" });
    equal(hinted.tag, plain.tag);
    notEqual(hinted.token, plain.token);
  }));
});

Deno.test("a token with any bit flipped is refused", () => {
  fc.assert(fc.property(context, fc.nat(), fc.integer({ min: 0, max: 7 }), (context, at, bit) => {
    const bytes = Uint8Array.fromBase64(tokens.seal("k", context).token, { alphabet: "base64url" });
    const index = at % bytes.length;
    bytes[index] = (bytes[index] as number) ^ (1 << bit);
    const changed = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    throws(() => tokens.open("k", changed), TokenError);
  }));
});

Deno.test("a token with any character replaced is refused, spare bits of the last one included", () => {
  const { token } = tokens.seal("k", { clock: [["n1/a/1.1", 1]], stampUs: 7 });
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=!";
  for (let at = 0; at < token.length; at++) {
    for (const sign of alphabet) {
      if (sign === token[at]) continue;
      const changed = token.slice(0, at) + sign + token.slice(at + 1);
      throws(() => tokens.open("k", changed), TokenError);
    }
  }
});

Deno.test("a token cut anywhere is refused", () => {
  const { token } = tokens.seal("k", { clock: [], stampUs: 0 });
  for (let length = 0; length < token.length; length++) {
    throws(() => tokens.open("k", token.slice(0, length)), TokenError);
  }
});

Deno.test("a token of another key is refused", () => {
  const { token } = tokens.seal("mine", { clock: [], stampUs: 0 });
  throws(() => tokens.open("yours", token), /belongs to another key/);
});

Deno.test("a token of another cluster is refused, one of another node of this cluster is opened", () => {
  const { token } = tokens.seal("k", { clock: [], stampUs: 0 });
  throws(() => new ContextTokens("another secret").open("k", token), /another cluster/);
  deepEqual(new ContextTokens("a secret of the cluster").open("k", token).context.stampUs, 0);
});

Deno.test("a text that cannot be a token is refused", () => {
  throws(() => tokens.open("k", "not a token"), /garbled/);
  throws(() => tokens.open("k", "A".repeat(TOKEN_CHARACTERS_MAX + 1)), /at most 65536 characters/);
});
