/** When a leaving node may say that it has left. */
import assert from "node:assert/strict";
import { afterLeave, IDS, KEY, ReplicaHarness } from "../../../tests/replica_harness.ts";
import type { Siblings } from "../versions/versions.ts";

const bench = new ReplicaHarness("n1");
const { ring } = bench.replica;
const [FIRST = "", SECOND = ""] = ring.primariesOfKey(KEY);
const LEAVING = IDS.find((id) => !ring.primariesOfKey(KEY).includes(id)) as string;
const SIBLINGS: Siblings = [
  { value: "eA==", contentType: "", dot: ["a", 1], clock: [], stampUs: 0 },
];

/** Finishes its saves and its scans of an empty disk. */
function settle(bench: ReplicaHarness): void {
  for (let round = 0; round < 20; round++) {
    for (const { id } of bench.take("save")) bench.step({ kind: "stored", id });
    for (const { id } of bench.take("scan")) {
      bench.step({ kind: "scanned", id, records: [], next: null });
    }
  }
}

function pass(bench: ReplicaHarness): void {
  for (let tick = 0; tick < 30; tick++) {
    bench.pass(100);
    settle(bench);
  }
}

Deno.test("a node has not left while a hint that it accepted is not delivered", () => {
  const bench = new ReplicaHarness(LEAVING);
  bench.step({ kind: "start" });
  settle(bench);
  const state = afterLeave(bench.replica, LEAVING, LEAVING, true).state();
  bench.step({ kind: "peer", id: 100, from: SECOND, request: { method: "membership", state } });
  bench.step({
    kind: "peer",
    id: 101,
    from: SECOND,
    request: {
      method: "replica.put",
      key: KEY,
      siblings: SIBLINGS,
      purpose: "replicate",
      hintFor: FIRST,
    },
  });
  const load = bench.take("load").at(-1)?.id ?? 0;
  const status = () => bench.replica.membership.memberStatus(LEAVING);
  pass(bench);
  assert.equal(status(), "leaving", "the record is being loaded");
  bench.step({ kind: "loaded", id: load, record: null });
  const store = bench.one("store");
  assert.deepEqual(store.record.hintFor?.map(({ node }) => node), [FIRST]);
  pass(bench);
  assert.equal(status(), "leaving", "the record is being stored");
  bench.step({ kind: "stored", id: store.id });
  pass(bench);
  assert.equal(status(), "leaving", "the hint is held");
});

Deno.test("a node that owns nothing and keeps nothing has left", () => {
  const bench = new ReplicaHarness(LEAVING);
  bench.step({ kind: "start" });
  settle(bench);
  const state = afterLeave(bench.replica, LEAVING, LEAVING, true).state();
  bench.step({ kind: "peer", id: 100, from: SECOND, request: { method: "membership", state } });
  pass(bench);
  assert.equal(bench.replica.membership.memberStatus(LEAVING), "left");
});
