import assert from "node:assert/strict";
import { dashboardFixture, HOST } from "../../tests/dashboard_fixture.ts";

const HTML = { headers: { Accept: "text/html" } };

Deno.test("the front page shows the form, the presets and the clusters, without inline code", async () => {
  const { ask, post } = dashboardFixture();
  await post("/api/clusters", { name: "first" });
  const page = await (await ask("/")).text();
  assert.match(page, /^<!doctype html><html lang="en">/);
  assert.match(page, /<a href="\/clusters\/first">first<\/a>/);
  assert.match(page, /href="\/\?preset=read-heavy#start"/);
  assert.match(page, /R \+ W = 4 (>|&gt;) N = 3/);
  assert.doesNotMatch(page, / style=| on[a-z]+="/);
  assert.doesNotMatch(page, /<script(?![^>]*(src=|application\/json))/);
  assert.doesNotMatch(page, /href="\/(experiments|simulate|pbs)/);
});

Deno.test("a preset fills the form without scripts", async () => {
  const { ask } = dashboardFixture();
  const page = await (await ask("/?preset=original-writes")).text();
  assert.match(page, /name="nodes"[^>]*value="8"/);
  assert.match(page, /name="latency"[^>]*value="W,R=uniform\(0,20\);A,S=0"/);
});

Deno.test("the launch form starts a cluster and redirects to its page", async () => {
  const { submit, ask, launched } = dashboardFixture();
  const fields = { nodes: "4", n: "3", r: "1", w: "2", latency: "5", name: "mine", mode: "lww" };
  const response = await submit("/clusters", fields);
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("Location"), "/clusters/mine");
  const page = await (await ask("/clusters/mine")).text();
  assert.match(page, /<h1>mine<\/h1>/);
  assert.match(page, /last writer wins/);
  assert.equal(launched[0]?.nodes.length, 4);
});

Deno.test("an invalid launch form is shown again with the entered values and the error", async () => {
  const { submit, launched } = dashboardFixture();
  const response = await submit("/clusters", {
    nodes: "4",
    n: "3",
    r: "9",
    w: "2",
    latency: "fast",
  });
  assert.equal(response.status, 400);
  const page = await response.text();
  assert.match(page, /r must be a whole number from 1 to 3: current value is 9/);
  assert.match(page, /name="latency"[^>]*value="fast"/);
  assert.equal(launched.length, 0);
});

Deno.test("pages show why a cluster did not start, and what to do", async () => {
  const failure = "Node n1 could not start: a package is missing from Deno's cache (x).\n" +
    "Connect to the network once and run: npx --yes deno@2.9 task fetch\n\nIt printed:\nsome words";
  const { ask, post } = dashboardFixture({ failure });
  await post("/api/clusters", { name: "a" });
  for (const path of ["/", "/clusters/a"]) {
    const html = await (await ask(path)).text();
    assert.match(html, /<p>Node n1 could not start: a package is missing/);
    assert.match(html, /once and run: <code>npx --yes deno@2\.9 task fetch<\/code><\/p>/);
    assert.match(html, /<pre[^>]*>It printed:\nsome words<\/pre>/);
  }
});

Deno.test("the server renders the cluster page with ring, nodes and forms", async () => {
  const { ask, post } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  await post("/api/clusters/a/nodes/n2/kill");
  const page = await (await ask("/clusters/a")).text();
  assert.equal(page.match(/class="arc /g)?.length, 128);
  assert.match(page, /aria-label="n2, killed"/);
  assert.match(page, /action="\/clusters\/a\/nodes\/n2\/restart"/);
  assert.match(page, /action="\/clusters\/a\/load"/);
  // What the other nodes believe about n2, and the hints that each keeps for it.
  assert.match(page, /class="suspected"[^>]*><span[^>]*>✕<\/span> 9\.5/);
  assert.match(page, /All 4 other nodes believe it is down\./);
  assert.match(page, /<td class="number"><span title="3 hints for n2">3<\/span><\/td>/);
  // The empty feed explains what it will show.
  assert.match(page, /<dt>repairs<\/dt><dd>read repair, hinted handoff/);
  assert.doesNotMatch(page, / style="| on[a-z]+="/);
});

Deno.test("forms get, put and delete a key without scripts", async () => {
  const { ask, submit, post, nodes } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  const got = await submit("/clusters/a/kv", { op: "get", key: "a b", r: "1", node: "n2" });
  assert.equal(got.headers.get("Location"), "/clusters/a?key=a+b&op=get&r=1&node=n2#keys");

  const dot = ["n1/d/1", 4];
  nodes.answer = () =>
    Response.json({
      key: "a b",
      context: "CTX",
      coordinator: "n2",
      siblings: [
        { value: "red", contentType: "text/plain", clock: [["n1/d/1", 3]], dot },
        { valueBase64: "AP8=", contentType: "image/png", clock: [], dot: ["n3/d/1", 1] },
      ],
      replicas: [{ node: "n2", primary: true, outcome: "answered", sentUs: 5, answeredUs: 900 }],
    }, { status: 300 });
  const page = await (await ask("/clusters/a?key=a+b&op=get&r=1&node=n2")).text();
  assert.ok(nodes.asked.includes("GET http://127.0.0.1:20002/kv/a%20b?r=1"));
  assert.match(page, /2 siblings of a b/);
  assert.match(page, /name="context" value="CTX"/);
  assert.match(page, /00 ff/);
  assert.match(page, /The last request: get a b/);

  let put: { body: string; context: string | null } | null = null;
  nodes.answer = async (request) => {
    const context = request.headers.get("X-Dynamo-Context");
    put = { body: await request.text(), context };
    return Response.json({ key: "k", context: "C2", coordinator: "n1", acks: ["n1"], hints: [] });
  };
  const fields = { op: "put", key: "k", value: "x\r\ny", useContext: "on", context: "CTX", w: "2" };
  const stored = await submit("/clusters/a/kv", fields);
  assert.equal(stored.status, 200);
  assert.deepEqual(put, { body: "x\ny", context: "CTX" });
  assert.match(await stored.text(), /Stored: k/);
  await submit("/clusters/a/kv", { ...fields, useContext: "" });
  assert.deepEqual(put, { body: "x\ny", context: null });
});

Deno.test("a failed quorum is shown with the replies needed and received", async () => {
  const { submit, post, nodes } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  nodes.answer = () =>
    Response.json({
      type: "urn:dynamo-simulator:problem:quorum-not-met",
      title: "Too few replicas answered",
      status: 503,
      needed: 2,
      got: 1,
      unreachable: ["n4"],
      definite: false,
    }, { status: 503, headers: { "Content-Type": "application/problem+json" } });
  const response = await submit("/clusters/a/kv", { op: "put", key: "k", value: "v" });
  assert.equal(response.status, 503);
  const page = await response.text();
  assert.match(page, /2 needed, 1 received; no answer from n4/);
  assert.match(page, /not definite/);
});

Deno.test("forms end nodes and clusters, but not from a page of another site", async () => {
  const { ask, submit, post, launched } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  const killed = await submit("/clusters/a/nodes/n1/kill", {});
  assert.equal(killed.headers.get("Location"), "/clusters/a#nodes");
  const headers = { Origin: "http://evil.example", ...HTML.headers };
  const foreign = await ask("/clusters/a/end", { method: "POST", headers });
  assert.equal(foreign.status, 403);
  assert.equal(launched[0]?.closed, 0);
  await submit("/clusters/a/end", {});
  assert.equal(launched[0]?.closed, 1);
  const gone = await ask("/clusters/a", HTML);
  assert.equal(gone.status, 404);
  assert.match(await gone.text(), /There is no cluster &#39;a&#39;|There is no cluster 'a'/);
});

Deno.test("stored text cannot inject markup into the page", async () => {
  const { ask, post, nodes } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  const value = "</script><script>alert(1)</script>";
  nodes.answer = () =>
    Response.json({
      key: value,
      context: "C",
      siblings: [{ value, contentType: value, clock: [], dot: [value, 1] }],
      coordinator: "n1",
      replicas: [],
    });
  const page = await (await ask(`/clusters/a?op=get&key=${encodeURIComponent(value)}`)).text();
  assert.doesNotMatch(page, /<script>alert/);
});

Deno.test("files have a hash of their content in the path and may be cached forever", async () => {
  const { ask } = dashboardFixture();
  const page = await (await ask("/")).text();
  const [style] = /\/assets\/[0-9a-f]{16}\/app\.css/.exec(page) ?? [];
  const css = await ask(style ?? "");
  assert.equal(css.status, 200);
  assert.match(css.headers.get("Cache-Control") ?? "", /immutable/);
  assert.equal(css.headers.get("Content-Type"), "text/css; charset=utf-8");
  await css.body?.cancel();
  const other = await ask(`/assets/0000000000000000/app.css`);
  assert.equal(other.status, 404);
  const host = await ask("/icon.svg", { headers: { Host: HOST } });
  assert.equal(host.headers.get("Content-Type"), "image/svg+xml");
  await host.body?.cancel();
});
