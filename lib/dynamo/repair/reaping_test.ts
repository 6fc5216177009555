/** When tombstones may go: not while the owners of their range change. */
import assert from "node:assert/strict";
import { afterLeave, IDS, KEY, ReplicaHarness } from "../../../tests/replica_harness.ts";
import type { MembershipState } from "../membership/membership_state.ts";
import type { NodeId } from "../types/ids.ts";
import type { StoredRecord } from "../types/records.ts";
import type { Siblings } from "../versions/versions.ts";
import { hexOf, recordDigest } from "./merkle.ts";

const { replica } = new ReplicaHarness("n1");
const { ring } = replica;
const [FIRST = "", SECOND = "", LEAVING = ""] = ring.primariesOfKey(KEY);
const RANGE = ring.rangeOfKey(KEY);
const CONFIG = {
  reapIntervalMs: 100,
  tombstoneGraceMs: 100,
  gossipIntervalMs: 0,
  antiEntropyIntervalMs: 0,
};
const TOMBSTONE: Siblings = [{
  value: null,
  contentType: "",
  dot: [`${FIRST}/d1/1.1`, 2],
  clock: [[`${FIRST}/d1/1.1`, 1]],
  stampUs: 2,
}];
const DIGEST = hexOf(recordDigest(KEY, TOMBSTONE));

const PLANNED = afterLeave(replica, FIRST, LEAVING, false);
const RECEIVER = PLANNED.ring.steps.find(({ range }) => range === RANGE)?.receiver as NodeId;

/** A node whose disk holds these records and answers at once; calls and answers are left to the test. */
class Node extends ReplicaHarness {
  constructor(self: NodeId, private readonly disk: readonly StoredRecord[] = []) {
    super(self, CONFIG);
    this.step({ kind: "start" });
    this.settle();
  }

  learn(state: MembershipState): void {
    const from = IDS.find((id) => id !== this.replica.self) as string;
    this.step({ kind: "peer", id: 1, from, request: { method: "membership", state } });
    this.settle();
  }

  settle(): void {
    for (let round = 0; round < 10; round++) {
      for (const { id } of this.take("save")) this.step({ kind: "stored", id });
      for (const { id, from } of this.take("scan")) {
        const records = from === undefined ? this.disk : [];
        this.step({ kind: "scanned", id, records, next: null });
      }
      for (const { id, key } of this.take("load")) {
        const record = this.disk.find((each) => each.key === key) ?? null;
        this.step({ kind: "loaded", id, record });
      }
    }
  }

  /** Whom it has asked whether the tombstone may go, after its grace is over. */
  asked(): NodeId[] {
    for (let tick = 0; tick < 20; tick++) {
      this.pass(50);
      this.settle();
    }
    return this.take("call").filter(({ request }) => request.method === "reap.ask")
      .map(({ to }) => to);
  }

  /** Its answer to the request. */
  answer(id: number) {
    return this.take("respond").find((effect) => effect.id === id)?.reply;
  }
}

Deno.test("reaping: no tombstone is asked about while its range moves", () => {
  const node = new Node(FIRST, [{ key: KEY, siblings: TOMBSTONE }]);
  node.learn(PLANNED.state());
  assert.deepEqual(node.asked(), []);
  node.learn(afterLeave(replica, FIRST, LEAVING, true).state());
  assert.ok(node.asked().includes(SECOND));
});

Deno.test("reaping: a member agrees to nothing while the range moves", () => {
  // RECEIVER holds nothing of the key yet, and may be about to copy an old value.
  const node = new Node(RECEIVER);
  const ask = (id: number, plan: string) => {
    const request = { method: "reap.ask", key: KEY, digest: DIGEST, plan } as const;
    node.step({ kind: "peer", id, from: FIRST, request });
    node.settle();
    return node.answer(id);
  };
  assert.deepEqual(ask(10, node.replica.membership.planVersion), { status: "reap", agrees: true });
  node.learn(PLANNED.state());
  assert.deepEqual(ask(11, PLANNED.planVersion), { status: "reap", agrees: false });
});

Deno.test("reaping: a range is listed only by nodes that know of its transfer", () => {
  const { start, end } = ring.range(RANGE);
  const request = { method: "range.keys", start, end, epoch: 1, after: null } as const;
  const node = new Node(LEAVING, [{ key: KEY, siblings: TOMBSTONE }]);
  node.step({ kind: "peer", id: 10, from: RECEIVER, request });
  node.settle();
  // It would go on to agree under the plan that it knows, while RECEIVER has the old value.
  const refused = node.answer(10);
  assert.equal(refused?.status === "error" && refused.error.code, "ring-moved");
  node.learn(PLANNED.state());
  node.step({ kind: "peer", id: 11, from: RECEIVER, request });
  node.settle();
  assert.equal(node.answer(11)?.status, "keys");
});

Deno.test("reaping: more tombstones than can be watched go one after the other", () => {
  const own = (count: number) => {
    const keys: string[] = [];
    for (let i = 0; keys.length < count; i++) {
      if (ring.primariesOfKey(`k${i}`)[0] === FIRST) keys.push(`k${i}`);
    }
    return keys;
  };
  const disk = own(10_300).map((key) => ({ key, siblings: TOMBSTONE }));
  const node = new Node(FIRST, disk);
  assert.ok(node.asked().length > 0);
});
