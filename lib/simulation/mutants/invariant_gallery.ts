/**
 * Mutants that an assert in the core must stop before a checker can see their effects. Each story
 * says what would happen without the assert.
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
  slotsMixedUp,
} from "./transfer_mutants.ts";
import { counterRepeated, supersededKept } from "./versioning_mutants.ts";

const caughtBy = "no-exceptions";
const MEMBERSHIP_FAULTS = { kinds: ["join", "leave", "pause"] } as const;

export const INVARIANT_MUTANTS: readonly Mutant[] = [
  // Records ---------------------------------------------------------------------------------------
  {
    name: "superseded-kept",
    about: "merging keeps superseded versions, under rules that claim to be exact",
    story: "every replica that merges keeps the old version, so siblings multiply. The mutant " +
      "`siblings-kept` shows the result at the end of a run; the assert stops the merge itself",
    caughtBy,
    invariant: "merged siblings are sorted, distinct, and none supersedes another",
    seeds: 20,
    createHook: () => stateless({ rules: () => supersededKept }),
  },
  {
    name: "counter-repeated",
    about: "a write gets the same counter as the coordinator's previous write",
    story:
      "two values share one dot. A replica that has one of them takes the other for the same " +
      "and drops it (riak_kv#679 lost writes this way)",
    caughtBy,
    invariant: "an actor's counter only goes up",
    seeds: 20,
    createHook: () => stateless({ rules: () => counterRepeated }),
  },
  {
    name: "applied-while-storing",
    about:
      "a change that arrives during a store is applied to the record and acknowledged with that " +
      "store",
    story:
      "the store does not include the change. It is acknowledged all the same, and lost in a " +
      "crash, as in a log that acknowledges entries before it has synced them",
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
      "the second answer can reach another request with the same id. A transport that numbers " +
      "its requests then gives one client the answer of another",
    caughtBy,
    invariant: "a request is answered at most once",
    seeds: 20,
    createHook: answeredTwice,
  },
  {
    name: "replied-after-end",
    about: "at the timeout, a write's conversation ends before its client is answered",
    story:
      "the state of the conversation is gone by then. The reply is built from nothing, or from " +
      "another request",
    caughtBy,
    invariant: "no reply comes after its conversation has ended",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause", "loss"] },
    createHook: repliedAfterEnd,
  },
  {
    name: "called-after-end",
    about: "a write whose last replica has failed ends before a fallback is asked",
    story:
      "the fallback stores a copy that no coordinator knows about, and its acknowledgement is " +
      "not counted",
    caughtBy,
    invariant: "a call belongs to an open conversation",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "disk-failing"] },
    createHook: calledAfterEnd,
  },
  {
    name: "calls-outlive-conversation",
    about: "a conversation ends, but its calls are kept",
    story:
      "the table of calls grows with every replica that answers late. This slow leak takes a " +
      "node down after weeks",
    caughtBy,
    invariant: "no call outlives its conversation",
    seeds: 20,
    createHook: callsOutliveConversation,
  },
  {
    name: "in-flight-counted-down",
    about: "a failed request is subtracted twice from the number of requests in flight",
    story:
      "the limit on requests (`requestsMax`) is checked against that number. With every failure " +
      "the node accepts one request more than allowed, and no longer sheds load when it is " +
      "overloaded",
    caughtBy,
    invariant: "requests in flight are never negative",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: inFlightCountedDown,
  },
  {
    name: "forward-carried-out-twice",
    about: "a duplicate of a forwarded write is executed while the first copy is in progress",
    story:
      "one put creates two siblings, as with Kafka's producers before they had sequence numbers " +
      "(KIP-98)",
    caughtBy,
    invariant: "a forwarded write is carried out once",
    seeds: 200,
    limits: { kinds: ["duplicate"] },
    createHook: forwardCarriedOutTwice,
  },
  {
    name: "deadlines-unsorted",
    about: "the heap of deadlines is not restored after its first entry is removed",
    story:
      "timeouts fire late or never. A request that should have failed waits for deadlines that " +
      "were added before it",
    caughtBy,
    invariant: "events come out by moment, then as they were put in",
    seeds: 20,
    createHook: deadlinesUnsorted,
  },
  // Quorums ---------------------------------------------------------------------------------------
  {
    name: "asked-twice",
    about: "a silent replica is asked again, and counts as another replica",
    story: "two acknowledgements of one disk count as W = 2. If that disk fails, the write is lost",
    caughtBy,
    invariant: "a replica is asked once for each request",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: askedTwice,
  },
  {
    name: "ack-counted-twice",
    about: "an acknowledgement is counted when it arrives and again when it is processed",
    story: "one replica alone makes a quorum of two, so a read from the others misses the write",
    caughtBy,
    invariant: "a replica's answer counts once",
    seeds: 20,
    createHook: ackCountedTwice,
  },
  {
    name: "acknowledged-below-w",
    about: "a write is acknowledged as soon as its coordinator has stored it, whatever W is",
    story:
      "MongoDB's default write concern did this until 5.0: writes that only one node had were " +
      "rolled back after a failover (Jepsen, 2013 and later)",
    caughtBy,
    invariant: "a write is acknowledged by W nodes",
    seeds: 20,
    createHook: acknowledgedBelowW,
  },
  // Ownership -------------------------------------------------------------------------------------
  {
    name: "older-register-wins",
    about: "a node accepts any range register from a peer, even an older one",
    story: "a node that was away brings back former owners. They answer for a range without its " +
      "later writes",
    caughtBy,
    invariant: "the epoch of a range never goes down",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: olderRegisterWins,
  },
  {
    name: "boundaries-unsorted",
    about: "the boundary of a new token is added at the end of the list instead of in order",
    story: "ranges are found by binary search, which needs a sorted list. Nodes look up keys in " +
      "wrong ranges, and disagree about them",
    caughtBy,
    invariant: "segments are sorted",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: boundariesUnsorted,
  },
  {
    name: "node-walked-twice",
    about: "a node with several tokens counts as several owners of a range",
    story: "Dynamo skips positions to avoid exactly this (SOSP 2007, section 4.3): two of the N " +
      "replicas are on one machine, and are lost together",
    caughtBy,
    invariant: "N distinct nodes should own a range",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: nodeWalkedTwice,
  },
  {
    name: "owner-lost",
    about: "a register advances without the node that has received the range",
    story: "the range has only N - 1 replicas, and no node creates another one",
    caughtBy,
    invariant: "a range keeps N owners while it can",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: ownerLost,
  },
  {
    name: "owner-doubled",
    about: "a register advances with its new owner listed twice",
    story:
      "one node's answer counts as two in every quorum that is counted by position in the list",
    caughtBy,
    invariant: "the owners of a range are distinct",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: ownerDoubled,
  },
  {
    name: "slots-mixed-up",
    about: "a register advances with the same slot for all of its owners",
    story: "a quorum counts each slot once, so no quorum of the range is ever met again",
    caughtBy,
    invariant: "the slots of a range are distinct",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: slotsMixedUp,
  },
  // Range transfers -------------------------------------------------------------------------------
  {
    name: "fence-skipped",
    about: "the receiver takes over a range once it is copied, without a fence on the sender",
    story:
      "writes that the sender acknowledged during the last page are on no owner's disk. Riak's " +
      "handoff had this gap (riak_kv#1754)",
    caughtBy,
    invariant: "a transfer waits for the fence of a live sender",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: fenceSkipped,
  },
  {
    name: "served-behind-fence",
    about: "an owner continues to acknowledge writes of a range that it has fenced",
    story:
      "its successor already counts in its place. A write that is counted both before and after " +
      "the change of owners is on one node fewer than W",
    caughtBy,
    invariant: "a fenced range is not acknowledged under its epoch",
    seeds: 400,
    limits: MEMBERSHIP_FAULTS,
    createHook: servedBehindFence,
  },
  {
    name: "fence-lifted",
    about: "any register received for a range lifts its fence, even with the same epoch",
    story:
      "the sender guaranteed the fence to the receiver, and an unrelated message ends it. HDFS " +
      "ties its fences to epoch numbers for that reason",
    caughtBy,
    invariant: "only a higher epoch lifts a fence",
    seeds: 400,
    limits: MEMBERSHIP_FAULTS,
    createHook: fenceLifted,
  },
  {
    name: "saved-with-earlier-save",
    about:
      "actions that wait for a mark to be durable run after an earlier save, which lacks the mark",
    story:
      "a fence is guaranteed and a register advances, but neither is on disk. A crash reverts " +
      "them, as in a log that acknowledges an entry when it has only synced the one before",
    caughtBy,
    invariant: "what waits for the disk happens after it",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: savedWithEarlierSave,
  },
  {
    name: "pull-ended-twice",
    about: "a received key is subtracted twice from the keys in transfer",
    story:
      "a page counts as done while one of its keys is still in transfer, and the range is taken " +
      "over without that key",
    caughtBy,
    invariant: "keys under way are never negative",
    seeds: 200,
    limits: MEMBERSHIP_FAULTS,
    createHook: pullEndedTwice,
  },
  {
    name: "incarnation-taken-back",
    about: "a node decreases its incarnation by one whenever it saves the state of its disk",
    story:
      "two starts have the same number. Peers take news of the second start for old news of the " +
      "first (CASSANDRA-10969)",
    caughtBy,
    invariant: "an incarnation never goes down",
    seeds: 20,
    createHook: incarnationTakenBack,
  },
  // Repair ----------------------------------------------------------------------------------------
  {
    name: "hints-unbounded",
    about: "a fallback accepts hints without a limit",
    story:
      "one long outage fills the disks of all other nodes. That is why Cassandra and Riak limit " +
      "the data that they keep for a node that is down",
    caughtBy,
    invariant: "hints held and promised stay within hintsMax",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintsUnbounded,
  },
  {
    name: "hints-settled-twice",
    about: "a hint that has reached the disk is subtracted twice from the hints being stored",
    story:
      "with every hint the node underestimates how many are being stored, so its limit has no " +
      "effect",
    caughtBy,
    invariant: "hints on their way to the disk are never negative",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintsSettledTwice,
  },
  {
    name: "hint-sum-forgotten",
    about: "a delivered hint is subtracted from its target's count, but not from the total",
    story: "the total only grows. In the end the node refuses every hint although it holds none",
    caughtBy,
    invariant: "hints held are the sum over their targets",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintSumForgotten,
  },
  {
    name: "delivery-ended-twice",
    about: "the delivery of a hint is ended once by the answer and once more",
    story:
      "the number of deliveries in progress becomes negative, so more hints are sent at once " +
      "than the target allows",
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
      "a Merkle tree exchange continues with the next range while repairs are in progress, and " +
      "reports replicas as equal too early",
    caughtBy,
    invariant: "repairs under way are never negative",
    seeds: 200,
    createHook: repairEndedTwice,
  },
  {
    name: "root-not-rehashed",
    about: "a changed record does not change the root of its Merkle tree",
    story:
      "equal roots say that replicas are equal. Repair reports success and does nothing, as in " +
      "ferrosa#339",
    caughtBy,
    invariant: "a tree's hash is the xor of those below it",
    seeds: 50,
    createHook: rootNotRehashed,
  },
];
