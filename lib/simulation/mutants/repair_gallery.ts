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
    about: "what read repair sends replaces a replica's record instead of being merged with it",
    story:
      "Redis Sentinel copied one replica over another when a partition healed: Jepsen saw 56% " +
      "of the acknowledged writes gone (2013)",
    caughtBy: "no-lost-write",
    seeds: 200,
    createHook: repairOverwrites,
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
    createHook: hintDropped,
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
    createHook: hintDroppedAtBound,
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
    createHook: hintDeletedEarly,
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
    createHook: receiverUncapped,
  },
  {
    name: "branch-skipped",
    about: "half of the children of a Merkle tree's node are never compared",
    story:
      "in Ferrosa equal hashes cancelled each other out, so whole subtrees looked empty: repair " +
      "reported success and sent nothing, while rows were missing (ferrosa#339)",
    caughtBy: "convergence",
    seeds: 200,
    createHook: branchSkipped,
  },
  {
    name: "trees-agree",
    about: "anti-entropy is told that no tree differs, whatever the trees say",
    story:
      "a safety net that nobody tests is found out when it is needed: in January 2017 GitLab " +
      "had five ways to get its database back, and none of them worked",
    caughtBy: "convergence",
    seeds: 200,
    createHook: treesAgree,
  },
  {
    name: "reaped-at-once",
    about: "a delete leaves no tombstone: the key is forgotten at once",
    story:
      "Riak's delete_mode immediate reaped tombstones at once, and deleted keys came back from " +
      "replicas that had missed the delete",
    caughtBy: "deleted-stays-deleted",
    seeds: 200,
    createHook: reapedAtOnce,
  },
];
