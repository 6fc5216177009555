/** Plans and commits: what is repeated, what is sent once, and what ends the attempts. */
import assert from "node:assert/strict";
import { BreakingNode } from "../../tests/breaking_node.ts";
import { MembershipClient } from "./membership_client.ts";
import { NodeError } from "./node_requests.ts";

const URL = "http://127.0.0.1:9101";

/** A member that refuses commits with these codes, one after another, and then accepts them. */
function memberWith(refusals: readonly string[]) {
  const asked: string[] = [];
  const left = [...refusals];
  let plans = 0;
  const fetchFrom = async (url: string, init: RequestInit) => {
    const body = await new Request(url, init).json();
    asked.push(`${url.slice(URL.length)} ${JSON.stringify(body)}`);
    if (body.plan === true) return Response.json({ planId: `p${++plans}` });
    const code = left.shift();
    return code === undefined
      ? Response.json({ committed: true })
      : Response.json({ type: `urn:x:${code}`, detail: code }, { status: 409 });
  };
  return { asked, client: new MembershipClient("s", fetchFrom) };
}

Deno.test("a change is planned again if the membership changes before the commit", async () => {
  const { asked, client } = memberWith(["ring-moved", "ring-moved"]);
  const plans: string[] = [];
  await client.planAndCommit(URL, "leave", { node: "n2" }, ({ planId }) => plans.push(planId));
  assert.deepEqual(plans, ["p1", "p2", "p3"]);
  assert.deepEqual(asked.slice(-2), [
    '/membership/leave {"plan":true,"node":"n2"}',
    '/membership/leave {"planId":"p3"}',
  ]);
});

Deno.test("a refused change is not planned again, and the attempts are limited", async () => {
  const refused = memberWith(["act-refused"]);
  await assert.rejects(refused.client.planAndCommit(URL, "leave", { node: "n2" }), {
    code: "act-refused",
  });
  assert.equal(refused.asked.length, 2);
  const moving = memberWith(Array.from({ length: 100 }, () => "ring-moved"));
  await assert.rejects(moving.client.planAndCommit(URL, "leave", { node: "n2" }), {
    code: "ring-moved",
  });
  assert.equal(moving.asked.length, 20);
});

Deno.test("a commit whose connection breaks is sent once, and its effect is unknown", async () => {
  await using node = new BreakingNode({ planId: "p1" });
  const client = new MembershipClient("s");
  await assert.rejects(client.planAndCommit(node.url, "join", { url: URL }), (error) => {
    assert.ok(error instanceof NodeError);
    assert.deepEqual([error.status, error.definite], [null, false]);
    return true;
  });
  assert.deepEqual(node.received, ["POST", "POST"]);
});
