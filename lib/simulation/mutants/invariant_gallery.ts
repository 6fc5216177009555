/**
 * Mutants that an assert in the core must stop, before anything that follows from them reaches a checker.
 * Each story says what would follow.
 */
import { stateless } from "../world/fault_hook.ts";
import {
  ackCountedTwice,
  acknowledgedBelowW,
  answeredTwice,
  appliedWhileStoring,
  askedTwice,
  calledAfterEnd,
  callsOutliveConversation,
  deadlinesUnsorted,
  deliveryEndedTwice,
  forwardCarriedOutTwice,
  hintsSettledTwice,
  hintSumForgotten,
  hintsUnbounded,
  inFlightCountedDown,
  repairEndedTwice,
  repliedAfterEnd,
  rootNotRehashed,
} from "./invariant_mutants.ts";
import type { Mutant } from "./mutant.ts";
import {
  boundariesUnsorted,
  fenceLifted,
  fenceSkipped,
  incarnationTakenBack,
  nodeWalkedTwice,
  olderRegisterWins,
  ownerDoubled,
  ownerLost,
  pullEndedTwice,
  savedWithEarlierSave,
  servedBehindFence,
} from "./transfer_mutants.ts";
import { counterRepeated, supersededKept } from "./versioning_mutants.ts";

const caughtBy = "no-exceptions";
const MOVES = { kinds: ["join", "leave", "pause"] } as const;

export const INVARIANT_MUTANTS: readonly Mutant[] = [
  // Records ---------------------------------------------------------------------------------------
  {
    name: "superseded-kept",
    about: "merging keeps versions beside those that supersede them, under rules said to be exact",
    story: "every replica that merges keeps the old version alive, so siblings multiply: what " +
      "`siblings-kept` shows in the end, this stops in the merge that did it",
    caughtBy,
    invariant: "merged siblings are sorted, distinct, and none supersedes another",
    seeds: 20,
    createHook: () => stateless({ rules: () => supersededKept }),
  },
  {
    name: "counter-repeated",
    about: "a write gets the counter of its coordinator's write before it",
    story: "two values under one dot: replicas that hold one of them take the other for it, and " +
      "drop it unseen (riak_kv#679 lost writes so)",
    caughtBy,
    invariant: "an actor's counter only goes up",
    seeds: 20,
    createHook: () => stateless({ rules: () => counterRepeated }),
  },
  {
    name: "applied-while-storing",
    about: "a change that comes in during a store is applied to the record and counts with it",
    story: "the change is acknowledged when a store ends that never had it: after a crash it is " +
      "gone, as in every log that tells of more than was synced",
    caughtBy,
    invariant: "what is stored is what was applied",
    seeds: 50,
    createHook: appliedWhileStoring,
  },
  // Conversations ---------------------------------------------------------------------------------
  {
    name: "answered-twice",
    about: "a client is answered after W acknowledgements, and again after all",
    story:
      "the second answer meets another request under the same id, or nobody: transports that " +
      "number their requests then hand one client's answer to another",
    caughtBy,
    invariant: "a request is answered at most once",
    seeds: 20,
    createHook: answeredTwice,
  },
  {
    name: "replied-after-end",
    about: "at the timeout a write's conversation is ended before its client is told",
    story:
      "whatever the conversation held is gone by then: a reply made of it says what was true " +
      "of another request, or nothing",
    caughtBy,
    invariant: "no reply comes after its conversation has ended",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause", "loss"] },
    createHook: repliedAfterEnd,
  },
  {
    name: "called-after-end",
    about: "a write whose last replica has failed ends before a stand-in is asked",
    story:
      "the stand-in stores a copy of which nobody knows, and its acknowledgement finds nobody " +
      "to count it",
    caughtBy,
    invariant: "a call belongs to an open conversation",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "disk-failing"] },
    createHook: calledAfterEnd,
  },
  {
    name: "calls-outlive-conversation",
    about: "a conversation ends, and the calls that it made are kept",
    story:
      "the table of calls grows by every replica that answers late: a slow leak that takes a " +
      "node down after weeks",
    caughtBy,
    invariant: "no call outlives its conversation",
    seeds: 20,
    createHook: callsOutliveConversation,
  },
  {
    name: "in-flight-counted-down",
    about: "a request that fails leaves the count of requests in flight twice",
    story:
      "the bound on requests (`requestsMax`) is checked against that count: with every failure " +
      "the node takes one more than it may, and sheds nothing when it is overloaded",
    caughtBy,
    invariant: "requests in flight are never negative",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: inFlightCountedDown,
  },
  {
    name: "forward-carried-out-twice",
    about: "the copy of a forwarded write that is still under way is carried out as well",
    story: "one put of a client becomes two siblings, as with Kafka's producers before they had " +
      "sequence numbers (KIP-98)",
    caughtBy,
    invariant: "a forwarded write is carried out once",
    seeds: 200,
    limits: { kinds: ["duplicate"] },
    createHook: forwardCarriedOutTwice,
  },
  {
    name: "deadlines-unsorted",
    about: "the heap of deadlines is not put in order again after the first was taken",
    story:
      "timeouts come late or not at all: a request that should have failed waits for whatever " +
      "was put in before it",
    caughtBy,
    invariant: "events come out by moment, then as they were put in",
    seeds: 20,
    createHook: deadlinesUnsorted,
  },
  // Quorums ---------------------------------------------------------------------------------------
  {
    name: "asked-twice",
    about: "a silent replica is asked again, and counts as another one",
    story: "two acknowledgements of one disk pass for W = 2, and the write is gone with that disk",
    caughtBy,
    invariant: "a replica is asked once for each request",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: askedTwice,
  },
  {
    name: "ack-counted-twice",
    about: "an acknowledgement is counted when it comes and when it is dealt with",
    story: "one replica's word makes a quorum of two: a read through the others finds nothing",
    caughtBy,
    invariant: "a replica's answer counts once",
    seeds: 20,
    createHook: ackCountedTwice,
  },
  {
    name: "acknowledged-below-w",
    about: "a write is acknowledged once its coordinator has it, whatever W says",
    story:
      "MongoDB's default write concern acknowledged so until 5.0: what one node alone had was " +
      "rolled back when another took over (Jepsen, 2013 and later)",
    caughtBy,
    invariant: "a write is acknowledged by W nodes",
    seeds: 20,
    createHook: acknowledgedBelowW,
  },
  // Ownership -------------------------------------------------------------------------------------
  {
    name: "older-register-wins",
    about: "what a peer says of a range's owners is believed, however old it is",
    story: "a node that was away brings former owners back: they answer for a range whose writes " +
      "they have not seen since",
    caughtBy,
    invariant: "the epoch of a range never goes down",
    seeds: 200,
    limits: MOVES,
    createHook: olderRegisterWins,
  },
  {
    name: "boundaries-unsorted",
    about: "a boundary that a new token draws is added behind the last one",
    story:
      "ranges are found by halving a sorted list: keys are looked up in ranges that they are " +
      "not in, each node finding another one",
    caughtBy,
    invariant: "segments are sorted",
    seeds: 200,
    limits: MOVES,
    createHook: boundariesUnsorted,
  },
  {
    name: "node-walked-twice",
    about: "a node with several tokens is taken for several owners of a range",
    story:
      "Dynamo skips positions for exactly this (SOSP 2007, section 4.3): two of the N replicas " +
      "lie on one machine, and are lost with it",
    caughtBy,
    invariant: "N distinct nodes should own a range",
    seeds: 200,
    limits: MOVES,
    createHook: nodeWalkedTwice,
  },
  {
    name: "owner-lost",
    about: "a register is advanced without the node that has taken the range over",
    story: "the range is left with N - 1 replicas, and nobody is told to make another",
    caughtBy,
    invariant: "a range keeps N owners while it can",
    seeds: 200,
    limits: MOVES,
    createHook: ownerLost,
  },
  {
    name: "owner-doubled",
    about: "a register is advanced with its new owner in it twice",
    story: "one node's answer stands for two owners in every quorum that is counted by positions",
    caughtBy,
    invariant: "the owners of a range are distinct",
    seeds: 200,
    limits: MOVES,
    createHook: ownerDoubled,
  },
  // Moving ----------------------------------------------------------------------------------------
  {
    name: "fence-skipped",
    about: "a range is taken over when it is copied, without its sender having fenced it",
    story:
      "what the sender acknowledged during the last page is on no owner's disk: the gap that " +
      "handoff in Riak had (riak_kv#1754)",
    caughtBy,
    invariant: "a transfer waits for the fence of a live sender",
    seeds: 200,
    limits: MOVES,
    createHook: fenceSkipped,
  },
  {
    name: "served-behind-fence",
    about: "an owner goes on acknowledging writes of a range that it has fenced",
    story:
      "its successor counts in its place by then: a write that both halves of the change count " +
      "is on one node fewer than W",
    caughtBy,
    invariant: "a fenced range is not acknowledged under its epoch",
    seeds: 400,
    limits: MOVES,
    createHook: servedBehindFence,
  },
  {
    name: "fence-lifted",
    about: "news of a range lifts its fence, though its epoch is the same",
    story:
      "the promise that the receiver was given is broken by a message that happened to come: " +
      "fences in HDFS are kept by epoch numbers for that reason",
    caughtBy,
    invariant: "only a higher epoch lifts a fence",
    seeds: 400,
    limits: MOVES,
    createHook: fenceLifted,
  },
  {
    name: "saved-with-earlier-save",
    about: "what waits for a mark to be durable happens after the save that was under way already",
    story: "a fence is promised and a register advanced of which the disk knows nothing: a crash " +
      "takes them back, as in a log that answers for the write behind the one it has synced",
    caughtBy,
    invariant: "what waits for the disk happens after it",
    seeds: 200,
    limits: MOVES,
    createHook: savedWithEarlierSave,
  },
  {
    name: "pull-ended-twice",
    about: "a key that has come over is taken out of those under way twice",
    story:
      "a page counts as done while a key of it is still on its way, and the range is taken over " +
      "without that key",
    caughtBy,
    invariant: "keys under way are never negative",
    seeds: 200,
    limits: MOVES,
    createHook: pullEndedTwice,
  },
  {
    name: "incarnation-taken-back",
    about: "a node counts its starts back by one when it describes its disk",
    story: "two starts under one number: peers take news of the second for old news of the first " +
      "(CASSANDRA-10969)",
    caughtBy,
    invariant: "an incarnation never goes down",
    seeds: 20,
    createHook: incarnationTakenBack,
  },
  // Repair ----------------------------------------------------------------------------------------
  {
    name: "hints-unbounded",
    about: "a fallback takes hints on whatever it holds already",
    story:
      "one long outage fills the disks of all the others, which is why Cassandra and Riak bound " +
      "what they keep for a node",
    caughtBy,
    invariant: "hints held and promised stay within hintsMax",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintsUnbounded,
  },
  {
    name: "hints-settled-twice",
    about: "a hint that has reached the disk is counted as such twice",
    story:
      "with every hint the book believes in less that is under way, and its bound holds no more",
    caughtBy,
    invariant: "hints on their way to the disk are never negative",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintsSettledTwice,
  },
  {
    name: "hint-sum-forgotten",
    about: "a delivered hint leaves its target's count, and stays in the sum",
    story: "the sum only grows: the node ends up refusing every hint while it holds none",
    caughtBy,
    invariant: "hints held are the sum over their targets",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintSumForgotten,
  },
  {
    name: "delivery-ended-twice",
    about: "a hint's delivery is ended by its answer, and again by its end",
    story: "the count of deliveries under way goes below zero, and more leave at once than the " +
      "target was promised",
    caughtBy,
    invariant: "hints on their way are never negative",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: deliveryEndedTwice,
  },
  {
    name: "repair-ended-twice",
    about: "the repair of a key that differs is ended twice",
    story:
      "an exchange of trees goes on to the next range with repairs still under way, and tells " +
      "of replicas that are equal before they are",
    caughtBy,
    invariant: "repairs under way are never negative",
    seeds: 200,
    createHook: repairEndedTwice,
  },
  {
    name: "root-not-rehashed",
    about: "a changed record does not show in the root of its Merkle tree",
    story:
      "roots that stay the same say that replicas are equal: repair reports success and does " +
      "nothing, as in ferrosa#339",
    caughtBy,
    invariant: "a tree's hash is the xor of those below it",
    seeds: 50,
    createHook: rootNotRehashed,
  },
];
