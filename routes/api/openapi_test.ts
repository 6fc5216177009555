import assert from "node:assert/strict";
import { dashboardFixture } from "../../tests/dashboard_fixture.ts";

Deno.test("/api/openapi.json describes all routes and responses", async () => {
  const { ask, errors } = dashboardFixture();
  const described = await (await ask("/api/openapi.json")).json();
  assert.deepEqual(Object.keys(described.paths).sort(), [
    "/api/clusters",
    "/api/clusters/{id}",
    "/api/clusters/{id}/events",
    "/api/clusters/{id}/kv/{key}",
    "/api/clusters/{id}/load",
    "/api/clusters/{id}/load/{run}",
    "/api/clusters/{id}/load/{run}/stop",
    "/api/clusters/{id}/nodes",
    "/api/clusters/{id}/nodes/{node}",
    "/api/clusters/{id}/nodes/{node}/replace",
    "/api/clusters/{id}/nodes/{node}/{act}",
    "/api/clusters/{id}/plans/{plan}",
    "/api/clusters/{id}/ring/{key}",
    "/api/clusters/{id}/transfers",
  ]);
  assert.deepEqual(Object.keys(described.paths["/api/clusters"]).sort(), ["get", "post"]);
  assert.equal(described.components.schemas.Launch.additionalProperties, false);
  // Responses that every route has, in addition to its own.
  type Operation = {
    readonly responses: object;
    readonly requestBody?: { readonly content: object };
  };
  for (const [path, item] of Object.entries<Record<string, Operation>>(described.paths)) {
    for (const [method, { responses, requestBody }] of Object.entries(item)) {
      const json = Object.keys(requestBody?.content ?? {}).includes("application/json");
      const wanted = [
        403,
        500,
        ...(path.includes("{id}") ? [404] : []),
        ...(json ? [400, 413, 415] : []),
        ...(path.includes("/kv/") ? [400, 401, 409, 421, 502, 503, 504] : []),
      ];
      const missing = wanted.filter((status) => !(status in responses));
      assert.deepEqual(missing, [], `${method} ${path}`);
    }
  }
  const docs = await ask("/api/docs");
  assert.equal(docs.status, 200);
  const html = await docs.text();
  assert.doesNotMatch(html, /<script/);
  assert.match(
    html,
    /curl -X POST http:\/\/127\.0\.0\.1:8000\/api\/clusters\/demo\/nodes\/n1\/kill</,
  );
  assert.match(html, /-H 'Content-Type: application\/json' -d '\{&#34;nodes&#34;:5,/);
  assert.deepEqual(errors, []);
});
