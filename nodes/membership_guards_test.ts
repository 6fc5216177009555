/** Bytes of peers that speak of the membership: what is let in to the core, and what is not. */
import { equal } from "node:assert/strict";
import type { PeerReply, PeerRequest } from "../lib/dynamo/events.ts";
import type { MembershipState } from "../lib/dynamo/membership.ts";
import { complaintAboutDocument } from "./membership_guards.ts";
import { complaintAboutParams } from "./peer_guards.ts";
import { complaintAboutReply } from "./reply_guards.ts";
import { readReply } from "./rpc_client.ts";
import { RpcWriter } from "./rpc_messages.ts";

const START = "0".repeat(32);
const END = "8".padEnd(32, "0");
const STATE: MembershipState = {
  members: [{
    member: { id: "n6", url: "http://127.0.0.1:9106", weight: 2, zone: "a" },
    standing: "member",
    version: 1,
    removedData: ["8t3938c1"],
  }],
  tokens: [{ position: START, owner: "n6", epoch: 2 }, { position: END, owner: null, epoch: 3 }],
  stretches: [{ start: START, end: END, owners: ["n6", "n1"], epoch: 2 }],
};
const [ENTRY] = STATE.members;
const [STRETCH] = STATE.stretches;

const MARK = { start: START, end: END, epoch: 2, mark: "fenced" };

for (
  const [document, wrong] of [
    [{ state: STATE, marks: [MARK] }, null],
    [null, "it must be an object"],
    [{ marks: [] }, "a membership must be an object"],
    [{ state: STATE }, "a membership's marks must be a list of at most 100000"],
    [
      { state: STATE, marks: [{ ...MARK, mark: "kept" }] },
      "a membership's marks hold what does not belong there",
    ],
    [
      { state: STATE, marks: [{ ...MARK, epoch: 0 }] },
      "a membership's marks hold what does not belong there",
    ],
  ] as const
) {
  Deno.test(`on the disk: ${JSON.stringify(document)?.slice(-60)}`, () => {
    equal(complaintAboutDocument(document), wrong);
  });
}

/** Every request and reply about membership that a node sends is one that a node takes. */
const REQUESTS: readonly PeerRequest[] = [
  { method: "membership", state: STATE },
  { method: "gossip", digest: [["n1", 1, 2, "data"]], membership: "0123456789abcdef" },
  { method: "replica.get", key: "k", standIn: true },
  { method: "range.keys", start: START, end: END, epoch: 1, after: null },
  { method: "range.keys", start: START, end: END, epoch: 1, after: { key: "k", position: END } },
  { method: "range.fence", start: START, end: START, epoch: 1 },
  { method: "range.advance", start: START, end: END, epoch: 1, leaver: "n1", joiner: null },
  { method: "leftover.ask", keys: [["k", "0123456789abcdef"]] },
  { method: "tree.roots", grid: "0123456789ab", roots: [[0, "0123456789abcdef"]] },
  { method: "reap.ask", key: "k", digest: "0123456789abcdef", plan: "" },
];

for (const request of REQUESTS) {
  Deno.test(`written and taken: ${JSON.stringify(request).slice(0, 60)}`, () => {
    const { method, params } = JSON.parse(new RpcWriter(null).request(1, request));
    equal(complaintAboutParams(method, params), null);
    equal(JSON.stringify({ method, ...params }), JSON.stringify(request));
  });
}

const REPLIES: readonly PeerReply[] = [
  { status: "membership", state: STATE },
  { status: "gossip", newer: [], wanted: [], membership: STATE },
  { status: "missing", keys: ["k"] },
  { status: "roots", differing: [1], unknown: [2] },
  {
    status: "error",
    error: {
      code: "wrong-owner",
      message: "not mine",
      definite: true,
      stretches: STATE.stretches,
    },
  },
];

for (const reply of REPLIES) {
  Deno.test(`answered and read: ${JSON.stringify(reply).slice(0, 60)}`, () => {
    const read = readReply(new RpcWriter(null).reply("1", reply));
    equal(JSON.stringify(read?.answer), JSON.stringify({ kind: "reply", reply }));
  });
}

const state = (changes: object) => ({ state: { ...STATE, ...changes } });
const entry = (changes: object) => state({ members: [{ ...ENTRY, ...changes }] });
const member = (changes: object) => entry({ member: { ...ENTRY?.member, ...changes } });
const stretch = (changes: object) => state({ stretches: [{ ...STRETCH, ...changes }] });

for (
  const [method, params] of [
    ["membership", {}],
    ["membership", { state: [] }],
    ["membership", state({ members: {} })],
    ["membership", state({ tokens: [{ position: "0", owner: "n1", epoch: 1 }] })],
    ["membership", state({ tokens: [{ position: START, owner: 1, epoch: 1 }] })],
    ["membership", entry({ standing: "toString" })],
    ["membership", entry({ version: 0 })],
    ["membership", entry({ removedData: "all" })],
    ["membership", member({ id: "" })],
    ["membership", member({ url: "file:///etc/passwd" })],
    ["membership", member({ weight: 0 })],
    ["membership", member({ zone: 1 })],
    ["membership", stretch({ start: "0" })],
    ["membership", stretch({ epoch: 0 })],
    ["membership", stretch({ owners: ["n1", "n1"] })],
    ["membership", stretch({ owners: [null] })],
    ["membership", state({ stretches: Array(100_001).fill(STRETCH) })],
    ["gossip", { digest: [] }],
    ["gossip", { digest: [], membership: "x".repeat(65) }],
    ["replica.get", { key: "k", standIn: "yes" }],
    ["range.keys", { start: START, end: END, epoch: 1 }],
    ["range.fence", { start: START, end: END, epoch: 1.5 }],
    ["range.fence", { start: START, epoch: 1 }],
    ["range.advance", { start: START, end: END, epoch: 1, leaver: null }],
    ["leftover.ask", { keys: [["k"]] }],
    ["leftover.ask", { keys: Array(10_001).fill(["k", "0123456789abcdef"]) }],
    ["tree.roots", { roots: [] }],
    ["reap.ask", { key: "k", digest: "0123456789abcdef" }],
  ] as const
) {
  Deno.test(`refused: ${method} ${JSON.stringify(params).slice(0, 90)}`, () => {
    equal(typeof complaintAboutParams(method, params), "string");
  });
}

for (
  const reply of [
    { status: "membership" },
    { status: "gossip", newer: [], wanted: [], membership: { members: [] } },
    { status: "missing", keys: [1] },
    { status: "roots", differing: [] },
  ]
) {
  Deno.test(`refused as a reply: ${JSON.stringify(reply)}`, () => {
    equal(typeof complaintAboutReply(reply), "string");
  });
}

Deno.test("registers in a refusal are looked at like any others", () => {
  const error = { code: "ring-moved", message: "moved", definite: true, stretches: [{}] };
  const text = JSON.stringify({ id: 1, error: { code: -32010, message: "", data: { error } } });
  equal(readReply(text)?.answer.kind, "failed");
});
