/** Mutants of membership: ranges that move, disks that are replaced, members that go. */
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
    about: "a node that takes a range over serves it before it has the data",
    story:
      "Riak lost writes when ownership handoff ended before all data had arrived (riak_kv#1754): " +
      "membership churn is where replicated stores break",
    caughtBy: "quorum-reads",
    seeds: 200,
    limits: { kinds: ["join", "leave", "pause"] },
    createHook: newOwnerTooSoon,
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
    createHook: fenceIgnored,
  },
  {
    name: "written-after-fence",
    about: "a delete that reads first is committed by a node that has given the range up meanwhile",
    story: "HBase's master fences the log of a server that it takes for dead before it hands its " +
      "regions on: one that had only paused would go on acknowledging writes",
    caughtBy: "honest-replies",
    seeds: 400,
    limits: { kinds: ["join", "leave", "pause"] },
    createHook: writtenAfterFence,
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
    createHook: toldBeforeDurable,
  },
  {
    name: "removed-data-forgotten",
    about: "a node that was removed is let in again with the data that it had",
    story: "a Cassandra node that was away for longer than gc_grace_seconds brings back what was " +
      "deleted meanwhile: the others have forgotten their tombstones",
    caughtBy: "removed-stay-out",
    seeds: 100,
    limits: { kinds: ["remove", "return", "join"] },
    createHook: removedDataForgotten,
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
    createHook: silenceCountsAsCaughtUp,
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
    createHook: oldDiskTrusted,
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
    createHook: incarnationForgotten,
  },
];
