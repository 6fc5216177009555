/** A node tells others only the membership on its disk, and nothing that a crash could undo. */
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

/** The member status of n2 at every place where a node shows it. */
async function shownStatuses(node: TestNode): Promise<Record<string, unknown>> {
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
    initialConfig: membership.members[0]?.memberStatus ?? "unchanged",
  };
}

Deno.test("a new member status is shown nowhere before it is durable, and then everywhere", async () => {
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
    equal(service.replica.membership.memberStatus("n2"), "left", "the replica knows it");
    const before = { status: "member", ring: "member", transfers: "member" };
    deepEqual(await shownStatuses(node), { ...before, initialConfig: "unchanged" });
    await disk(0);
    const deadline = performance.now() + PATIENCE_MS;
    while (service.membership.memberStatus("n2") !== "left") {
      ok(performance.now() < deadline, "the status must become durable");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    deepEqual(await shownStatuses(node), {
      status: "left",
      ring: "gone",
      transfers: "left",
      initialConfig: "left",
    });
  }, { others: ["n2", "n3"], allowFaults: true, config });
});

Deno.test("a listener for the node's own member status is called when it is durable", async () => {
  await withNode(async ({ service }) => {
    const heard: unknown[] = [];
    const unsubscribe = service.onMemberStatus(() => heard.push(service.memberStatus));
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
      ok(performance.now() < deadline, "the listener must be called");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    deepEqual(heard, ["leaving"]);
    unsubscribe();
  }, { others: ["n2", "n3"], config: { n: 2, r: 1, w: 1 } });
});
