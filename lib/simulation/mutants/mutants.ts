/**
 * The gallery of mutants: what checkers are worth. Each is a mistake that a real system has
 * made, is switched on by tests and by the time machine only, and is caught by a named checker within
 * a stated number of seeds.
 */
import type { Scenario } from "../scenario/scenario.ts";
import { type SwarmLimits, swarmScenario } from "../scenario/swarm.ts";
import { type FaultHook, stateless } from "../world/fault_hook.ts";
import {
  incarnationForgotten,
  oldDiskTrusted,
  removedDataForgotten,
  silenceCountsAsCaughtUp,
  toldBeforeDurable,
  writtenAfterFence,
} from "./core_mutants.ts";
import {
  ackBeforeStore,
  branchSkipped,
  damagedMeansAbsent,
  FailedStoreForgotten,
  failureCalledCertain,
  failuresSwallowed,
  fallbacksUnused,
  fenceIgnored,
  forwardRetried,
  gossipSilenced,
  hintDeletedEarly,
  hintDropped,
  hintDroppedAtBound,
  newOwnerTooSoon,
  newVersionOnly,
  quorumIgnored,
  reapedAtOnce,
  receiverUncapped,
  repairOverwrites,
  requestIdsForgotten,
  reusedDot,
  StaleCache,
  timersLost,
  treesAgree,
} from "./node_mutants.ts";
import { olderDisk, replacedDiskFirst } from "./scenarios.ts";
import {
  newestOnly,
  nothingDropped,
  originalComparison,
  plainVectorClock,
  tombstonesDropped,
} from "./versioning_mutants.ts";

export interface Mutant {
  readonly name: string;
  /** What is wrong. */
  readonly about: string;
  /** What it did to real systems. */
  readonly story: string;
  /** The checker that must catch it. */
  readonly caughtBy: string;
  /** Within so many seeds, from 1. */
  readonly seeds: number;
  /** Shows the bug where random faults seldom meet as it needs them to; then seeds say nothing. */
  readonly scenario?: (seed: number) => Scenario;
  /** What the swarm is held to, where the bug needs a certain fault to show. */
  readonly limits?: SwarmLimits;
  readonly plant: () => FaultHook;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "ack-before-store",
    about: "a node acknowledges a write before its disk has it",
    story: "etcd 3.5.0 to 3.5.2 recorded progress before the data it stood for was durable: " +
      "members that were killed under load came back different from the others",
    caughtBy: "honest-replies",
    seeds: 20,
    plant: ackBeforeStore,
  },
  {
    name: "original-clock-comparison",
    about: "a clock counts as older when it is greater in no entry that both clocks have",
    story:
      "the original Dynamo Simulator compared so: of two concurrent writes through different " +
      "coordinators, whose clocks share no entry, one disappeared",
    caughtBy: "no-lost-write",
    seeds: 20,
    plant: () => stateless({ rules: () => originalComparison }),
  },
  {
    name: "plain-vector-clock",
    about: "one counter a server, which cannot tell two clients of that server apart",
    story: "with per-server entries the later of two concurrent writes through one coordinator " +
      "overwrites the other; Riak went to dotted version vectors for it (Preguiça et al., 2012)",
    caughtBy: "no-lost-write",
    seeds: 20,
    plant: () => stateless({ rules: () => plainVectorClock }),
  },
  {
    name: "newest-only",
    about: "of concurrent writes only the one with the latest time is kept",
    story: "Riak with last-write-wins lost most acknowledged writes of concurrent clients in " +
      "Jepsen's trial of 2013",
    caughtBy: "no-lost-write",
    seeds: 20,
    plant: () => stateless({ rules: () => newestOnly }),
  },
  {
    name: "tombstones-dropped",
    about: "merging lets a tombstone give way to any value",
    story: "deleted rows come back in Cassandra when a replica missed the delete and the others " +
      "have dropped their tombstones: its users call them zombies",
    caughtBy: "deleted-stays-deleted",
    seeds: 20,
    plant: () => stateless({ rules: () => tombstonesDropped }),
  },
  {
    name: "reused-dot",
    about: "a node that lost its disk counts its writes from the start, under its old name",
    story: "Riak lost writes to counters that began again after a delete or a lost disk " +
      "(riak_kv#679), and gave every key's actor an epoch",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["wipe"] },
    plant: reusedDot,
  },
  {
    name: "repair-overwrites",
    about: "what read repair sends replaces a replica's record instead of being merged with it",
    story:
      "Redis Sentinel copied one replica over another when a partition healed: Jepsen saw 56% " +
      "of the acknowledged writes gone (2013)",
    caughtBy: "no-lost-write",
    seeds: 200,
    plant: repairOverwrites,
  },
  {
    name: "forward-retried",
    about:
      "a forwarded write whose call broke off is sent again elsewhere, though it may have arrived",
    story: "MongoDB 4.2.6 showed duplicate effects of its own retries (Jepsen, 2020)",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "restart"] },
    plant: forwardRetried,
  },
  {
    name: "request-ids-forgotten",
    about: "a coordinator does not recognise the copy of a forwarded write",
    story:
      "Kafka's producers wrote duplicates whenever they retried, until 0.11 gave every message " +
      "a sequence number (KIP-98)",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["duplicate"] },
    plant: requestIdsForgotten,
  },
  {
    name: "new-version-only",
    about: "a coordinator sends the new version alone, not the record merged with it",
    story:
      "a clock entry then promises siblings that the receiver never got; it is why delta-state " +
      "CRDTs need deltas to be joined in causal order (Almeida, Shoker and Baquero, 2018)",
    caughtBy: "no-lost-write",
    seeds: 200,
    plant: newVersionOnly,
  },
  {
    name: "damaged-means-absent",
    about: "a record that cannot be read is taken for one that is not there",
    story:
      "one corrupt block on one node lost or spread through replicated data in most of eight " +
      "stores studied (Ganesan et al., FAST 2017)",
    caughtBy: "quorum-reads",
    seeds: 300,
    limits: { kinds: ["disk-corrupt", "kill"] },
    plant: damagedMeansAbsent,
  },
  {
    name: "failed-store-forgotten",
    about: "a store that the disk refused is reported as done",
    story:
      "PostgreSQL took a second fsync's success for the first one's, whose pages the kernel had " +
      "dropped, for twenty years (fsyncgate, 2018)",
    caughtBy: "honest-replies",
    seeds: 20,
    limits: { kinds: ["disk-full", "disk-failing"] },
    plant: () => new FailedStoreForgotten(),
  },
  {
    name: "stale-cache",
    about: "loads are served from a cache that is not told of stores",
    story: "Facebook's memcache kept stale values for good when a slow fill came after an " +
      "invalidation, and needed leases (Nishtala et al., NSDI 2013)",
    caughtBy: "unique-dots",
    seeds: 20,
    plant: () => new StaleCache(),
  },
  {
    name: "failure-called-certain",
    about: "a write that some replica may have is reported as certainly failed",
    story:
      "a client that believes it retries what has already happened; FoundationDB has an error " +
      "of its own, commit_unknown_result, to say so",
    caughtBy: "honest-replies",
    seeds: 20,
    plant: failureCalledCertain,
  },
  {
    name: "quorum-ignored",
    about: "a read is content with the first answer, whatever R says",
    story: "MongoDB's reads came from whichever node believed to be primary, without asking a " +
      "majority, and were stale or of writes later undone (Jepsen, 2015)",
    caughtBy: "quorum-reads",
    seeds: 200,
    plant: quorumIgnored,
  },
  {
    name: "siblings-kept",
    about: "merging keeps superseded versions beside those that supersede them",
    story:
      "siblings that nothing removes multiply with every write: Riak's operators know keys with " +
      "thousands of them that took down whatever node read one",
    caughtBy: "exact-siblings",
    seeds: 20,
    plant: () => stateless({ rules: () => nothingDropped }),
  },
  {
    name: "hint-dropped",
    about: "a fallback takes a write and forgets for whom it was",
    story:
      "Cassandra stops keeping hints for a node after three hours by default: writes that it " +
      "missed stay missing there until somebody runs a repair",
    caughtBy: "no-lost-write",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    plant: hintDropped,
  },
  {
    name: "hint-dropped-at-bound",
    about: "a node that holds as many hints as it may says that it has taken one more",
    story:
      "Cassandra 4.1 can bound the hints kept for a host (max_hints_size_per_host): a write past " +
      "the bound has none, and what its target missed stays missing until somebody repairs it",
    caughtBy: "honest-replies",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    plant: hintDroppedAtBound,
  },
  {
    name: "hint-deleted-early",
    about: "a hint is deleted when it is sent, not when its owner has it",
    story:
      "ScyllaDB could take a file of hints for sent in full, and delete it, although some had " +
      "failed on the way (scylladb#15110, 2023)",
    caughtBy: "no-lost-write",
    seeds: 400,
    limits: { kinds: ["crash", "kill", "pause", "loss", "partition"] },
    plant: hintDeletedEarly,
  },
  {
    name: "receiver-uncapped",
    about: "every holder counts the hints that it sends, but nobody those that arrive",
    story:
      "Cassandra divides its hint throttle by the number of nodes: without that, all holders " +
      "together would swamp the node that has just come back",
    caughtBy: "bounds",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    plant: receiverUncapped,
  },
  {
    name: "branch-skipped",
    about: "half of the children of a Merkle tree's node are never compared",
    story:
      "in Ferrosa equal hashes cancelled each other out, so whole subtrees looked empty: repair " +
      "reported success and sent nothing, while rows were missing (ferrosa#339)",
    caughtBy: "convergence",
    seeds: 200,
    plant: branchSkipped,
  },
  {
    name: "reaped-at-once",
    about: "a delete leaves no tombstone: the key is forgotten at once",
    story:
      "Riak's delete_mode immediate reaped tombstones at once, and deleted keys came back from " +
      "replicas that had missed the delete",
    caughtBy: "deleted-stays-deleted",
    seeds: 200,
    plant: reapedAtOnce,
  },
  {
    name: "new-owner-too-soon",
    about: "a node that takes a range over serves it before it has the data",
    story:
      "Riak lost writes when ownership handoff ended before all data had arrived (riak_kv#1754): " +
      "membership churn is where replicated stores break",
    caughtBy: "quorum-reads",
    seeds: 200,
    limits: { kinds: ["join", "leave", "pause"] },
    plant: newOwnerTooSoon,
  },
  {
    name: "fence-ignored",
    about: "a node that gives a range up goes on serving it until it hears of its successor",
    story:
      "a master of Redis Cluster that is cut off goes on taking writes for a while after another " +
      "was elected in its place, and they are lost: its specification says so",
    caughtBy: "quorum-reads",
    seeds: 100,
    limits: { kinds: ["join", "leave", "pause"] },
    plant: fenceIgnored,
  },
  {
    name: "silence-counts-as-caught-up",
    about:
      "a node with an empty disk takes an owner that does not answer for one with nothing to give",
    story:
      "operators clear the disk of a ZooKeeper server that does not start: with a peer that lags " +
      "behind it forms a majority that has lost committed data (Alagappan et al., FAST 2018)",
    caughtBy: "quorum-reads",
    seeds: 1,
    scenario: replacedDiskFirst,
    plant: silenceCountsAsCaughtUp,
  },
  {
    name: "old-disk-trusted",
    about: "a node whose disk was put back from a backup goes on as if nothing were missing",
    story:
      "a domain controller of Active Directory that was put back from a snapshot counted its " +
      "changes anew, and the others took no notice of them; it took VM-GenerationID to tell (2012)",
    caughtBy: "quorum-reads",
    seeds: 1,
    scenario: olderDisk,
    plant: oldDiskTrusted,
  },
  {
    name: "incarnation-forgotten",
    about: "a node with a new disk counts its starts anew, below what its peers remember",
    story:
      "Cassandra's nodes took no notice of one whose generation they did not believe: it stayed " +
      "down for them until they were restarted too (CASSANDRA-10969)",
    caughtBy: "convergence",
    seeds: 20,
    limits: { kinds: ["wipe", "restart"] },
    plant: incarnationForgotten,
  },
  {
    name: "written-after-fence",
    about: "a delete that reads first is committed by a node that has given the range up meanwhile",
    story: "HBase's master fences the log of a server that it takes for dead before it hands its " +
      "regions on: one that had only paused would go on acknowledging writes",
    caughtBy: "honest-replies",
    seeds: 400,
    limits: { kinds: ["join", "leave", "pause"] },
    plant: writtenAfterFence,
  },
  {
    name: "told-before-durable",
    about: "a register is told to others while it is on its way to the disk",
    story:
      "Raft has each server write its term and vote before it answers: one that forgets them in a " +
      "crash votes twice, and two leaders are elected (Ongaro and Ousterhout, 2014)",
    caughtBy: "durable-before-told",
    seeds: 20,
    limits: { kinds: ["join", "leave"] },
    plant: toldBeforeDurable,
  },
  {
    name: "removed-data-forgotten",
    about: "a node that was removed is let in again with the data that it had",
    story: "a Cassandra node that was away for longer than gc_grace_seconds brings back what was " +
      "deleted meanwhile: the others have forgotten their tombstones",
    caughtBy: "removed-stay-out",
    seeds: 100,
    limits: { kinds: ["remove", "return", "join"] },
    plant: removedDataForgotten,
  },
  {
    name: "trees-agree",
    about: "anti-entropy is told that no tree differs, whatever the trees say",
    story:
      "a safety net that nobody tests is found out when it is needed: in January 2017 GitLab " +
      "had five ways to get its database back, and none of them worked",
    caughtBy: "convergence",
    seeds: 200,
    plant: treesAgree,
  },
  {
    name: "gossip-silenced",
    about: "gossip does not get through, so live nodes are believed to be down",
    story:
      "in July 2008 one corrupt bit in gossiped messages took down S3: its servers were so busy " +
      "telling each other about failures that they served nobody",
    caughtBy: "convergence",
    seeds: 20,
    limits: { kinds: [] },
    plant: gossipSilenced,
  },
  {
    name: "fallbacks-unused",
    about: "no fallback takes a write for a primary that is down",
    story:
      "two dead replicas of three then stop every write to a key: what Amazon's shopping cart " +
      "could not afford, and the reason why Dynamo was made (SOSP 2007, section 1)",
    caughtBy: "always-writeable",
    seeds: 200,
    limits: { kinds: ["crash"], calm: true },
    plant: fallbacksUnused,
  },
  {
    name: "failures-swallowed",
    about: "a client whose request has failed is not told",
    story:
      "in September 2015 DynamoDB's storage servers waited for membership data that came too " +
      "late, asked again, and kept the service that should have answered from answering anybody",
    caughtBy: "answers-in-time",
    seeds: 200,
    plant: failuresSwallowed,
  },
  {
    name: "timers-lost",
    about: "no timer fires, so whoever waits for a silent replica waits for ever",
    story:
      "one leaked connection, and calls that waited for it without end, grounded an airline: " +
      "the story that opens Nygard's Release It!",
    caughtBy: "bounds",
    seeds: 200,
    plant: timersLost,
  },
];

export function mutantNamed(name: string): Mutant | undefined {
  return MUTANTS.find((bug) => bug.name === name);
}

/** What the bug is looked for in. */
export function scenarioFor(bug: Mutant, seed: number): Scenario {
  return bug.scenario?.(seed) ?? swarmScenario(seed, { mode: "dvv", ...bug.limits });
}
