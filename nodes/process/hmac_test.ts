import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { HmacSha256 } from "./hmac.ts";

Deno.test("the result equals node:crypto's HMAC for keys shorter and longer than a block", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(fc.property(bytes, bytes, (key, message) => {
    const expected = createHmac("sha256", key).update(message).digest("hex");
    const hmac = new HmacSha256(Buffer.from(key));
    equal(hmac.of(Buffer.from(message)).toString("hex"), expected);
    // A second use must not depend on the first.
    equal(hmac.of(Buffer.from(message)).toString("hex"), expected);
  }));
});

Deno.test("RFC 4231, test case 2", () => {
  equal(
    new HmacSha256(Buffer.from("Jefe")).of(Buffer.from("what do ya want for nothing?"))
      .toString("hex"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});
