import assert from "node:assert/strict";
import { dashboardFixture } from "../tests/dashboard_fixture.ts";

const HTML = { headers: { Accept: "text/html" } };

Deno.test("404 is a page for browsers and a problem document for other clients", async () => {
  const { ask } = dashboardFixture();
  for (const path of ["/nowhere", "/clusters/nobody"]) {
    const page = await ask(path, HTML);
    assert.equal(page.status, 404);
    const html = await page.text();
    assert.match(html, /<title>Page not found · Dynamo Simulator<\/title>/);
    assert.match(html, /<strong>Error 404<\/strong>/);
    assert.doesNotMatch(html, /<script/);
  }
  for (const [path, init] of [["/nowhere", {}], ["/api/nowhere", HTML]] as const) {
    const answer = await ask(path, init);
    assert.equal(answer.headers.get("Content-Type"), "application/problem+json");
    assert.deepEqual(await answer.json(), {
      type: "urn:dynamo-simulator:problem:not-found",
      title: "Not found",
      status: 404,
      detail: `There is no resource at ${path}`,
    });
  }
});

Deno.test("a method that a route does not have is 405, and names the ones that it has", async () => {
  const { ask, errors } = dashboardFixture();
  const answer = await ask("/api/clusters", { method: "PATCH" });
  assert.equal(answer.status, 405);
  assert.equal(answer.headers.get("Allow"), "GET, HEAD, POST");
  const { detail } = await answer.json();
  assert.equal(detail, "the method must be GET, HEAD, POST: it is PATCH");
  const page = await ask("/clusters", HTML);
  assert.equal(page.status, 405);
  assert.equal(page.headers.get("Allow"), "POST");
  assert.match(await page.text(), /<h1>Page not found<\/h1>/);
  assert.deepEqual(errors, []);
});

Deno.test("HEAD answers with the length that GET has, and no body", async () => {
  const { ask } = dashboardFixture();
  for (const path of ["/", "/api/clusters", "/nowhere"]) {
    const length = (await (await ask(path)).bytes()).length;
    const answer = await ask(path, { method: "HEAD" });
    assert.equal(answer.headers.get("Content-Length"), `${length}`, path);
    assert.equal(answer.body, null);
  }
});

Deno.test("an error in the dashboard is reported to its operator, not to the client", async () => {
  const { ask, post, nodes, errors } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  nodes.answer = () => new Response("no JSON");
  const answer = await ask("/clusters/a?op=get&key=k");
  assert.equal(answer.status, 500);
  const { type, detail } = await answer.json();
  assert.equal(type, "urn:dynamo-simulator:problem:internal");
  assert.equal(detail, "The dashboard's output has the details");
  assert.equal(errors.length, 1);
  assert.ok(errors[0] instanceof SyntaxError);
});
