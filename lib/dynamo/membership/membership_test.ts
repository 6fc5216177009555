import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../random/seeded.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import type { OwnerStep, Ring } from "../ring/ring.ts";
import { type Partitioning, PARTITIONINGS } from "../ring/ring_state.ts";
import { clusterConfig } from "../types/config.ts";
import type { Member } from "../types/ids.ts";
import type { InitialClusterConfig } from "../types/initial_config.ts";
import type { MembershipAct } from "../types/membership_plan.ts";
import { Membership } from "./membership.ts";
import { ActError, type Draft, draftOf } from "./membership_plan.ts";
import type { MembershipState } from "./membership_state.ts";

const memberOf = (id: string): Member => ({ id, url: `http://${id}`, weight: 1 });

function initialConfigOf(
  nodes: number,
  partitioning: Partitioning = "equal-partitions",
): InitialClusterConfig {
  const config = clusterConfig({ n: 3, partitioning, partitions: 64, tokensPerNode: 8 });
  const members = Array.from({ length: nodes }, (_, i) => memberOf(`n${i + 1}`));
  const ring = makeInitialRing(members, config, SeededRandom.from(1));
  return { config, members, ring };
}

function draft(
  membership: Membership,
  act: MembershipAct,
  { up = [], dataId, quorum = 2, seed = 7 }: {
    readonly up?: readonly string[];
    readonly dataId?: string;
    readonly quorum?: number;
    readonly seed?: number;
  } = {},
): Draft {
  const around = {
    membership,
    n: 3,
    tokensPerNode: 8,
    quorum,
    isUp: (node: string) => up.includes(node),
    isRecovering: () => false,
    dataIdOf: () => dataId,
  };
  return draftOf(act, "plan", around, SeededRandom.from(seed));
}

/** Executes all steps of all ranges, as the register writers do. Returns the number of steps. */
function settle(membership: Membership): number {
  let made = 0;
  while (membership.ring.steps.length > 0) {
    const { ring } = membership;
    const registers = ring.steps.map((step) => {
      requireSlotsKept(ring, step);
      return ring.registerAfter(step);
    });
    membership.merge({ members: [], tokens: [], registers });
    made += registers.length;
    assert.ok(made < 10_000, "the steps must end");
  }
  return made;
}

/** Who stays an owner keeps its slot, and a receiver has its sender's. */
function requireSlotsKept(ring: Ring, step: OwnerStep): void {
  const { range, sender, receiver } = step;
  const { owners, slots = owners.map((_, slot) => slot) } = ring.registerAfter(step);
  assert.equal(new Set(slots).size, owners.length, "slots are distinct");
  for (const [i, owner] of owners.entries()) {
    const former = owner === receiver && sender !== null ? sender : owner;
    const slot = ring.slotOf(range, former);
    if (slot !== undefined) assert.equal(slots[i], slot, `${owner} in ${owners}`);
  }
}

function partitionsOf(membership: Membership): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { owner } of membership.plannedTokens()) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

Deno.test("membership: a join moves one owner at a time, and ends with N distinct owners everywhere", () => {
  for (const partitioning of PARTITIONINGS) {
    const membership = new Membership(initialConfigOf(5, partitioning), "n1");
    const { plan, change } = draft(membership, { kind: "join", member: memberOf("n6") });
    assert.ok(plan.moves.length > 0);
    assert.ok(plan.moves.every((move) => move.from !== move.to));
    membership.merge(change);
    assert.deepEqual(membership.peers, ["n2", "n3", "n4", "n5", "n6"]);
    assert.ok(settle(membership) > 0);
    const { ring } = membership;
    for (let range = 0; range < ring.rangeCount; range++) {
      assert.equal(new Set(ring.primaries(range)).size, 3);
      assert.deepEqual(ring.primaries(range), ring.planned(range));
    }
  }
});

Deno.test("membership: partitions per node differ by at most one, after a join and after a leave", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 9 }), fc.nat(1_000), (nodes, seed) => {
      const membership = new Membership(initialConfigOf(nodes), "n1");
      const even = () => {
        const counts = Object.values(partitionsOf(membership));
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
      };
      membership.merge(
        draft(membership, { kind: "join", member: memberOf("x") }, { seed }).change,
      );
      even();
      settle(membership);
      membership.merge(draft(membership, { kind: "leave", node: "n2" }, { seed }).change);
      even();
      assert.equal(partitionsOf(membership).n2, undefined);
    }),
    { numRuns: 30 },
  );
});

Deno.test("membership: concurrent changes converge, whatever order nodes learn of them", () => {
  for (const partitioning of PARTITIONINGS) {
    const initialConfig = initialConfigOf(5, partitioning);
    const fresh = () => new Membership(initialConfig, "n1");
    const acts: MembershipAct[] = [
      { kind: "join", member: memberOf("x") },
      { kind: "join", member: memberOf("y") },
      { kind: "leave", node: "n2" },
    ];
    const changes = acts.map((act, i) => draft(fresh(), act, { seed: i }).change);
    const views = [[0, 1, 2], [2, 1, 0], [1, 0, 2, 1]].map((order) => {
      const view = fresh();
      for (const i of order) view.merge(changes[i] as MembershipState);
      return view;
    });
    assert.equal(new Set(views.map((view) => view.version)).size, 1, partitioning);
    assert.equal(new Set(views.map((view) => view.ring.version)).size, 1, partitioning);
  }
});

Deno.test("membership: the saved document restores the same membership", () => {
  const initialConfig = initialConfigOf(4);
  const membership = new Membership(initialConfig, "n1");
  membership.merge(draft(membership, { kind: "join", member: memberOf("x") }).change);
  const [step] = membership.ring.steps;
  const { start, end } = membership.ring.range(step?.range ?? 0);
  membership.mark({ start, end, epoch: 1, mark: "fenced" });
  const document = JSON.parse(JSON.stringify(membership.document()));
  const again = new Membership(initialConfig, "n1", document);
  assert.equal(again.version, membership.version);
  assert.ok(again.isFenced(step?.range ?? 0));
  assert.deepEqual(again.document(), membership.document());
});

Deno.test("plans: impossible changes are refused with a reason", () => {
  const membership = new Membership(initialConfigOf(3), "n1");
  const refused = (act: MembershipAct, why: RegExp, options = {}) =>
    assert.throws(
      () => draft(membership, act, options),
      (error) => error instanceof ActError && why.test(error.message),
    );
  refused({ kind: "join", member: memberOf("n2") }, /this id is a member already, at http:\/\/n2/);
  refused(
    { kind: "join", member: { ...memberOf("x"), url: "http://n2" } },
    /'n2' has that address/,
  );
  refused({ kind: "leave", node: "x" }, /no member; members are n1, n2, n3/);
  refused({ kind: "remove", node: "n2" }, /it is alive: let it leave/, { up: ["n2"] });
  refused({ kind: "leave", node: "n2" }, /requests need 3 nodes and 2 would be left/, {
    quorum: 3,
  });
  membership.merge(draft(membership, { kind: "remove", node: "n2" }, { dataId: "d1" }).change);
  refused({ kind: "remove", node: "n2" }, /it is removed/);
  const back = { kind: "join", member: memberOf("n2"), dataId: "d1" } as const;
  refused(back, /the data that it was removed with/);
  settle(membership);
  const { plan } = draft(membership, { ...back, dataId: "d2" });
  assert.equal(
    plan.moves.length,
    64,
    "with three nodes and N=3 it becomes an owner of every range",
  );
  assert.ok((plan.balance.after.n2?.tokens ?? 0) >= 21);
});

Deno.test("plans: the last owner of data cannot be removed", () => {
  const membership = new Membership(initialConfigOf(3), "n1");
  for (const node of ["n2", "n3"]) {
    membership.merge(draft(membership, { kind: "remove", node }, { quorum: 1 }).change);
  }
  membership.merge(draft(membership, { kind: "join", member: memberOf("x") }).change);
  assert.throws(
    () => draft(membership, { kind: "remove", node: "n1" }, { quorum: 1 }),
    /last owner of the data in 64 ranges/,
  );
});

Deno.test("membership: if all members leave at once, one remains", () => {
  for (const partitioning of PARTITIONINGS) {
    const initialConfig = initialConfigOf(2, partitioning);
    const changes = ["n1", "n2"].map((node) =>
      draft(new Membership(initialConfig, "n1"), { kind: "leave", node }, { quorum: 1 }).change
    );
    const membership = new Membership(initialConfig, "n1");
    for (const change of changes) membership.merge(change);
    settle(membership);
    assert.ok(membership.plannedTokens().length > 0);
    assert.ok(membership.ring.primaries(0).length > 0);
  }
});

Deno.test("membership: a new data directory of an initial member does not fix its URL", () => {
  const initialConfig = initialConfigOf(3);
  const before = new Membership(initialConfig, "n1");
  const known = before.entry("n2");
  assert.ok(known !== undefined && before.isAsInitial("n2"));
  const entry = {
    ...known,
    member: { ...known.member, dataId: "d2" },
    version: 2,
    asInitial: true,
  } as const;
  before.merge({ members: [entry], tokens: [], registers: [] });
  // The node restarts at another URL, which that start's initial configuration names.
  const moved = initialConfig.members.map((member) => ({ ...member, url: `${member.url}:81` }));
  const after = new Membership({ ...initialConfig, members: moved }, "n1", before.document());
  assert.deepEqual(after.entry("n2")?.member, {
    ...memberOf("n2"),
    url: "http://n2:81",
    dataId: "d2",
  });
  assert.ok(after.isAsInitial("n2"));
  assert.equal(after.version, before.version, "both have the same membership");
  assert.equal(after.merge(before.state()), false, "merging changes nothing");
});
