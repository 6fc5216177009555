/** Validation of membership data from peers and from the disk. */
import { equal } from "node:assert/strict";
import type { MembershipState } from "../../lib/dynamo/membership/membership_state.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { readReply } from "./client.ts";
import { RpcWriter } from "./messages.ts";
import { validateDocument } from "./validate_membership.ts";
import { validateReply } from "./validate_replies.ts";
import { validateParams } from "./validate_requests.ts";

const START = "0".repeat(32);
const END = "8".padEnd(32, "0");
const STATE: MembershipState = {
  members: [{
    member: { id: "n6", url: "http://127.0.0.1:9106", weight: 2, zone: "a", dataId: "q2k1m0zz" },
    memberStatus: "member",
    version: 1,
    removedData: ["8t3938c1"],
  }],
  tokens: [{ position: START, owner: "n6", epoch: 2 }, { position: END, owner: null, epoch: 3 }],
  registers: [{ start: START, end: END, owners: ["n6", "n1"], epoch: 2 }],
};
const [ENTRY] = STATE.members;
const [REGISTER] = STATE.registers;

const LIFE = { dataId: "q2k1m0zz", incarnation: 3, bootNumber: 16_777_215, writes: 1_234 };
const PEER = { id: "n2", ...LIFE };
const MARK = { start: START, end: END, epoch: 2, mark: "fenced" };

for (
  const [document, wrong] of [
    [{ state: STATE, marks: [MARK] }, null],
    [{ state: STATE, marks: [], peers: [PEER] }, null],
    [
      { state: STATE, marks: [], peers: [{ ...PEER, writes: -1 }] },
      "a membership's peers must have valid entries: one is not",
    ],
    [
      { state: STATE, marks: [], peers: PEER },
      "a membership's peers must be a list of at most 10000",
    ],
    [null, "it must be an object"],
    [{ marks: [] }, "a membership must be an object"],
    [{ state: STATE }, "a membership's marks must be a list of at most 100000"],
    [
      { state: STATE, marks: [{ ...MARK, mark: "kept" }] },
      "a membership's marks must have valid entries: one is not",
    ],
    [
      { state: STATE, marks: [{ ...MARK, epoch: 0 }] },
      "a membership's marks must have valid entries: one is not",
    ],
  ] as const
) {
  Deno.test(`stored document: ${JSON.stringify(document)?.slice(-60)}`, () => {
    equal(validateDocument(document), wrong);
  });
}

/** Requests as a node sends them; the validation must accept all of them. */
const REQUESTS: readonly PeerRequest[] = [
  { method: "membership", state: STATE },
  {
    method: "membership",
    state: { ...STATE, members: STATE.members.map((each) => ({ ...each, asInitial: true })) },
  },
  { method: "gossip", digest: [["n1", 1, 2, 16_777_215]], membership: "0123456789abcdef" },
  { method: "boot.check", life: LIFE, status: "unconfirmed", membership: "" },
  { method: "boot.check", life: LIFE, status: "settled", membership: "0123456789abcdef" },
  {
    method: "gossip.states",
    states: [
      { id: "n1", ...LIFE, heartbeat: 9, intervalMs: 200 },
      { id: "n2", ...LIFE, heartbeat: 9, intervalMs: 200, status: "recovering" },
    ],
  },
  { method: "replica.get", key: "k", standIn: true },
  { method: "range.keys", start: START, end: END, epoch: 1, after: null },
  { method: "range.keys", start: START, end: END, epoch: 1, after: { key: "k", position: END } },
  { method: "range.keys", start: START, end: END, epoch: 1, after: null, purpose: "recovery" },
  { method: "range.fence", start: START, end: START, epoch: 1 },
  { method: "range.advance", start: START, end: END, epoch: 1, sender: "n1", receiver: null },
  { method: "orphan.check", keys: [["k", "0123456789abcdef"]] },
  { method: "tree.roots", grid: "0123456789ab", roots: [[0, "0123456789abcdef"]] },
  { method: "reap.ask", key: "k", digest: "0123456789abcdef", plan: "" },
];

for (const request of REQUESTS) {
  Deno.test(`accepted: ${JSON.stringify(request).slice(0, 60)}`, () => {
    const { method, params } = JSON.parse(new RpcWriter(null).request(1, request));
    equal(validateParams(method, params), null);
    equal(JSON.stringify({ method, ...params }), JSON.stringify(request));
  });
}

const REPLIES: readonly PeerReply[] = [
  { status: "membership", state: STATE },
  { status: "gossip", newer: [], wanted: [], membership: STATE },
  { status: "boot", remembered: null, life: LIFE, lifeStatus: "unconfirmed" },
  { status: "boot", remembered: LIFE, life: LIFE, lifeStatus: "settled", membership: STATE },
  { status: "missing", keys: ["k"] },
  { status: "roots", differing: [1], unknown: [2] },
  {
    status: "error",
    error: {
      code: "wrong-owner",
      message: "not mine",
      definite: true,
      registers: STATE.registers,
    },
  },
];

for (const reply of REPLIES) {
  Deno.test(`accepted as a reply: ${JSON.stringify(reply).slice(0, 60)}`, () => {
    const read = readReply(new RpcWriter(null).reply("1", reply));
    equal(JSON.stringify(read?.answer), JSON.stringify({ kind: "reply", reply }));
  });
}

const state = (changes: object) => ({ state: { ...STATE, ...changes } });
const entry = (changes: object) => state({ members: [{ ...ENTRY, ...changes }] });
const member = (changes: object) => entry({ member: { ...ENTRY?.member, ...changes } });
const nodeState = (changes: object) => ({
  states: [{ id: "n1", ...LIFE, heartbeat: 9, intervalMs: 200, ...changes }],
});
const register = (changes: object) => state({ registers: [{ ...REGISTER, ...changes }] });

for (
  const [method, params] of [
    ["membership", {}],
    ["membership", { state: [] }],
    ["membership", state({ members: {} })],
    ["membership", state({ tokens: [{ position: "0", owner: "n1", epoch: 1 }] })],
    ["membership", state({ tokens: [{ position: START, owner: 1, epoch: 1 }] })],
    ["membership", entry({ memberStatus: "toString" })],
    ["membership", entry({ version: 0 })],
    ["membership", entry({ removedData: "all" })],
    ["membership", entry({ asInitial: false })],
    ["membership", member({ id: "" })],
    ["membership", member({ url: "file:///etc/passwd" })],
    ["membership", member({ weight: 0 })],
    ["membership", member({ zone: 1 })],
    ["membership", member({ dataId: "" })],
    ["membership", register({ start: "0" })],
    ["membership", register({ epoch: 0 })],
    ["membership", register({ owners: ["n1", "n1"] })],
    ["membership", register({ owners: [null] })],
    ["membership", register({ slots: [0] })],
    ["membership", register({ slots: [0, 0, 1] })],
    ["membership", register({ slots: [0, 1, -1] })],
    ["membership", state({ registers: Array(100_001).fill(REGISTER) })],
    ["gossip", { digest: [] }],
    ["gossip", { digest: [], membership: "x".repeat(65) }],
    ["gossip", { digest: [["n1", 1, 2, "data"]], membership: "" }],
    ["gossip", { digest: [["n1", 1, 2]], membership: "" }],
    ["gossip.states", nodeState({ bootNumber: 0.5 })],
    ["gossip.states", nodeState({ writes: undefined })],
    ["gossip.states", nodeState({ intervalMs: 0 })],
    ["gossip.states", nodeState({ status: "settled" })],
    ["boot.check", { life: LIFE, status: "unconfirmed" }],
    ["boot.check", { life: LIFE, status: "toString", membership: "" }],
    ["boot.check", { life: { ...LIFE, dataId: 7 }, status: "settled", membership: "" }],
    ["boot.check", { life: { ...LIFE, incarnation: -1 }, status: "settled", membership: "" }],
    ["boot.check", { status: "settled", membership: "" }],
    ["replica.get", { key: "k", standIn: "yes" }],
    ["range.keys", { start: START, end: END, epoch: 1 }],
    ["range.keys", { start: START, end: END, epoch: 1, after: null, purpose: "repair" }],
    ["range.fence", { start: START, end: END, epoch: 1.5 }],
    ["range.fence", { start: START, epoch: 1 }],
    ["range.advance", { start: START, end: END, epoch: 1, sender: null }],
    ["orphan.check", { keys: [["k"]] }],
    ["orphan.check", { keys: Array(10_001).fill(["k", "0123456789abcdef"]) }],
    ["tree.roots", { roots: [] }],
    ["reap.ask", { key: "k", digest: "0123456789abcdef" }],
  ] as const
) {
  Deno.test(`refused: ${method} ${JSON.stringify(params).slice(0, 90)}`, () => {
    equal(typeof validateParams(method, params), "string");
  });
}

for (
  const reply of [
    { status: "membership" },
    { status: "gossip", newer: [], wanted: [], membership: { members: [] } },
    { status: "boot" },
    { status: "boot", remembered: { ...LIFE, writes: "many" } },
    { status: "boot", remembered: null, membership: {} },
    { status: "missing", keys: [1] },
    { status: "roots", differing: [] },
  ]
) {
  Deno.test(`refused as a reply: ${JSON.stringify(reply)}`, () => {
    equal(typeof validateReply(reply), "string");
  });
}

Deno.test("the registers in a refusal are validated too", () => {
  const error = { code: "ring-moved", message: "moved", definite: true, registers: [{}] };
  const text = JSON.stringify({ id: 1, error: { code: -32010, message: "", data: { error } } });
  equal(readReply(text)?.answer.kind, "failed");
});
