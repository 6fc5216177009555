/** A quorum counts distinct copies: an owner and its successor, which copied it, are one. */
import assert from "node:assert/strict";
import { IDS, KEY, ReplicaHarness } from "../../../tests/replica_harness.ts";
import { positionOf } from "../ring/position.ts";
import type { RangeRegister } from "../ring/ring_state.ts";
import type { DynamoError } from "../types/errors.ts";
import { ReplicaResponses } from "./replica_responses.ts";

const { ring } = new ReplicaHarness("n1").replica;
const [FIRST = "", SECOND = "", THIRD = ""] = ring.primariesOfKey(KEY);
const [X = "", Y = ""] = IDS.filter((id) => !ring.primariesOfKey(KEY).includes(id));

/** FIRST gave way to X and then SECOND to Y, while a put of FIRST was on its way to SECOND. */
function refusal(slots?: readonly number[], owners = [X, Y, THIRD]): DynamoError {
  const { start, end } = ring.range(ring.rangeAt(positionOf(KEY)));
  const register: RangeRegister = { start, end, owners, epoch: 3 };
  const registers = [slots === undefined ? register : { ...register, slots }];
  return {
    code: "wrong-owner",
    message: "SECOND has given the range up",
    definite: true,
    registers,
  };
}

/** Whom FIRST asks in SECOND's place. */
function askedInstead(error: DynamoError): string[] {
  const bench = new ReplicaHarness(FIRST);
  const put = { method: "put", key: KEY, value: "eA==", contentType: "t", context: null } as const;
  bench.step({ kind: "client", id: 1, request: { ...put, sloppy: false } });
  bench.loaded(null);
  bench.step({ kind: "stored", id: bench.one("store").id });
  const calls = bench.take("call");
  assert.deepEqual(calls.map(({ to }) => to), [SECOND, THIRD]);
  bench.step({ kind: "reply", id: calls[0]?.id ?? 0, reply: { status: "error", error } });
  return bench.take("call").filter(({ request }) => request.method === "replica.put")
    .map(({ to }) => to);
}

Deno.test("slots: when two owners changed, each is replaced by its own successor", () => {
  // X holds what FIRST, the coordinator, has acknowledged: it would be counted twice.
  assert.deepEqual(askedInstead(refusal()), [Y]);
});

Deno.test("slots: they tell successors apart, not the order of the owners", () => {
  assert.deepEqual(askedInstead(refusal([1, 0, 2], [Y, X, THIRD])), [Y]);
});

Deno.test("slots: an owner and its successor are one acknowledgement, a stand-in is one more", () => {
  const responses = new ReplicaResponses(0);
  responses.add({ node: "a", primary: true, slot: 0 }, 0);
  responses.add({ node: "successor of a", primary: true, slot: 0 }, 0);
  responses.add({ node: "stand-in", primary: false, slot: null }, 0);
  responses.answer("a", null, 1);
  responses.answer("successor of a", null, 2);
  assert.deepEqual([responses.answered, responses.answeredPrimaries], [1, 1]);
  responses.answer("stand-in", null, 3);
  assert.deepEqual([responses.answered, responses.answeredPrimaries], [2, 1]);
  assert.deepEqual(responses.answerers, ["a", "successor of a", "stand-in"]);
});
