/** Mutants of repair: hints, read repair, anti-entropy and reaping. */
import type { Mutant } from "./mutant.ts";
import {
  branchSkipped,
  hintDeletedEarly,
  hintDropped,
  hintDroppedAtBound,
  reapedAtOnce,
  receiverUncapped,
  repairOverwrites,
  treesAgree,
} from "./node_mutants.ts";

export const REPAIR_MUTANTS: readonly Mutant[] = [
  {
    name: "repair-overwrites",
    about: "read repair replaces a replica's record instead of merging with it",
    story:
      "Redis Sentinel copied one replica over another when a partition healed. Jepsen found 56% " +
      "of the acknowledged writes lost (2013)",
    caughtBy: "no-lost-write",
    seeds: 200,
    createHook: repairOverwrites,
  },
  {
    name: "hint-dropped",
    about: "a fallback stores a write, but forgets which node it is for",
    story: "Cassandra stops keeping hints for a node after three hours by default. The node then " +
      "lacks later writes until an operator runs a repair",
    caughtBy: "no-lost-write",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintDropped,
  },
  {
    name: "hint-dropped-at-bound",
    about: "a node at its limit of hints acknowledges one more and drops it",
    story:
      "Cassandra 4.1 can limit the hints for a host (max_hints_size_per_host). Writes beyond " +
      "the limit get no hint, so the host lacks them until an operator runs a repair",
    caughtBy: "honest-replies",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: hintDroppedAtBound,
  },
  {
    name: "hint-deleted-early",
    about: "a hint is deleted when it is sent, not when its owner has stored it",
    story:
      "ScyllaDB could treat a file of hints as completely sent, and delete it, although some " +
      "hints had failed (scylladb#15110, 2023)",
    caughtBy: "no-lost-write",
    seeds: 400,
    limits: { kinds: ["crash", "kill", "pause", "loss", "partition"] },
    createHook: hintDeletedEarly,
  },
  {
    name: "receiver-uncapped",
    about: "nodes limit the hints that they send, but not the hints that they receive",
    story: "Cassandra divides its hint throttle by the number of nodes. Otherwise all holders " +
      "together would overload a node that has just returned",
    caughtBy: "bounds",
    seeds: 200,
    limits: { kinds: ["crash", "kill", "pause"] },
    createHook: receiverUncapped,
  },
  {
    name: "branch-skipped",
    about: "half of the children of a Merkle tree node are never compared",
    story: "in Ferrosa, equal hashes cancelled each other out, so whole subtrees looked empty. " +
      "Repair reported success and sent nothing, although rows were missing (ferrosa#339)",
    caughtBy: "convergence",
    seeds: 200,
    createHook: branchSkipped,
  },
  {
    name: "trees-agree",
    about: "anti-entropy is always told that no Merkle trees differ",
    story:
      "a safety net that is never tested may fail when it is needed. In January 2017 GitLab had " +
      "five ways to restore its database, and none of them worked",
    caughtBy: "convergence",
    seeds: 200,
    createHook: treesAgree,
  },
  {
    name: "reaped-at-once",
    about: "a delete leaves no tombstone: the key is removed at once",
    story: "Riak's delete_mode immediate reaped tombstones at once. Deleted keys returned from " +
      "replicas that had missed the delete",
    caughtBy: "deleted-stays-deleted",
    seeds: 200,
    createHook: reapedAtOnce,
  },
];
