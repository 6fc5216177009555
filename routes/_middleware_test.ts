import assert from "node:assert/strict";
import { dashboardFixture, HOST } from "../tests/dashboard_fixture.ts";

Deno.test("foreign hosts and origins are refused, but a request without Origin, as from curl, is not", async () => {
  const { ask, launched } = dashboardFixture();
  const tries: [string, Record<string, string>, number][] = [
    ["POST", { Host: "evil.example" }, 403],
    ["GET", { Host: "evil.example" }, 403],
    ["POST", { Origin: "http://evil.example" }, 403],
    ["POST", { Origin: "null" }, 403],
    ["POST", { Origin: "http://127.0.0.1:3000" }, 403],
    ["DELETE", { Origin: "http://evil.example" }, 403],
    ["POST", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["POST", { Origin: `http://${HOST}` }, 201],
    ["POST", {}, 201],
    ["GET", { Host: "localhost:9999" }, 200],
  ];
  for (const [method, headers, status] of tries) {
    const path = method === "DELETE" ? "/api/clusters/cluster-1" : "/api/clusters";
    const response = await ask(path, { method, headers });
    assert.equal(response.status, status, JSON.stringify([method, headers]));
    if (status === 403) {
      assert.equal(response.headers.get("Content-Type"), "application/problem+json");
    }
    await response.body?.cancel();
  }
  assert.equal(launched.length, 2);
});

Deno.test("every response has the security headers", async () => {
  const { ask } = dashboardFixture();
  for (const path of ["/", "/api/clusters", "/nowhere", "/api/openapi.json", "/api/docs"]) {
    const response = await ask(path);
    const policy = response.headers.get("Content-Security-Policy") ?? "";
    assert.match(policy, /default-src 'none'/, path);
    assert.match(policy, /frame-ancestors 'none'/, path);
    assert.doesNotMatch(policy, /unsafe/, path);
    assert.equal(response.headers.get("X-Content-Type-Options"), "nosniff", path);
    await response.body?.cancel();
  }
});
