import { equal } from "node:assert/strict";
import { BearerCheck, validateSecret } from "../process/secret.ts";
import { Cors, HostCheck } from "./access.ts";

Deno.test("on loopback, Host must be a name of this machine", () => {
  const check = new HostCheck("127.0.0.1");
  for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1:9101", "127.9.9.9", "[::1]:9101"]) {
    equal(check.refuse(host), null, host);
  }
  for (
    const host of ["evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", "", "::1"]
  ) {
    equal(check.refuse(host)?.status, 403, host);
  }
});

Deno.test("beyond loopback, any Host passes", () => {
  equal(new HostCheck("0.0.0.0").refuse("node-1.example:9101"), null);
});

Deno.test("a page may read responses only if its origin is allowed", () => {
  const cors = new Cors(["http://localhost:8000"]);
  const from = (origin: string, method = "GET") =>
    new Request("http://n1/kv/a", { method, headers: { origin } });
  const marked = cors.mark(from("http://localhost:8000"), new Response("x"));
  equal(marked.headers.get("access-control-allow-origin"), "http://localhost:8000");
  equal(marked.headers.get("vary"), "origin");
  const other = cors.mark(from("http://evil.example"), new Response("x"));
  equal(other.headers.get("access-control-allow-origin"), null);
  equal(cors.preflight(from("http://localhost:8000", "OPTIONS"))?.status, 204);
  equal(cors.preflight(from("http://evil.example", "OPTIONS")), null);
});

Deno.test("a bearer token passes only if it is exactly the secret", () => {
  const check = new BearerCheck("s3cret-s3cret");
  equal(check.passes("Bearer s3cret-s3cret"), true);
  for (
    const given of [null, "", "Bearer ", "Bearer s3cret-s3creT", "bearer s3cret-s3cret", "s3cret"]
  ) {
    equal(check.passes(given), false, String(given));
  }
});

Deno.test("without a secret, no bearer token passes", () => {
  const check = new BearerCheck(null);
  equal(check.passes("Bearer "), false);
  equal(check.passes("Bearer null"), false);
});

Deno.test("a secret that does not fit into a header is refused, and the message does not contain it", () => {
  equal(validateSecret("0123456789"), null);
  const invalid = validateSecret("höchst geheim");
  equal(invalid?.includes("geheim"), false);
  equal(validateSecret("short")?.includes("8 to 1024"), true);
});
