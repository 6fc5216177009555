/** When membership changes are complete, and which ring is followed meanwhile. */
import { deepEqual, equal } from "node:assert/strict";
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { MemberStatus } from "../../lib/dynamo/types/ids.ts";
import { parseScenario } from "../../lib/simulation/scenario/scenario.ts";
import { initialConfigOf } from "../../lib/simulation/world/cluster.ts";
import type { MembershipView } from "../cluster/cluster_view.ts";
import {
  FollowedRing,
  haveSettled,
  memberViews,
  orphanedKeys,
  untilSettled,
} from "./membership.ts";

const ringOf = (nodes: number) => Ring.over(initialConfigOf(parseScenario({ nodes })).ring, 3);
const THREE = ringOf(3);
const FOUR = ringOf(4);
const NEVER = new AbortController().signal;

function view(
  node: string,
  memberStatuses: Readonly<Record<string, MemberStatus>>,
  { ring = THREE, isMoving = false } = {},
): MembershipView {
  return { node, memberStatuses: new Map(Object.entries(memberStatuses)), ring, isMoving };
}

function sourceOf(...views: readonly (MembershipView | null)[]) {
  return {
    running: views.map((each, i) => each?.node ?? `silent ${i}`),
    membership: (id: string) => {
      const found = views.find((each) => each?.node === id);
      return found ? Promise.resolve(found) : Promise.reject(new Error("no answer"));
    },
  };
}

const TWO = { n1: "member", n2: "member" } as const;

Deno.test("settled membership: all views are equal, no transfer is left, and no node is leaving", () => {
  const first = view("n1", TWO);
  equal(haveSettled([first, view("n2", TWO)]), true);
  equal(haveSettled([]), false);
  equal(haveSettled(null), false);
  equal(haveSettled([first, view("n2", TWO, { isMoving: true })]), false);
  equal(haveSettled([first, view("n2", TWO, { ring: FOUR })]), false);
  equal(haveSettled([first, view("n2", { n1: "member", n2: "leaving" })]), false);
  const leaving = { n1: "member", n2: "leaving" } as const;
  equal(haveSettled([view("n1", leaving), view("n2", leaving)]), false);
  const last = { n1: "leaving", n2: "left" } as const;
  equal(haveSettled([view("n1", last)]), true, "the last one stays");
});

Deno.test("settled membership: views of non-members do not count, and a silent node may be a member", async () => {
  const left = view("n3", { ...TWO, n3: "left" });
  const views = await memberViews(sourceOf(view("n1", TWO), left));
  deepEqual(views?.map(({ node }) => node), ["n1"]);
  equal(await memberViews(sourceOf(view("n1", TWO), null)), null);
});

Deno.test("settled membership: it is waited for, but not longer than the bound", async () => {
  const source = sourceOf(view("n1", TWO), view("n2", TWO));
  let looks = 0;
  const patient = await untilSettled(source, () => ++looks > 2, 60_000, NEVER);
  deepEqual([patient.settled, patient.views.length, looks], [true, 2, 3]);
  const late = await untilSettled(source, () => false, 0, NEVER);
  deepEqual([late.settled, late.views.length], [false, 2]);
});

Deno.test("a ring is followed although some nodes are silent or have left", async () => {
  const left = view("n3", { n3: "left" });
  const followed = new FollowedRing(THREE);
  followed.follow(sourceOf(null, left, view("n1", TWO, { ring: FOUR })));
  while (followed.ring !== FOUR) await new Promise((resolve) => setTimeout(resolve, 1));
  followed.end();
  equal(followed.ring, FOUR);
});

Deno.test("keys that a node stores but does not own are found", async () => {
  const key = "k1";
  const owners = FOUR.primariesOfKey(key);
  const nonOwner = ["n1", "n2", "n3", "n4"].find((id) => !owners.includes(id)) as string;
  const source = {
    running: ["n1", "n2", "n3", "n4"],
    keys: () => Promise.resolve({ keys: [key], hints: [] }),
  };
  deepEqual(await orphanedKeys(source, FOUR), [{ node: nonOwner, key }]);
});
