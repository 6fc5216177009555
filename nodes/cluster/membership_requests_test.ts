/** How a launcher reports a node that refuses a request, fails or does not answer. */
import { deepEqual, equal, match } from "node:assert/strict";
import { BreakingNode } from "../../tests/breaking_node.ts";
import { problem } from "../http/problems.ts";
import { LaunchError } from "./launch_error.ts";
import { MembershipRequests, RequestRefused } from "./membership_requests.ts";

async function withRequests(work: (requests: MembershipRequests) => Promise<void>): Promise<void> {
  const secretFile = await Deno.makeTempFile();
  try {
    await work(new MembershipRequests(secretFile));
  } finally {
    await Deno.remove(secretFile);
  }
}

const errorOf = (asking: Promise<unknown>) => asking.then(() => null, (error) => error);

Deno.test("membership requests: a commit whose connection breaks is sent once and fails", async () => {
  await withRequests(async (requests) => {
    await using node = new BreakingNode({ planId: "p1" });
    const to = { id: "n1", url: node.url };
    const { planId } = await requests.plan(to, "leave", { node: "n2" });
    const error = await errorOf(requests.commit(to, "leave", planId));
    equal(error instanceof LaunchError && error.kind, "failed");
    match(error.message, /^Node n1 does not answer: /);
    deepEqual(node.received, ["POST", "POST"]);
  });
});

Deno.test("membership requests: a refusal differs from a failure of the node", async () => {
  await withRequests(async (requests) => {
    const answers = [
      problem("ring-moved", "the membership has changed"),
      problem("not-ready", "the node is starting"),
      new Response("<html>"),
    ];
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => answers.shift() as Response,
    );
    const to = { id: "n1", url: `http://127.0.0.1:${server.addr.port}` };
    const moved = await errorOf(requests.commit(to, "leave", "p1"));
    equal(moved instanceof RequestRefused && moved.code, "ring-moved");
    equal(moved.message, "Node n1: the membership has changed");
    for (const message of [/^Node n1: the node is starting$/, /^Node n1: .*is not JSON/]) {
      const failed = await errorOf(requests.commit(to, "leave", "p1"));
      deepEqual([failed instanceof RequestRefused, failed.kind], [false, "failed"]);
      match(failed.message, message);
    }
    await server.shutdown();
  });
});
