/**
 * Which refusals are temporary. The tests use the planner's real messages, so that both stay in
 * step.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { clusterConfig } from "../types/config.ts";
import type { MembershipAct } from "../types/membership_plan.ts";
import { afterRefusal, isPlanOutdated } from "./act_refusals.ts";
import { Membership } from "./membership.ts";
import { ActError, draftOf } from "./membership_plan.ts";

const memberOf = (id: string) => ({ id, url: `http://${id}`, weight: 1 });

function threeMembers(): Membership {
  const members = ["n1", "n2", "n3"].map(memberOf);
  const config = clusterConfig({ n: 3, r: 1, w: 1 });
  const ring = makeInitialRing(members, config, SeededRandom.from(1));
  return new Membership({ config, members, ring }, "n1");
}

function planned(membership: Membership, act: MembershipAct, up: readonly string[] = []) {
  const around = {
    membership,
    n: 3,
    tokensPerNode: 8,
    quorum: 1,
    isUp: (id: string) => up.includes(id),
    isRecovering: () => false,
    dataIdOf: () => "d1",
  };
  return draftOf(act, "p1", around, SeededRandom.from(2));
}

/** A member's refusal of the membership change, as its client gets it. */
function refusalOf(membership: Membership, act: MembershipAct, up?: readonly string[]) {
  try {
    planned(membership, act, up);
  } catch (error) {
    assert.ok(error instanceof ActError, String(error));
    return { code: "act-refused", message: error.message };
  }
  return assert.fail(`${act.kind} was planned`);
}

Deno.test("refused changes: no answer, an outdated plan and a starting node are temporary", () => {
  const leave = { kind: "leave", node: "n2" } as const;
  assert.equal(afterRefusal(leave, null, false), "ask-again");
  for (const code of ["ring-moved", "unknown-plan", "not-ready", "storage-failed"]) {
    assert.equal(afterRefusal(leave, { code, message: "" }, false), "ask-again");
    assert.equal(isPlanOutdated({ code }), code === "ring-moved");
  }
});

Deno.test("refused changes: a dead node is soon detected; a completed change is not repeated", () => {
  const membership = threeMembers();
  const remove = { kind: "remove", node: "n2" } as const;
  const replace = { kind: "replace", node: "n2", member: memberOf("x") } as const;
  for (const act of [remove, replace]) {
    assert.equal(afterRefusal(act, refusalOf(membership, act, ["n2"]), false), "ask-again");
  }
  membership.merge(planned(membership, remove).change);
  for (const act of [remove, replace, { kind: "leave", node: "n2" } as const]) {
    assert.equal(afterRefusal(act, refusalOf(membership, act), false), "give-up");
  }
});

Deno.test("refused changes: a join is given up only if it is complete, and never uses a removed disk", () => {
  const membership = threeMembers();
  const join = { kind: "join", member: memberOf("n3") } as const;
  const refusal = refusalOf(membership, join);
  assert.equal(afterRefusal(join, refusal, true), "give-up");
  assert.equal(
    afterRefusal(join, refusal, false),
    "ask-again",
    "other members may know that it was removed",
  );
  membership.merge(planned(membership, { kind: "remove", node: "n3" }).change);
  const back = { ...join, dataId: "d1" };
  assert.equal(afterRefusal(back, refusalOf(membership, back), false), "join-empty");
});

Deno.test("refused changes: a joining node that cannot be reached is tried again", () => {
  const acts = [
    { kind: "join", member: memberOf("x") },
    { kind: "replace", node: "n2", member: memberOf("x") },
  ] as const;
  for (const act of acts) {
    const message = `Node n1: Cannot ${act.kind} with the node at http://x: connection refused`;
    assert.equal(afterRefusal(act, { code: "act-refused", message }, true), "ask-again");
  }
});
