/** Mutants of versions, dots and stored records. */
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
    about: "a clock counts as older if it is greater in no entry that both clocks have",
    story:
      "the original Dynamo Simulator compared clocks this way. Two concurrent writes through " +
      "different coordinators share no entry, so one of them was lost",
    caughtBy: "no-lost-write",
    seeds: 20,
    createHook: () => stateless({ rules: () => originalComparison }),
  },
  {
    name: "plain-vector-clock",
    about: "each server has one counter, which cannot distinguish two clients of that server",
    story: "with one entry for each server, the later of two concurrent writes through one " +
      "coordinator overwrites the other. Riak introduced dotted version vectors to prevent this " +
      "(Preguiça et al., 2012)",
    caughtBy: "no-lost-write",
    seeds: 20,
    createHook: () => stateless({ rules: () => plainVectorClock }),
  },
  {
    name: "newest-only",
    about: "of concurrent writes, only the one with the latest timestamp is kept",
    story: "Riak with last-write-wins lost most acknowledged writes of concurrent clients in " +
      "Jepsen's test of 2013",
    caughtBy: "no-lost-write",
    seeds: 20,
    createHook: () => stateless({ rules: () => newestOnly }),
  },
  {
    name: "tombstones-dropped",
    about: "when merging, any value replaces a tombstone",
    story:
      "in Cassandra, deleted rows return if one replica missed the delete and the others have " +
      "dropped their tombstones. Users call these rows zombies",
    caughtBy: "deleted-stays-deleted",
    seeds: 20,
    createHook: () => stateless({ rules: () => tombstonesDropped }),
  },
  {
    name: "reused-dot",
    about: "a node that lost its disk restarts its counters, with the same actor",
    story:
      "Riak lost writes when counters restarted after a delete or a lost disk (riak_kv#679). " +
      "Since then, each key's actor has an epoch",
    caughtBy: "unique-dots",
    seeds: 200,
    limits: { kinds: ["wipe"] },
    createHook: reusedDot,
  },
  {
    name: "new-version-only",
    about: "a coordinator sends only the new version instead of the merged record",
    story:
      "the clock then claims siblings that the receiver never got. For this reason delta-state " +
      "CRDTs must join deltas in causal order (Almeida, Shoker and Baquero, 2018)",
    caughtBy: "no-lost-write",
    seeds: 200,
    createHook: newVersionOnly,
  },
  {
    name: "siblings-kept",
    about: "merging keeps superseded versions",
    story:
      "siblings that are never removed multiply with every write. Some Riak keys had thousands " +
      "of siblings, and any node that read one of these keys crashed",
    caughtBy: "exact-siblings",
    seeds: 20,
    createHook: () => stateless({ rules: () => nothingDropped }),
  },
  {
    name: "stale-cache",
    about: "loads are served from a cache that stores do not update",
    story: "Facebook's memcache kept stale values indefinitely when a slow fill arrived after an " +
      "invalidation. Leases solved this (Nishtala et al., NSDI 2013)",
    caughtBy: "unique-dots",
    seeds: 20,
    createHook: () => new StaleCache(),
  },
  {
    name: "ack-before-store",
    about: "a node acknowledges a write before it is on its disk",
    story: "etcd 3.5.0 to 3.5.2 recorded progress before the data was durable. Members that were " +
      "killed under load came back with different data from the others",
    caughtBy: "honest-replies",
    seeds: 20,
    createHook: ackBeforeStore,
  },
  {
    name: "failed-store-forgotten",
    about: "a store that failed on the disk is reported as done",
    story:
      "after a failed fsync, the Linux kernel dropped the pages and the next fsync succeeded. " +
      "For twenty years PostgreSQL trusted that success (fsyncgate, 2018)",
    caughtBy: "honest-replies",
    seeds: 20,
    limits: { kinds: ["disk-full", "disk-failing"] },
    createHook: () => new FailedStoreForgotten(),
  },
  {
    name: "damaged-means-absent",
    about: "an unreadable record is treated as absent",
    story: "in most of eight distributed stores that were studied, one corrupt block on one node " +
      "caused lost data or corrupted other replicas (Ganesan et al., FAST 2017)",
    caughtBy: "quorum-reads",
    seeds: 300,
    limits: { kinds: ["disk-corrupt", "kill"] },
    createHook: damagedMeansAbsent,
  },
];
