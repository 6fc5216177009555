import assert from "node:assert/strict";
import { LaunchError } from "../../../../../nodes/cluster/launcher.ts";
import { dashboardFixture } from "../../../../../tests/dashboard_fixture.ts";
import type { FakeCluster } from "../../../../../tests/fake_cluster.ts";

async function fixtureWithCluster(body: unknown = { name: "a" }) {
  const fixture = dashboardFixture();
  await fixture.post("/api/clusters", body);
  const cluster = fixture.launched[0] as FakeCluster;
  return { ...fixture, cluster };
}

Deno.test("a node is added, with or without planning it first", async () => {
  const { post, ask, cluster } = await fixtureWithCluster();
  const planned = await post("/api/clusters/a/nodes?plan=true", { weight: 2, zone: "b" });
  assert.equal(planned.status, 200);
  const plan = await planned.json();
  assert.deepEqual([plan.act, plan.comes, plan.goes, plan.bytes], ["join", "n6", null, 4_096]);
  assert.equal((await (await ask("/api/clusters/a")).json()).nodes.length, 5);

  const committed = await post(`/api/clusters/a/nodes?planId=${plan.planId}`);
  assert.equal(committed.status, 201);
  assert.deepEqual(await committed.json(), plan);
  const { nodes } = await (await ask("/api/clusters/a")).json();
  assert.deepEqual(nodes.map((node: { id: string }) => node.id).at(-1), "n6");
  assert.deepEqual(nodes.map((node: { mark: number }) => node.mark), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(cluster.changes, [
    'plan {"kind":"add","weight":2,"zone":"b"}',
    `commit ${plan.planId}`,
  ]);

  // Without planning it first.
  const added = await post("/api/clusters/a/nodes");
  assert.equal(added.status, 201);
  assert.equal((await added.json()).comes, "n7");
});

Deno.test("a node leaves, is removed or replaced, and no other node gets its mark", async () => {
  const { post, ask, cluster } = await fixtureWithCluster();
  const left = await ask("/api/clusters/a/nodes/n2", { method: "DELETE" });
  assert.equal(left.status, 202);
  assert.equal((await left.json()).act, "leave");

  await post("/api/clusters/a/nodes/n3/kill");
  const plan = await (await ask("/api/clusters/a/nodes/n3?plan=true", { method: "DELETE" })).json();
  assert.equal(plan.act, "remove");
  assert.equal(cluster.nodes.length, 5);
  const path = `/api/clusters/a/nodes/n3?planId=${plan.planId}`;
  assert.equal((await ask(path, { method: "DELETE" })).status, 202);
  const { nodes } = await (await ask("/api/clusters/a")).json();
  assert.deepEqual(
    nodes.map(({ id, mark }: { id: string; mark: number }) => `${id} ${mark}`),
    ["n1 0", "n2 1", "n4 3", "n5 4"],
  );

  const replaced = await post("/api/clusters/a/nodes/n4/replace");
  assert.equal(replaced.status, 201);
  const { act, goes } = await replaced.json();
  assert.deepEqual([act, goes], ["replace", "n4"]);
});

Deno.test("a discarded plan cannot be committed", async () => {
  const { post, ask, cluster } = await fixtureWithCluster();
  const { planId } = await (await post("/api/clusters/a/nodes?plan=true")).json();
  const gone = await ask(`/api/clusters/a/plans/${planId}`, { method: "DELETE" });
  assert.equal(gone.status, 204);
  const late = await post(`/api/clusters/a/nodes?planId=${planId}`);
  assert.equal(late.status, 409);
  assert.match((await late.json()).detail, /no plan/);
  assert.equal(cluster.nodes.length, 5);
});

Deno.test("transfers list the members and the number of changes left", async () => {
  const { ask, post } = await fixtureWithCluster();
  await post("/api/clusters/a/nodes");
  const transfers = await (await ask("/api/clusters/a/transfers")).json();
  assert.equal(transfers.left, 2);
  assert.equal(transfers.seenBy, "n1");
  assert.equal(transfers.members.length, 6);
});

Deno.test("errors distinguish an invalid field, an unknown node and a change that the cluster refuses", async () => {
  const { post, ask, cluster } = await fixtureWithCluster({ name: "a", nodes: 32 });
  const bodies: [unknown, RegExp][] = [
    [{ weight: 0 }, /weight must be a number above 0, at most 100: it is 0/],
    [{ weight: "two" }, /weight must be a number.*it is "two"/],
    [{ zone: "a b" }, /zone must be 1 to 64 of .*it is "a b"/],
    [{ id: "n9" }, /there is no field 'id'/],
  ];
  for (const [body, expected] of bodies) {
    const response = await post("/api/clusters/a/nodes", body);
    assert.equal(response.status, 400, JSON.stringify(body));
    assert.match((await response.json()).detail, expected);
  }
  const odd = await ask("/api/clusters/a/nodes/n1?plan=maybe", { method: "DELETE" });
  assert.equal(odd.status, 400);
  assert.match((await odd.json()).detail, /plan must be true or false: it is "maybe"/);
  assert.deepEqual(cluster.changes, []);

  const unknown = await ask("/api/clusters/a/nodes/n77", { method: "DELETE" });
  assert.equal(unknown.status, 404);
  assert.match((await unknown.json()).detail, /no node 'n77'/);
  assert.equal((await post("/api/clusters/b/nodes")).status, 404);

  const full = await post("/api/clusters/a/nodes");
  assert.equal(full.status, 409);
  assert.match((await full.json()).detail, /at most 32 nodes: 'a' has 32/);

  cluster.refusal = new LaunchError(
    "refused",
    "Node n1: Cannot leave 'n2' as it is leaving already",
  );
  const refused = await ask("/api/clusters/a/nodes/n2", { method: "DELETE" });
  assert.equal(refused.status, 409);
  assert.match((await refused.json()).detail, /leaving already/);
  cluster.refusal = new LaunchError("failed", "Node n1 does not answer");
  assert.equal((await ask("/api/clusters/a/nodes/n2", { method: "DELETE" })).status, 502);
});

Deno.test("without scripts, a page shows the plan, and its form commits it", async () => {
  const { submit, cluster } = await fixtureWithCluster();
  const page = await submit("/clusters/a/plan", { kind: "add", weight: "1", zone: "" });
  assert.equal(page.status, 200);
  const html = await page.text();
  assert.match(html, /If n6 joins/);
  assert.match(html, /2 partitions/);
  const planId = /name="planId" value="([^"]+)"/.exec(html)?.[1] ?? "";
  const committed = await submit("/clusters/a/commit", { planId });
  assert.equal(committed.status, 303);
  assert.equal(committed.headers.get("Location"), "/clusters/a#nodes");
  assert.equal(cluster.nodes.length, 6);

  const wrong = await submit("/clusters/a/plan", { kind: "evict", node: "n1" });
  assert.equal(wrong.status, 400);
  assert.match(
    await wrong.text(),
    /kind must be one of add, remove, replace: it is &#39;evict&#39;|kind must be one of add, remove, replace: it is 'evict'/,
  );
  const leave = await (await submit("/clusters/a/plan", { kind: "remove", node: "n2" })).text();
  const leaveId = /name="planId" value="([^"]+)"/.exec(leave)?.[1] ?? "";
  assert.equal((await submit("/clusters/a/discard", { planId: leaveId })).status, 303);
  assert.ok(cluster.changes.includes(`discard ${leaveId}`));
});
