/** Mutants of versions, dots and records: what is written, and what is kept of it. */
import { stateless } from "../world/fault_hook.ts";
import type { Mutant } from "./mutant.ts";
import {
  ackBeforeStore,
  damagedMeansAbsent,
  FailedStoreForgotten,
  newVersionOnly,
  reusedDot,
  StaleCache,
} from "./node_mutants.ts";
import {
  newestOnly,
  nothingDropped,
  originalComparison,
  plainVectorClock,
  tombstonesDropped,
} from "./versioning_mutants.ts";

export const VERSION_MUTANTS: readonly Mutant[] = [
  {
    name: "original-clock-comparison",
    about: "a clock counts as older when it is greater in no entry that both clocks have",
    story:
      "the original Dynamo Simulator compared so: of two concurrent writes through different " +
      "coordinators, whose clocks share no entry, one disappeared",
    caughtBy: "no-lost-write",
    seeds: 20,
    createHook: () => stateless({ rules: () => originalComparison }),
  },
  {
    name: "plain-vector-clock",
    about: "one counter a server, which cannot tell two clients of that server apart",
    story: "with per-server entries the later of two concurrent writes through one coordinator " +
      "overwrites the other; Riak went to dotted version vectors for it (Preguiça et al., 2012)",
    caughtBy: "no-lost-write",
    seeds: 20,
    createHook: () => stateless({ rules: () => plainVectorClock }),
  },
  {
    name: "newest-only",
    about: "of concurrent writes only the one with the latest time is kept",
    story: "Riak with last-write-wins lost most acknowledged writes of concurrent clients in " +
      "Jepsen's trial of 2013",
    caughtBy: "no-lost-write",
    seeds: 20,
    createHook: () => stateless({ rules: () => newestOnly }),
  },
  {
    name: "tombstones-dropped",
    about: "merging lets a tombstone give way to any value",
    story: "deleted rows come back in Cassandra when a replica missed the delete and the others " +
      "have dropped their tombstones: its users call them zombies",
    caughtBy: "deleted-stays-deleted",
    seeds: 20,
    createHook: () => stateless({ rules: () => tombstonesDropped }),
  },
  {
    name: "reused-dot",
    about: "a node that lost its disk counts its writes from the start, under its old name",
    story: "Riak lost writes to counters that began again after a delete or a lost disk " +
      "(riak_kv#679), and gave every key's actor an epoch",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["wipe"] },
    createHook: reusedDot,
  },
  {
    name: "new-version-only",
    about: "a coordinator sends the new version alone, not the record merged with it",
    story:
      "a clock entry then promises siblings that the receiver never got; it is why delta-state " +
      "CRDTs need deltas to be joined in causal order (Almeida, Shoker and Baquero, 2018)",
    caughtBy: "no-lost-write",
    seeds: 200,
    createHook: newVersionOnly,
  },
  {
    name: "siblings-kept",
    about: "merging keeps superseded versions beside those that supersede them",
    story:
      "siblings that nothing removes multiply with every write: Riak's operators know keys with " +
      "thousands of them that took down whatever node read one",
    caughtBy: "exact-siblings",
    seeds: 20,
    createHook: () => stateless({ rules: () => nothingDropped }),
  },
  {
    name: "stale-cache",
    about: "loads are served from a cache that is not told of stores",
    story: "Facebook's memcache kept stale values for good when a slow fill came after an " +
      "invalidation, and needed leases (Nishtala et al., NSDI 2013)",
    caughtBy: "unique-dots",
    seeds: 20,
    createHook: () => new StaleCache(),
  },
  {
    name: "ack-before-store",
    about: "a node acknowledges a write before its disk has it",
    story: "etcd 3.5.0 to 3.5.2 recorded progress before the data it stood for was durable: " +
      "members that were killed under load came back different from the others",
    caughtBy: "honest-replies",
    seeds: 20,
    createHook: ackBeforeStore,
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
    createHook: () => new FailedStoreForgotten(),
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
    createHook: damagedMeansAbsent,
  },
];
