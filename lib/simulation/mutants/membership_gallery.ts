/** Mutants of membership: range transfers, replaced disks and removed members. */
import {
  incarnationForgotten,
  oldDiskTrusted,
  removedDataForgotten,
  silenceCountsAsCaughtUp,
  toldBeforeDurable,
  writtenAfterFence,
} from "./core_mutants.ts";
import type { Mutant } from "./mutant.ts";
import { fenceIgnored, newOwnerTooSoon } from "./node_mutants.ts";
import { olderDisk, replacedDiskFirst } from "./scenarios.ts";

export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  {
    name: "new-owner-too-soon",
    about: "the receiver of a range serves it before it has the data",
    story: "Riak lost writes when ownership handoff ended before all data had arrived " +
      "(riak_kv#1754): replicated stores often fail during membership changes",
    caughtBy: "quorum-reads",
    seeds: 200,
    limits: { kinds: ["join", "leave", "pause"] },
    createHook: newOwnerTooSoon,
  },
  {
    name: "fence-ignored",
    about: "the sender of a range continues to serve it until it learns of its successor",
    story:
      "a Redis Cluster master that is partitioned from the others accepts writes for a while " +
      "after another one was elected, and these writes are lost. Its specification says so",
    caughtBy: "quorum-reads",
    seeds: 100,
    limits: { kinds: ["join", "leave", "pause"] },
    createHook: fenceIgnored,
  },
  {
    name: "written-after-fence",
    about: "a node commits a delete although it has given up the range since the delete's read",
    story: "HBase's master fences the log of a server that seems dead before it reassigns the " +
      "regions. Otherwise a server that was only paused would continue to acknowledge writes",
    caughtBy: "honest-replies",
    seeds: 400,
    limits: { kinds: ["join", "leave", "pause"] },
    createHook: writtenAfterFence,
  },
  {
    name: "told-before-durable",
    about: "a node sends a range register to others while it is still being written to disk",
    story:
      "in Raft, each server saves its term and vote before it answers. A server that forgets " +
      "them in a crash votes twice, and two leaders are elected (Ongaro and Ousterhout, 2014)",
    caughtBy: "durable-before-told",
    seeds: 20,
    limits: { kinds: ["join", "leave"] },
    createHook: toldBeforeDurable,
  },
  {
    name: "removed-data-forgotten",
    about: "a removed node becomes a member again with its old data",
    story: "a Cassandra node that was away for longer than gc_grace_seconds brings deleted data " +
      "back: the other nodes have dropped their tombstones",
    caughtBy: "removed-stay-out",
    seeds: 100,
    limits: { kinds: ["remove", "return", "join"] },
    createHook: removedDataForgotten,
  },
  {
    name: "silence-counts-as-caught-up",
    about: "a node with an empty disk treats an owner that does not answer as one without data",
    story:
      "operators clear the disk of a ZooKeeper server that does not start. Together with a peer " +
      "that lags behind, it forms a majority without the committed data (Alagappan et al., FAST " +
      "2018)",
    caughtBy: "quorum-reads",
    seeds: 1,
    scenario: replacedDiskFirst,
    createHook: silenceCountsAsCaughtUp,
  },
  {
    name: "old-disk-trusted",
    about: "a node whose disk was restored from a backup continues as if nothing were missing",
    story: "an Active Directory domain controller that was restored from a snapshot reused its " +
      "change numbers, and the others ignored those changes. VM-GenerationID was introduced to " +
      "detect this (2012)",
    caughtBy: "quorum-reads",
    seeds: 1,
    scenario: olderDisk,
    createHook: oldDiskTrusted,
  },
  {
    name: "incarnation-forgotten",
    about:
      "a node with a new disk starts its incarnations anew, below those that its peers remember",
    story:
      "Cassandra's nodes ignored a peer whose generation they considered invalid. They believed " +
      "it down until they were restarted themselves (CASSANDRA-10969)",
    caughtBy: "convergence",
    seeds: 20,
    limits: { kinds: ["wipe", "restart"] },
    createHook: incarnationForgotten,
  },
];
