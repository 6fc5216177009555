/** A node tells of its membership what is on its disk, and nothing that a crash could take back. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { MembershipState } from "../../lib/dynamo/membership/membership_state.ts";
import type { PeerReply } from "../../lib/dynamo/types/peer_messages.ts";
import { SECRET, type TestNode, withNode } from "../rest/rest_under_test.ts";

const AUTHORIZED = { headers: { authorization: `Bearer ${SECRET}` } };
const PATIENCE_MS = 10_000;

async function rpc({ send }: TestNode, method: string): Promise<Record<string, never>> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: {} });
  return (await (await send("/rpc", { method: "POST", body, ...AUTHORIZED })).json()).result;
}

/** What everybody is told of n2's member status, wherever it is told. */
async function toldOf(node: TestNode): Promise<Record<string, unknown>> {
  type Members = { members: { id: string; memberStatus: string }[] };
  const of = ({ members }: Members) =>
    members.find(({ id }) => id === "n2")?.memberStatus ?? "gone";
  const read = async (path: string) => await (await node.send(path, AUTHORIZED)).json();
  const { membership } = await rpc(node, "initial-config") as unknown as {
    membership: MembershipState;
  };
  return {
    status: of(await read("/status")),
    ring: of(await read("/ring")),
    transfers: of(await read("/membership/transfers")),
    initialConfig: membership.members[0]?.memberStatus ?? "as founded",
  };
}

Deno.test("a member status is told once it is durable, at every place where it is told", async () => {
  const config = { n: 2, r: 1, w: 1 };
  await withNode(async (node) => {
    const { service, send } = node;
    const disk = (slowMs: number) =>
      send("/faults", { method: "PUT", ...AUTHORIZED, body: JSON.stringify({ disk: { slowMs } }) });
    equal((await disk(1_000)).status, 200);
    const entry = service.replica.membership.entry("n2");
    ok(entry !== undefined);
    const left = { ...entry, memberStatus: "left", version: 2 } as const;
    const state = { members: [left], tokens: [], registers: [] };
    const answered = new Promise<PeerReply>((resolve) =>
      service.host.peer("n3", { method: "membership", state }, resolve)
    );
    await answered;
    equal(service.replica.membership.memberStatus("n2"), "left", "it has heard of it");
    const before = { status: "member", ring: "member", transfers: "member" };
    deepEqual(await toldOf(node), { ...before, initialConfig: "as founded" });
    await disk(0);
    const deadline = performance.now() + PATIENCE_MS;
    while (service.membership.memberStatus("n2") !== "left") {
      ok(performance.now() < deadline, "it becomes durable");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    deepEqual(await toldOf(node), {
      status: "left",
      ring: "gone",
      transfers: "left",
      initialConfig: "left",
    });
  }, { others: ["n2", "n3"], allowFaults: true, config });
});

Deno.test("whoever waits for a node's own member status hears of it when it is durable", async () => {
  await withNode(async ({ service }) => {
    const heard: unknown[] = [];
    const forget = service.onMemberStatus(() => heard.push(service.memberStatus));
    const entry = service.replica.membership.entry("n1");
    ok(entry !== undefined);
    const state = {
      members: [{ ...entry, memberStatus: "leaving", version: 2 } as const],
      tokens: [],
      registers: [],
    };
    service.host.peer("n2", { method: "membership", state }, () => {});
    deepEqual([service.replica.membership.memberStatus("n1"), heard], ["leaving", []]);
    const deadline = performance.now() + PATIENCE_MS;
    while (heard.length === 0) {
      ok(performance.now() < deadline, "it is told");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    deepEqual(heard, ["leaving"]);
    forget();
  }, { others: ["n2", "n3"], config: { n: 2, r: 1, w: 1 } });
});
