/**
 * One replica, event by event: which effects it requests, and in which order. The simulator tests
 * whole clusters under faults.
 */
import assert from "node:assert/strict";
import { IDS, KEY, ReplicaHarness, START } from "../../tests/replica_harness.ts";
import { hexOf, recordDigest } from "./repair/merkle.ts";
import type { Replica } from "./replica.ts";
import type { Effect } from "./types/events.ts";
import type { PeerRequest } from "./types/peer_messages.ts";
import { deepClone } from "./util/clone.ts";
import type { Siblings } from "./versions/versions.ts";

const PRIMARIES = new ReplicaHarness("n1").replica.ring.primariesOfKey(KEY);
const [FIRST = "", SECOND = "", THIRD = ""] = PRIMARIES;
const NON_PRIMARY = IDS.find((id) => !PRIMARIES.includes(id)) as string;
const put = {
  method: "put",
  key: KEY,
  value: "aGVsbG8=",
  contentType: "text/plain",
  context: null,
} as const;

function version(actor: string, counter: number, seen: Siblings = []): Siblings {
  return [{
    value: "eA==",
    contentType: "",
    dot: [actor, counter],
    clock: seen.map((v) => v.dot),
    stampUs: 0,
  }];
}

Deno.test("put: commits, then sends the whole merged record, and answers after W acknowledgements", () => {
  const bench = new ReplicaHarness(FIRST);
  bench.step({ kind: "client", id: 1, request: put });
  bench.loaded(version("old", 1));
  const store = bench.one("store");
  assert.deepEqual(bench.take("call"), [], "nothing is sent before the commit");
  bench.step({ kind: "stored", id: store.id });
  const calls = bench.take("call");
  assert.deepEqual(calls.map((call) => call.to), [SECOND, THIRD]);
  for (const { request } of calls) {
    assert.ok(request.method === "replica.put");
    assert.equal(request.siblings.length, 2, "the old sibling is sent too");
  }
  assert.deepEqual(bench.take("respond"), [], "one acknowledgement is not W = 2");
  bench.step({ kind: "reply", id: calls[0]?.id ?? 0, reply: { status: "stored" } });
  const reply = bench.response();
  assert.ok(reply.status === "written");
  assert.deepEqual(reply.acks, [FIRST, SECOND]);
  assert.deepEqual(reply.context.clock, [[`${FIRST}/d1/4-0.1`, 1]]);
});

Deno.test("put: the failure is definite if nothing was stored, and indefinite otherwise", () => {
  const bench = new ReplicaHarness(FIRST);
  bench.step({ kind: "client", id: 1, request: { ...put, w: 4 } });
  const refused = bench.response();
  assert.ok(refused.status === "error" && refused.error.code === "invalid");
  assert.match(refused.error.message, /w must be a whole number from 1 to 3 .*value is 4/);

  bench.step({ kind: "client", id: 2, request: put });
  bench.loaded(null);
  bench.step({ kind: "stored", id: bench.one("store").id });
  for (const call of bench.take("call")) {
    bench.step({ kind: "call-failed", id: call.id, undelivered: true, reason: "refused" });
  }
  const failed = bench.response();
  assert.ok(failed.status === "error");
  const { code, definite, needed, got, unreachable } = failed.error;
  assert.deepEqual(
    { code, definite, needed, got, unreachable },
    {
      code: "quorum-not-met",
      definite: false,
      needed: 2,
      got: 1,
      unreachable: [SECOND, THIRD],
    },
  );
});

Deno.test("put: with silent replicas it fails at the timeout, and late answers are ignored", () => {
  const bench = new ReplicaHarness(FIRST, { timeoutMs: 100, patienceMs: 25 });
  bench.step({ kind: "client", id: 1, request: put });
  bench.loaded(null);
  bench.step({ kind: "stored", id: bench.one("store").id });
  const calls = bench.take("call");
  bench.pass(25);
  const silent = bench.take("emit").map((effect) => effect.observation);
  assert.deepEqual(silent.filter((o) => o.type === "silent").map((o) => o.peer), [SECOND, THIRD]);
  bench.pass(75);
  const reply = bench.response();
  assert.ok(reply.status === "error" && !reply.error.definite && reply.error.got === 1);
  bench.step({ kind: "reply", id: calls[0]?.id ?? 0, reply: { status: "stored" } });
  assert.deepEqual(bench.take("respond"), []);
  assert.equal(bench.replica.stats().conversations, 0);
});

Deno.test("put: concurrent writes of one key at one coordinator get successive dots and one store", () => {
  const bench = new ReplicaHarness(FIRST);
  for (const id of [1, 2, 3]) bench.step({ kind: "client", id, request: put });
  bench.loaded(null);
  const store = bench.one("store");
  const dots = store.record.siblings.map((sibling) => sibling.dot[1]);
  assert.deepEqual(dots, [1, 2, 3], "three siblings, three dots, one commit");
  assert.equal(store.record.actor, `${FIRST}/d1/4-0.1`);
  bench.step({ kind: "stored", id: store.id });
  assert.equal(bench.take("call").length, 6);
});

Deno.test("put: with write buffering it is sent from memory, and the first other replica must commit", () => {
  const bench = new ReplicaHarness(FIRST, { durability: "buffered" });
  bench.step({ kind: "client", id: 1, request: put });
  bench.loaded(null);
  const store = bench.one("store");
  const calls = bench.take("call");
  const mayBuffer = calls.map(({ to, request }) =>
    [to, request.method === "replica.put" && request.buffered === true] as const
  );
  assert.deepEqual(mayBuffer, [[SECOND, false], [THIRD, true]]);
  bench.step({ kind: "reply", id: calls[0]?.id ?? 0, reply: { status: "stored" } });
  assert.equal(bench.response().status, "written", "before its own disk has stored it");

  bench.step({ kind: "peer", id: 9, from: SECOND, request: { method: "replica.get", key: KEY } });
  bench.loaded(null);
  const read = bench.one("respond").reply;
  assert.ok(read.status === "record" && read.siblings.length === 1, "the buffered record is read");
  bench.step({ kind: "stored", id: store.id });
  assert.deepEqual(bench.take("respond"), []);
});

Deno.test("put: the actor of an earlier boot issues no more dots, as some may be lost", () => {
  for (const durability of ["commit", "buffered"] as const) {
    const bench = new ReplicaHarness(FIRST, { durability });
    bench.step({ kind: "client", id: 1, request: put });
    const { id } = bench.one("load");
    const record = { key: KEY, siblings: version("a", 1), actor: `${FIRST}/d1/3-0.7` };
    bench.step({ kind: "loaded", id, record });
    assert.equal(bench.one("store").record.actor, `${FIRST}/d1/4-0.1`);
  }
});

Deno.test("put: at the limit of siblings it is refused with the context to reconcile them", () => {
  const bench = new ReplicaHarness(FIRST, { siblingsMax: 2 });
  bench.step({ kind: "client", id: 1, request: put });
  const [old] = version("a", 1);
  const [other] = version("b", 1);
  bench.loaded([old, other] as Siblings);
  const reply = bench.response();
  assert.ok(reply.status === "error" && reply.error.code === "too-many-siblings");
  assert.ok(reply.error.definite);
  assert.deepEqual(reply.error.context?.clock, [["a", 1], ["b", 1]]);
  assert.deepEqual(bench.take("store"), []);
});

Deno.test("get: answers after R replies, then repairs stale replicas", () => {
  const bench = new ReplicaHarness(FIRST);
  const old = version("a", 1);
  const fresh = version("b", 1, old);
  bench.step({ kind: "client", id: 1, request: { method: "get", key: KEY } });
  const [toSecond, toThird] = bench.take("call");
  bench.loaded(old);
  bench.step({
    kind: "reply",
    id: toSecond?.id ?? 0,
    reply: { status: "record", siblings: fresh },
  });
  const reply = bench.response();
  assert.ok(reply.status === "read");
  assert.deepEqual(reply.siblings, fresh);
  assert.deepEqual(bench.take("call"), [], "repair waits until all replicas answered or failed");
  bench.step({ kind: "reply", id: toThird?.id ?? 0, reply: { status: "record", siblings: [] } });
  const repair = bench.one("call");
  assert.equal(repair.to, THIRD);
  assert.deepEqual(repair.request, {
    method: "replica.put",
    key: KEY,
    siblings: fresh,
    purpose: "repair",
  });
  bench.loaded(old);
  assert.deepEqual(bench.one("store").record.siblings, fresh, "its own stale record too");
});

Deno.test("get: fails at once when R can no longer be met", () => {
  const bench = new ReplicaHarness(FIRST, { r: 3 });
  bench.step({ kind: "client", id: 1, request: { method: "get", key: KEY } });
  const [call] = bench.take("call");
  bench.step({ kind: "call-failed", id: call?.id ?? 0, undelivered: true, reason: "refused" });
  const reply = bench.response();
  assert.ok(reply.status === "error" && reply.error.needed === 3);
});

Deno.test("get: a damaged record makes the read fail, and is replaced when all other primaries answered", () => {
  const bench = new ReplicaHarness(FIRST, { r: 1 });
  bench.step({ kind: "peer", id: 9, from: SECOND, request: { method: "replica.get", key: KEY } });
  const load = bench.one("load");
  bench.step({ kind: "storage-failed", id: load.id, reason: "checksum", unreadable: true });
  const answer = bench.response();
  assert.ok(answer.status === "error" && answer.error.code === "record-damaged");
  const calls = bench.take("call");
  assert.deepEqual(calls.map((call) => call.to), [SECOND, THIRD]);
  const held = version("a", 1);
  bench.step({
    kind: "reply",
    id: calls[0]?.id ?? 0,
    reply: { status: "record", siblings: held },
  });
  assert.deepEqual(bench.take("load"), [], "one of two answers is not enough");
  bench.step({ kind: "reply", id: calls[1]?.id ?? 0, reply: { status: "record", siblings: [] } });
  const again = bench.one("load");
  bench.step({ kind: "storage-failed", id: again.id, reason: "checksum", unreadable: true });
  const { record } = bench.one("store");
  assert.deepEqual(
    record,
    { key: KEY, siblings: held },
    "without an actor, so that new dots get a new one",
  );
});

Deno.test("get: two damaged copies do not wait for each other", () => {
  const bench = new ReplicaHarness(FIRST, { r: 1 });
  bench.step({ kind: "peer", id: 9, from: SECOND, request: { method: "replica.get", key: KEY } });
  const { id } = bench.one("load");
  bench.step({ kind: "storage-failed", id, reason: "checksum", unreadable: true });
  const held = version("a", 1);
  const damaged = { code: "record-damaged", message: "checksum", definite: true } as const;
  for (const call of bench.take("call")) {
    const reply = call.to === SECOND
      ? { status: "error", error: damaged } as const
      : { status: "record", siblings: held } as const;
    bench.step({ kind: "reply", id: call.id, reply });
  }
  const again = bench.one("load");
  bench.step({ kind: "storage-failed", id: again.id, reason: "checksum", unreadable: true });
  assert.deepEqual(bench.one("store").record.siblings, held);
});

Deno.test("delete: without a context it first reads with R, then a tombstone supersedes what it read", () => {
  const bench = new ReplicaHarness(FIRST);
  const held = version("a", 1);
  bench.step({ kind: "client", id: 1, request: { method: "delete", key: KEY, context: null } });
  const [call] = bench.take("call");
  bench.loaded(held);
  bench.step({ kind: "reply", id: call?.id ?? 0, reply: { status: "record", siblings: held } });
  bench.loaded(held);
  const { record } = bench.one("store");
  assert.equal(record.siblings.length, 1);
  assert.equal(record.siblings[0]?.value, null);
  assert.deepEqual(record.siblings[0]?.clock, [["a", 1]]);
});

Deno.test("forward: a node that is not a primary forwards a request once, to the first primary", () => {
  const bench = new ReplicaHarness(NON_PRIMARY, { gossipIntervalMs: 0 });
  bench.step({ kind: "client", id: 1, request: put });
  const call = bench.one("call");
  assert.equal(call.to, FIRST);
  assert.ok(call.request.method === "forward");
  assert.equal(call.request.requestId, `${NON_PRIMARY}.d1/${4 * 2 ** 24}/1`);
  bench.step({ kind: "call-failed", id: call.id, undelivered: true, reason: "refused" });
  assert.equal(
    bench.one("call").to,
    SECOND,
    "the call did not arrive, so the next primary may write",
  );
});

Deno.test("forward: a write that may have arrived is not sent to another primary, but a read is", () => {
  const bench = new ReplicaHarness(NON_PRIMARY, { gossipIntervalMs: 0 });
  bench.step({ kind: "client", id: 1, request: put });
  bench.step({
    kind: "call-failed",
    id: bench.one("call").id,
    undelivered: false,
    reason: "reset",
  });
  const failed = bench.response();
  assert.ok(failed.status === "error" && !failed.error.definite);
  bench.step({ kind: "client", id: 2, request: { method: "get", key: KEY } });
  const read = bench.one("call");
  bench.step({ kind: "call-failed", id: read.id, undelivered: false, reason: "reset" });
  assert.equal(bench.one("call").to, SECOND);
});

Deno.test("forward: duplicates write once and get the same answer; a very late one is refused", () => {
  const bench = new ReplicaHarness(FIRST, { timeoutMs: 100, w: 1 });
  const request: PeerRequest = {
    method: "forward",
    requestId: `${NON_PRIMARY}/4/1`,
    request: put,
    ringVersion: bench.replica.ring.version,
  };
  bench.step({ kind: "peer", id: 1, from: NON_PRIMARY, request });
  bench.step({ kind: "peer", id: 2, from: NON_PRIMARY, request });
  bench.loaded(null);
  bench.step({ kind: "stored", id: bench.one("store").id });
  const answers = bench.take("respond");
  assert.deepEqual(answers.map((answer) => answer.id), [1, 2]);
  assert.deepEqual(answers[0]?.reply, answers[1]?.reply);
  bench.step({ kind: "peer", id: 3, from: NON_PRIMARY, request });
  assert.deepEqual(bench.one("respond").reply, answers[0]?.reply);
  assert.deepEqual(bench.take("load"), []);

  bench.pass(300);
  bench.step({ kind: "peer", id: 4, from: NON_PRIMARY, request });
  const late = bench.response();
  assert.ok(late.status === "error" && late.error.code === "too-late" && late.error.definite);
});

Deno.test("forward: a node that is not a primary refuses, and names its ring version", () => {
  const bench = new ReplicaHarness(NON_PRIMARY);
  const other = IDS.find((id) => !PRIMARIES.includes(id) && id !== NON_PRIMARY) as string;
  bench.step({
    kind: "peer",
    id: 1,
    from: other,
    request: { method: "forward", requestId: `${other}/1/1`, request: put, ringVersion: "x" },
  });
  const reply = bench.response();
  assert.ok(reply.status === "error" && reply.error.code === "wrong-owner");
  assert.equal(reply.error.ringVersion, bench.replica.ring.version);
});

Deno.test("overload: requests beyond the limit are refused, and accepted again later", () => {
  const bench = new ReplicaHarness(FIRST, { requestsMax: 1, r: 1 });
  bench.step({ kind: "client", id: 1, request: { method: "get", key: KEY } });
  bench.step({ kind: "client", id: 2, request: { method: "get", key: KEY } });
  const refused = bench.one("respond");
  assert.equal(refused.id, 2);
  assert.ok(refused.reply.status === "error" && refused.reply.error.code === "overloaded");
  bench.loaded(version("a", 1));
  assert.equal(bench.one("respond").id, 1);
  bench.step({ kind: "client", id: 3, request: { method: "get", key: KEY } });
  assert.deepEqual(bench.take("respond"), []);
});

Deno.test("state: a clone is independent, and equal events have equal effects on both", () => {
  const bench = new ReplicaHarness(FIRST);
  bench.step({ kind: "client", id: 1, request: put });
  const load = bench.one("load");
  const twin = deepClone(bench.replica);
  const run = (replica: Replica): Effect[] => {
    const effects: Effect[] = [];
    replica.step(START, { kind: "loaded", id: load.id, record: null }, effects);
    return effects;
  };
  const first = run(bench.replica);
  assert.deepEqual(run(twin), first);
  assert.deepEqual(twin.stats(), bench.replica.stats());
});

Deno.test("events with late or unknown ids are ignored", () => {
  const bench = new ReplicaHarness(FIRST);
  const before = bench.replica.stats();
  bench.step({ kind: "timer", id: 99 });
  bench.step({ kind: "stored", id: 99 });
  bench.step({ kind: "loaded", id: 99, record: null });
  bench.step({ kind: "reply", id: 99, reply: { status: "stored" } });
  bench.step({ kind: "call-failed", id: 99, undelivered: true, reason: "" });
  assert.deepEqual(bench.effects, []);
  assert.deepEqual(bench.replica.stats(), before);
});

Deno.test("reaping: an owner drops a tombstone only after all members have agreed", () => {
  const bench = new ReplicaHarness(FIRST, {
    reapIntervalMs: 10,
    tombstoneGraceMs: 5,
    gossipIntervalMs: 0,
    antiEntropyIntervalMs: 0,
    hintedHandoff: false,
  });
  const tombstone: Siblings = [{ ...version("a", 1)[0] as Siblings[number], value: null }];
  bench.step({ kind: "start" });
  bench.take("call");
  const ask = () => {
    bench.pass(10);
    const records = [{ key: KEY, siblings: tombstone }];
    bench.step({ kind: "scanned", id: bench.one("scan").id, records, next: null });
    return bench.take("call");
  };
  assert.deepEqual(ask(), [], "seen for the first time, so its grace period begins");
  const asked = ask();
  assert.deepEqual(asked.map(({ to }) => to).toSorted(), IDS.filter((id) => id !== FIRST));
  const word = (agrees: boolean) => ({ status: "reap", agrees }) as const;
  bench.step({ kind: "reply", id: asked[0]?.id ?? 0, reply: word(true) });
  bench.step({ kind: "reply", id: asked[1]?.id ?? 0, reply: word(false) });
  assert.deepEqual(
    [bench.take("call"), bench.take("load")],
    [[], []],
    "another node still has a copy, so not now",
  );

  for (const { id } of ask()) bench.step({ kind: "reply", id, reply: word(true) });
  const drops = bench.take("call");
  assert.deepEqual(drops.map(({ to }) => to), [SECOND, THIRD]);
  bench.loaded(tombstone);
  assert.equal(bench.one("remove").key, KEY);
});

Deno.test("reaping: a tombstone that was superseded in the meantime is not dropped", () => {
  const bench = new ReplicaHarness(SECOND);
  const tombstone: Siblings = [{ ...version("a", 1)[0] as Siblings[number], value: null }];
  const digest = hexOf(recordDigest(KEY, tombstone));
  const drop: PeerRequest = { method: "reap.drop", key: KEY, digest };
  bench.step({ kind: "peer", id: 1, from: FIRST, request: drop });
  bench.loaded(version("b", 1, tombstone));
  assert.deepEqual([bench.take("remove"), bench.take("store")], [[], []]);
  assert.deepEqual(bench.response(), { status: "stored" });
});
