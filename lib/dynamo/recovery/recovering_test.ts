/** How a replica checks with its peers whether its local data is complete, effect by effect. */
import assert from "node:assert/strict";
import { IDS, KEY, ReplicaHarness } from "../../../tests/replica_harness.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { Membership } from "../membership/membership.ts";
import { draftOf } from "../membership/membership_plan.ts";
import type { MembershipState } from "../membership/membership_state.ts";
import type { ClientReply } from "../types/client_messages.ts";
import type { Life } from "../types/life.ts";
import type { MembershipAct } from "../types/membership_plan.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import type { Siblings } from "../versions/versions.ts";

const bench0 = new ReplicaHarness("n1");
const INITIAL_CONFIG = bench0.replica.initialConfig;
const [FIRST = "", SECOND = "", THIRD = ""] = bench0.replica.ring.primariesOfKey(KEY);
const RESTARTED = { bootNumber: 7, writes: 40, previous: { incarnation: 3, bootNumber: 6 } };
const REMEMBERED: Life = { dataId: "d1", incarnation: 3, bootNumber: 6, writes: 38 };
const VALUE: Siblings = [{ value: "eA==", contentType: "", dot: ["a", 1], clock: [], stampUs: 0 }];

/** The answer of a healthy peer. */
function memory(remembered: Life | null): PeerReply {
  const life = { dataId: "d1", incarnation: 1, bootNumber: 2, writes: 3 };
  return { status: "boot", remembered, life, lifeStatus: "settled" };
}

type Call = ReturnType<ReplicaHarness["take"]>[number] & { kind: "call" };

/** The calls of that method, by peer. */
function callsOf(bench: ReplicaHarness, method: PeerRequest["method"]): Map<string, Call> {
  const all = bench.take("call");
  const others = all.filter(({ request }) => request.method !== method);
  bench.effects.push(...others);
  return new Map(
    all.filter(({ request }) => request.method === method).map((call) => [call.to, call]),
  );
}

function answer(bench: ReplicaHarness, call: Call | undefined, reply: PeerReply): void {
  bench.step({ kind: "reply", id: call?.id ?? 0, reply });
}

function fail(bench: ReplicaHarness, call: Call | undefined, undelivered: boolean): void {
  bench.step({ kind: "call-failed", id: call?.id ?? 0, undelivered, reason: "gone" });
}

/** The reply to a peer that reads the key from the replica under test. */
function readBy(bench: ReplicaHarness, from: string): PeerReply {
  bench.step({ kind: "peer", id: 900, from, request: { method: "replica.get", key: KEY } });
  const load = bench.take("load").at(-1);
  if (load !== undefined) bench.step({ kind: "loaded", id: load.id, record: null });
  return bench.take("respond").at(-1)?.reply as PeerReply;
}

function isRefused(reply: PeerReply): boolean {
  return reply.status === "error" && reply.error.code === "recovering";
}

function draft(act: MembershipAct, membership: Membership, dataId?: string) {
  const around = {
    membership,
    n: 3,
    tokensPerNode: 8,
    quorum: 2,
    isUp: () => false,
    isRecovering: () => false,
    dataIdOf: () => dataId,
  };
  return draftOf(act, "p", around, SeededRandom.from(7));
}

/** Completes all requested disk accesses. */
function drain(bench: ReplicaHarness): void {
  for (let i = 0; i < 20; i++) {
    for (const { id } of bench.take("save")) bench.step({ kind: "stored", id });
    for (const { id } of bench.take("save-disk-state")) bench.step({ kind: "stored", id });
    for (const { id } of bench.take("scan")) {
      bench.step({ kind: "scanned", id, records: [], next: null });
    }
  }
}

Deno.test("a restarted replica counts for no read until a peer that remembers it has confirmed it", () => {
  const bench = new ReplicaHarness(FIRST, {}, RESTARTED);
  bench.step({ kind: "start" });
  const asked = callsOf(bench, "boot.check");
  assert.deepEqual([...asked.keys()].toSorted(), IDS.filter((id) => id !== FIRST));
  assert.equal(bench.replica.isReady, false);
  assert.ok(isRefused(readBy(bench, SECOND)));
  for (const peer of IDS.filter((id) => id !== FIRST && id !== SECOND)) {
    fail(bench, asked.get(peer), true);
  }
  assert.ok(isRefused(readBy(bench, SECOND)), "an unreachable peer confirms nothing");
  answer(bench, asked.get(SECOND), memory(REMEMBERED));
  assert.ok(bench.replica.isReady);
  assert.equal(readBy(bench, SECOND).status, "record");
  assert.equal(bench.replica.recovery.status, "settled");
});

Deno.test("a node that can reach no peer serves only R = 1, until a peer appears", () => {
  const bench = new ReplicaHarness(FIRST, {}, RESTARTED);
  bench.step({ kind: "start" });
  for (const call of callsOf(bench, "boot.check").values()) fail(bench, call, true);
  const get = (r: number) => {
    bench.step({ kind: "client", id: r, request: { method: "get", key: KEY, r, sloppy: false } });
    bench.step({ kind: "loaded", id: bench.one("load").id, record: { key: KEY, siblings: VALUE } });
    for (const call of callsOf(bench, "replica.get").values()) fail(bench, call, true);
    return (bench.take("respond").at(-1)?.reply as ClientReply).status;
  };
  assert.equal(bench.replica.isReady, false, "a peer may still answer");
  bench.pass(600);
  for (const call of callsOf(bench, "boot.check").values()) fail(bench, call, true);
  assert.ok(bench.replica.isReady);
  assert.deepEqual([get(1), get(2)], ["read", "error"]);
  assert.ok(isRefused(readBy(bench, SECOND)), "a peer that appears is checked with first");
  const asked = callsOf(bench, "boot.check");
  answer(bench, asked.get(SECOND), memory({ ...REMEMBERED, writes: 99 }));
  assert.equal(bench.replica.recovery.cause, "restored");
  assert.equal(get(1), "error");
});

Deno.test("a disk that is older than a peer remembers recovers, and saves that before it sends it", () => {
  const bench = new ReplicaHarness(FIRST, {}, RESTARTED);
  bench.step({ kind: "start" });
  const asked = callsOf(bench, "boot.check");
  answer(bench, asked.get(SECOND), memory({ ...REMEMBERED, writes: 41 }));
  const save = bench.one("save-disk-state");
  assert.deepEqual(save.state, { incarnation: 4, condition: "recovering" });
  answer(bench, asked.get(THIRD), memory(REMEMBERED));
  assert.equal(bench.replica.recovery.cause, "restored", "a peer that knows less does not undo it");
  assert.ok(isRefused(readBy(bench, SECOND)));
  const sent = () => {
    bench.step({
      kind: "peer",
      id: 901,
      from: SECOND,
      request: { method: "gossip", digest: [], membership: "" },
    });
    const reply = bench.take("respond").at(-1)?.reply as PeerReply & { status: "gossip" };
    return reply.newer.find(({ id }) => id === FIRST)?.status;
  };
  assert.equal(sent(), "unconfirmed");
  bench.step({ kind: "stored", id: save.id });
  assert.equal(sent(), "recovering");
});

Deno.test("a node chooses a higher incarnation than a peer remembers, and saves it before it sends it", () => {
  const bench = new ReplicaHarness(FIRST, {}, { dataId: "d2", incarnation: 1, bootNumber: 9 });
  bench.step({ kind: "start" });
  const asked = callsOf(bench, "boot.check");
  drain(bench);
  answer(bench, asked.get(SECOND), memory({ ...REMEMBERED, incarnation: 7 }));
  const save = bench.one("save-disk-state");
  assert.equal(save.state.incarnation, 8);
  assert.equal(bench.replica.life.incarnation, 1);
  bench.step({ kind: "stored", id: save.id });
  assert.equal(bench.replica.life.incarnation, 8);
});

Deno.test("an incarnation whose save fails is not sent, and is saved again", () => {
  const bench = new ReplicaHarness(FIRST, {}, { dataId: "d2", incarnation: 1, bootNumber: 9 });
  bench.step({ kind: "start" });
  const save = bench.one("save-disk-state");
  bench.step({ kind: "storage-failed", id: save.id, reason: "full" });
  assert.equal(bench.replica.recovery.status, "recovering");
  bench.pass(300);
  assert.deepEqual(bench.one("save-disk-state").state, save.state);
});

Deno.test("a node of the initial cluster detects that its disk was replaced", () => {
  // Its own initial configuration names the new directory. Only its peers know the old one.
  const bench = new ReplicaHarness(FIRST, {}, { incarnation: 1, bootNumber: 9 });
  bench.step({ kind: "start" });
  drain(bench);
  assert.equal(bench.replica.recovery.status, "settled");
  const states = [{ id: FIRST, ...REMEMBERED, dataId: "d0", heartbeat: 9, intervalMs: 1_000 }];
  bench.step({ kind: "peer", id: 903, from: SECOND, request: { method: "gossip.states", states } });
  assert.equal(bench.replica.recovery.cause, "replaced");
  assert.ok(isRefused(readBy(bench, SECOND)));
});

Deno.test("a peer answers a boot check with the life that its disk remembers", () => {
  const bench = new ReplicaHarness(FIRST, { gossipIntervalMs: 0 });
  const check = (bootNumber: number, status: "unconfirmed" | "settled") => {
    const life = { ...REMEMBERED, incarnation: bootNumber, bootNumber };
    const request = { method: "boot.check", life, status, membership: "" } as const;
    bench.step({ kind: "peer", id: bootNumber, from: SECOND, request });
  };
  check(1, "settled");
  assert.deepEqual(bench.take("respond"), [], "it answers only after the new life is saved");
  bench.step({ kind: "stored", id: bench.one("save").id });
  const first = bench.one("respond").reply;
  assert.ok(first.status === "boot" && first.remembered === null);
  assert.equal(first.life.incarnation, 4, "the answer includes its own life");
  check(2, "unconfirmed");
  const { reply } = bench.one("respond");
  assert.ok(reply.status === "boot" && reply.remembered?.bootNumber === 1);
  assert.deepEqual(bench.take("save"), [], "an unconfirmed life is not remembered");
});

// Other state that must be durable or must be refused ----------------------------------------------

/** THIRD leaves; the bench is the first owner of KEY's range and writes its register. */
function withSender(sender: string): { bench: ReplicaHarness; change: MembershipState } {
  const bench = new ReplicaHarness(FIRST);
  const { change } = draft({ kind: "leave", node: sender }, new Membership(INITIAL_CONFIG, SECOND));
  const request = { method: "membership", state: change } as const;
  bench.step({ kind: "peer", id: 100, from: SECOND, request });
  drain(bench);
  bench.effects = bench.take("timer");
  return { bench, change };
}

function stepOf(bench: ReplicaHarness) {
  const { ring } = bench.replica;
  const range = ring.rangeOfKey(KEY);
  const step = ring.steps.find((each) => each.range === range);
  assert.ok(step !== undefined);
  const { start, end } = ring.range(range);
  return { step, place: { start, end, epoch: ring.epochOf(range) } };
}

Deno.test("a register is sent, in gossip or a refusal, only once it is durable", () => {
  const { bench } = withSender(THIRD);
  const { step: { sender, receiver }, place } = stepOf(bench);
  const advance = { method: "range.advance", ...place, sender, receiver } as const;
  bench.step({ kind: "peer", id: 101, from: receiver ?? "", request: advance });
  const save = bench.one("save");
  assert.deepEqual(bench.take("respond"), []);
  const sent = () => {
    const gossip = { method: "gossip", digest: [], membership: "" } as const;
    bench.step({ kind: "peer", id: 102, from: SECOND, request: gossip });
    const { reply } = bench.one("respond");
    return reply.status === "gossip" ? reply.membership?.registers.length : undefined;
  };
  assert.equal(sent(), 0);
  bench.step({ kind: "stored", id: save.id });
  assert.equal(bench.one("respond").reply.status, "membership");
  assert.equal(sent(), 1);
});

Deno.test("a strict delete is not committed by a node that fenced the range during the delete's read", () => {
  for (const isForwarded of [false, true]) {
    const { bench } = withSender(FIRST);
    const { step, place } = stepOf(bench);
    assert.equal(step.sender, FIRST);
    const request = { method: "delete", key: KEY, context: null, sloppy: false } as const;
    bench.step(
      isForwarded
        ? {
          kind: "peer",
          id: 1,
          from: SECOND,
          request: { method: "forward", requestId: "n9.d/1/1", request, ringVersion: "" },
        }
        : { kind: "client", id: 1, request },
    );
    const load = bench.one("load");
    const asked = callsOf(bench, "replica.get");
    const fence = { method: "range.fence", ...place } as const;
    bench.step({ kind: "peer", id: 101, from: step.receiver ?? "", request: fence });
    drain(bench);
    assert.equal(bench.one("respond").reply.status, "stored", "the fence is durable");
    bench.step({ kind: "loaded", id: load.id, record: { key: KEY, siblings: VALUE } });
    answer(bench, asked.get(SECOND), { status: "record", siblings: VALUE });
    assert.deepEqual([bench.take("load"), bench.take("store")], [[], []]);
    if (isForwarded) {
      const { reply } = bench.one("respond");
      assert.ok(reply.status === "error" && reply.error.code === "wrong-owner");
      assert.ok(reply.error.definite, "the forwarding node may try another owner");
    } else {
      const [forward] = callsOf(bench, "forward").values();
      assert.ok(forward?.request.method === "forward" && forward.to !== FIRST);
      const { request: passed } = forward.request;
      assert.ok(
        passed.method === "delete" && passed.context !== null,
        "with the context of its read",
      );
    }
  }
});

Deno.test("a refused forwarded write is not executed when a duplicate of it arrives", () => {
  const bench = new ReplicaHarness(FIRST, {}, RESTARTED);
  bench.step({ kind: "start" });
  const asked = callsOf(bench, "boot.check");
  const request = {
    method: "put",
    key: KEY,
    value: "eA==",
    contentType: "",
    context: null,
  } as const;
  const forward = { method: "forward", requestId: "n9.d/1/1", request, ringVersion: "" } as const;
  bench.step({ kind: "peer", id: 1, from: SECOND, request: forward });
  const { reply } = bench.one("respond");
  assert.ok(reply.status === "error" && reply.error.code === "recovering" && reply.error.definite);
  answer(bench, asked.get(SECOND), memory(REMEMBERED));
  bench.step({ kind: "peer", id: 2, from: SECOND, request: forward });
  assert.deepEqual(bench.take("load"), []);
  assert.equal(bench.one("respond").reply.status, "forwarded");
});

Deno.test("a removed node can join again only with an empty disk, even if gossip does not know its data", () => {
  // The node that plans the removal has just started, and has no gossip about the dead node.
  const membership = new Membership(INITIAL_CONFIG, THIRD);
  membership.merge(draft({ kind: "remove", node: FIRST }, membership).change);
  const member = { id: FIRST, url: `http://${FIRST}`, weight: 1 };
  const join = (directory: object) =>
    draft({ kind: "join", member, ...directory } as MembershipAct, membership);
  assert.throws(() => join({ dataId: "d1" }), /with the data that it was removed with/);
  assert.throws(
    () => join({ dataId: "d7", condition: "recovering" }),
    /with the data that it was removed with/,
    "an unknown directory, but that of a member",
  );
  const { change } = join({ dataId: "d7" });
  assert.equal(change.members[0]?.member.dataId, "d7", "the membership has the new one");
});

// Forgotten guarantees ----------------------------------------------------------------------------

/**
 * THIRD leaves, and another node receives its share of KEY's range: before and after the transfer.
 */
function rangeSender() {
  const planned = new Membership(INITIAL_CONFIG, SECOND);
  planned.merge(draft({ kind: "leave", node: THIRD }, planned).change);
  const { ring } = planned;
  const range = ring.rangeOfKey(KEY);
  const step = ring.steps.find((each) => each.range === range);
  assert.ok(step !== undefined && step.receiver !== null);
  const { start, end } = ring.range(range);
  const moved = new Membership(INITIAL_CONFIG, FIRST, { state: planned.state(), marks: [] });
  const registers = [{ start, end, owners: ring.after(step), epoch: 2 }];
  moved.merge({ members: [], tokens: [], registers });
  return { receiver: step.receiver, planned: planned.state(), moved: moved.state(), start, end };
}

Deno.test("a restored disk does not trust its own mark that a received range is filled", () => {
  const { receiver, planned, moved, start, end } = rangeSender();
  const marks = [{ start, end, epoch: 1, mark: "filled" }] as const;
  const membership = { state: planned, marks };
  const older = memory({ ...REMEMBERED, writes: 99 });
  const bench = new ReplicaHarness(receiver, {}, { ...RESTARTED, membership });
  bench.step({ kind: "start" });
  const asked = callsOf(bench, "boot.check");
  // SECOND does not know the register yet, so for now the receiver does not own the range.
  answer(bench, asked.get(SECOND), older);
  drain(bench);
  answer(bench, asked.get(FIRST), { ...older, membership: moved } as PeerReply);
  drain(bench);
  assert.ok(bench.replica.ring.primariesOfKey(KEY).includes(receiver));
  assert.ok(isRefused(readBy(bench, FIRST)));
});

Deno.test("a replaced disk accepts no writes of a range that it may have fenced", () => {
  const { planned } = rangeSender();
  const bench = new ReplicaHarness(THIRD, {}, { dataId: "d2", incarnation: 1, bootNumber: 3 });
  bench.step({ kind: "start" });
  const asked = callsOf(bench, "boot.check");
  drain(bench);
  answer(bench, asked.get(SECOND), { ...memory(REMEMBERED), membership: planned } as PeerReply);
  drain(bench);
  bench.take("respond");
  const put = { method: "replica.put", key: KEY, siblings: VALUE, purpose: "replicate" } as const;
  bench.step({ kind: "peer", id: 2, from: SECOND, request: put });
  const { reply } = bench.one("respond");
  assert.ok(reply.status === "error" && reply.error.code === "wrong-owner");
});

Deno.test("while the disk fails, the waiting work does not grow with repeated gossip", () => {
  const { bench } = withSender(THIRD);
  bench.step({ kind: "start" });
  const { planned } = rangeSender();
  const news = { ...planned, members: planned.members.map((each) => ({ ...each, version: 9 })) };
  const request = { method: "membership", state: news } as const;
  bench.step({ kind: "peer", id: 200, from: SECOND, request });
  const membership = { members: [], tokens: [], registers: [] };
  const round = (isTaken: boolean) => {
    bench.pass(1_100);
    for (const call of callsOf(bench, "gossip").values()) {
      answer(bench, call, { status: "gossip", newer: [], wanted: [], membership });
    }
    for (const { id } of bench.take("save")) {
      const reason = "no space left on device";
      bench.step(isTaken ? { kind: "stored", id } : { kind: "storage-failed", id, reason });
    }
    bench.take("respond");
  };
  for (let i = 0; i < 100; i++) round(false);
  bench.take("call");
  for (let i = 0; i < 2; i++) round(true);
  const messages = bench.take("call").filter(({ request }) => request.method === "membership");
  assert.ok(
    messages.length > 0 && messages.length <= 2 * IDS.length,
    `${messages.length} messages`,
  );
});

Deno.test("an impossibly high incarnation is ignored", () => {
  const bench = new ReplicaHarness(FIRST, {}, RESTARTED);
  bench.step({ kind: "start" });
  const absurd = { ...REMEMBERED, incarnation: Number.MAX_SAFE_INTEGER };
  const states = [{ id: FIRST, ...absurd, heartbeat: 1, intervalMs: 1_000 }];
  bench.step({ kind: "peer", id: 3, from: SECOND, request: { method: "gossip.states", states } });
  drain(bench);
  assert.equal(bench.replica.life.incarnation, 4);
});

Deno.test("a node cannot be removed if recovering owners may need its data", () => {
  const membership = new Membership(INITIAL_CONFIG, SECOND);
  const around = {
    membership,
    n: 3,
    tokensPerNode: 8,
    quorum: 1,
    dataIdOf: () => undefined,
    isUp: () => false,
  };
  const remove = (recovering: readonly string[]) => {
    const isRecovering = (id: string) => recovering.includes(id);
    return () =>
      draftOf(
        { kind: "remove", node: FIRST },
        "p",
        { ...around, isRecovering },
        SeededRandom.from(7),
      );
  };
  assert.doesNotThrow(remove([SECOND]));
  assert.throws(remove([SECOND, THIRD]), /last owner of the data in \d+ ranges/);
});
