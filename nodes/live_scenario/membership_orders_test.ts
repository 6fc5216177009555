/** Membership changes are requested until a member commits them or they are no longer possible. */
import { deepEqual, equal } from "node:assert/strict";
import type { MemberStatus } from "../../lib/dynamo/types/ids.ts";
import type { MembershipAct } from "../../lib/dynamo/types/membership_plan.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { problem } from "../http/problems.ts";
import { ScenarioOrders } from "./membership_orders.ts";

type Answer = "ok" | readonly [code: "act-refused" | "ring-moved" | "not-ready", detail: string];

/** A member `n1` that gives the prepared answers, one after another. */
class Member {
  readonly asked: string[] = [];
  readonly memberStatuses: Record<string, MemberStatus> = { n1: "member" };

  constructor(private readonly answers: Answer[]) {}

  async handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method === "GET") {
      const members = Object.entries(this.memberStatuses).map(([id, memberStatus]) => ({
        id,
        memberStatus,
      }));
      return Response.json({ members, left: 0, moves: [], orphanedReplicas: false });
    }
    const body = await request.json();
    this.asked.push(`${pathname} ${JSON.stringify(body)}`);
    const answer = this.answers.shift() ?? "ok";
    return answer === "ok" ? Response.json({ planId: "p1" }) : problem(...answer);
  }
}

interface Result {
  readonly member: Member;
  readonly orders: ScenarioOrders;
  /** How the change ended. */
  readonly end: string;
}

async function carriedOut(act: MembershipAct, answers: Answer[], known = {}): Promise<Result> {
  const member = new Member(answers);
  Object.assign(member.memberStatuses, known);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => member.handle(request),
  );
  const secretFile = await Deno.makeTempFile();
  const url = `http://127.0.0.1:${server.addr.port}`;
  const about = { pid: 1, data: "", state: "running", exit: null } as const;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const orders = new ScenarioOrders({
    cluster: { nodes: [{ id: "n1", url, ...about }], secretFile },
    random: SeededRandom.from(1),
    onCommitted: ({ kind }) => resolve(`${kind} committed`),
    onDropped: ({ kind }, isGone) => resolve(`${kind} dropped${isGone ? ", and gone" : ""}`),
    onFailure: reject,
  });
  try {
    orders.request(act);
    equal(orders.isIdle, false);
    const end = await promise;
    equal(orders.isIdle, true);
    return { member, orders, end };
  } finally {
    orders.close();
    await server.shutdown();
    await Deno.remove(secretFile);
  }
}

const S1 = { id: "s1", url: "http://127.0.0.1:1", weight: 2, zone: "a" };
const LEAVE = { kind: "leave", node: "n2" } as const;
const REMOVE = { kind: "remove", node: "n2" } as const;
const JOIN = { kind: "join", member: S1 } as const;
const REPLACE = { kind: "replace", node: "n2", member: S1 } as const;

Deno.test("orders: a plan with the new node's properties, and then its commit", async () => {
  const { member, orders, end } = await carriedOut(REPLACE, []);
  equal(end, "replace committed");
  deepEqual(orders.committed, { replace: 1 });
  deepEqual(member.asked, [
    `/membership/replace {"plan":true,"node":"n2","url":"${S1.url}","weight":2,"zone":"a"}`,
    '/membership/replace {"planId":"p1"}',
  ]);
});

Deno.test("orders: after a temporary refusal the change is requested again", async () => {
  const again: readonly (readonly [MembershipAct, Answer])[] = [
    [REMOVE, ["act-refused", "Cannot remove 'n2' as it is alive: let it leave"]],
    [REPLACE, ["act-refused", "Cannot replace with the node at http://127.0.0.1:1: refused"]],
    [JOIN, ["act-refused", "Cannot join with the node at http://127.0.0.1:1: refused"]],
    [JOIN, ["act-refused", "Cannot join: another node has that address"]],
    [LEAVE, ["not-ready", "the node is starting"]],
  ];
  for (const [act, refusal] of again) {
    const { member, end } = await carriedOut(act, [refusal]);
    equal(end, `${act.kind} committed`);
    equal(member.asked.length, 3, "asked twice, committed once");
  }
  const { end } = await carriedOut(LEAVE, ["ok", ["ring-moved", "the membership has changed"]]);
  equal(end, "leave committed");
});

Deno.test("orders: a change that was made already or is not possible is dropped", async () => {
  const refusal = ["act-refused", "Cannot do this to it: it is no member"] as const;
  equal((await carriedOut(LEAVE, [refusal])).end, "leave dropped");
  equal((await carriedOut(REMOVE, [refusal])).end, "remove dropped");
  const removed = await carriedOut(REMOVE, [refusal], { n2: "removed" });
  equal(removed.end, "remove dropped, and gone");
  deepEqual(removed.orders.committed, {});
  equal((await carriedOut(JOIN, [refusal], { s1: "member" })).end, "join dropped");
});
