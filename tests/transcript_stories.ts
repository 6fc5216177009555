/** The stories of the golden transcripts, as data; `transcripts_test.ts` tells them. */
import type { ClientRequest } from "../lib/dynamo/types/client_messages.ts";
import type { Fault } from "../lib/simulation/faults/faults.ts";
import type { ScenarioInput } from "../lib/simulation/scenario/scenario.ts";

/** One request of a story. It can use the context of an earlier answer, by the name of its request. */
export interface StoryRequest {
  readonly atMs: number;
  readonly name: string;
  readonly node: string;
  readonly request: ClientRequest;
  readonly contextOf?: string;
}

export interface Story {
  readonly file: string;
  readonly about: string;
  readonly scenario: ScenarioInput;
  readonly faults?: readonly Fault[];
  readonly requests: readonly StoryRequest[];
  /** What happens before is not told. */
  readonly fromMs?: number;
  /** Told too: how the nodes start. */
  readonly tellsStart?: true;
  readonly untilMs: number;
}

const base64 = (text: string) => btoa(text);
const put = (key: string, value: string): ClientRequest => ({
  method: "put",
  key,
  value: base64(value),
  contentType: "text/plain",
  context: null,
});
const get = (key: string, r?: number): ClientRequest => ({
  method: "get",
  key,
  ...(r === undefined ? {} : { r }),
});

/** One owner for each key, so that a change of the membership moves whole ranges and little else happens. */
const MOVES: ScenarioInput = {
  nodes: 2,
  spares: [{ id: "n3" }],
  config: { n: 1, r: 1, w: 1, partitions: 4, gossipIntervalMs: 10_000 },
  network: { latency: "1;other=1" },
};

/** In the order in which `docs/protocol.md` reads them. */
export const STORIES: readonly Story[] = [
  {
    file: "put_with_siblings.txt",
    about: "Two clients write without having read: siblings. A third reads both and reconciles.",
    scenario: { nodes: 3 },
    requests: [
      { atMs: 0, name: "ann", node: "n1", request: put("cart", "milk") },
      { atMs: 0, name: "bob", node: "n2", request: put("cart", "eggs") },
      { atMs: 20, name: "eve reads", node: "n3", request: get("cart") },
      {
        atMs: 40,
        name: "eve reconciles",
        node: "n3",
        request: put("cart", "milk, eggs"),
        contextOf: "eve reads",
      },
      { atMs: 60, name: "ann reads", node: "n1", request: get("cart") },
    ],
    untilMs: 2_500,
  },
  {
    file: "forward.txt",
    about: "A node that is no primary of the key passes a put on, and the answer back.",
    scenario: { nodes: 5, network: { latency: "1;other=2" } },
    requests: [{ atMs: 0, name: "client", node: "n1", request: put("k4", "v") }],
    untilMs: 5_000,
  },
  {
    file: "one_replica_slow.txt",
    about: "A slow replica is waited for no longer than R and W need, and catches up.",
    scenario: { nodes: 3 },
    faults: [{ kind: "disk-slow", atMs: 0, forMs: 1_500, node: "n3", factor: 3_000 }],
    requests: [
      { atMs: 0, name: "writer", node: "n1", request: put("k", "v") },
      { atMs: 10, name: "reader", node: "n2", request: get("k", 2) },
    ],
    untilMs: 2_500,
  },
  {
    file: "stale_read.txt",
    about:
      "With R + W = N a read may miss the last write: one replica answers with the old value, and is repaired " +
      "too late for its client.",
    scenario: { nodes: 2, config: { n: 2, w: 1, r: 1 } },
    faults: [{ kind: "partition", atMs: 10, forMs: 10, groups: [["n1"], ["n2"]], how: "refuse" }],
    requests: [
      { atMs: 0, name: "first", node: "n1", request: put("k", "old") },
      { atMs: 11, name: "second", node: "n1", request: put("k", "new"), contextOf: "first" },
      { atMs: 30, name: "reader", node: "n2", request: get("k") },
    ],
    untilMs: 35,
  },
  {
    file: "read_repair.txt",
    about: "One replica misses a write; a later read finds it stale and repairs it.",
    scenario: { nodes: 3 },
    faults: [{
      kind: "partition-oneway",
      atMs: 0,
      forMs: 30,
      from: ["n1"],
      to: ["n3"],
      how: "drop",
    }],
    requests: [
      { atMs: 1, name: "writer", node: "n1", request: put("k", "new") },
      { atMs: 50, name: "reader", node: "n2", request: get("k") },
    ],
    untilMs: 60,
  },
  {
    file: "siblings_merged.txt",
    about:
      "Both sides of a cut take a write. Afterwards a read finds both values, and each replica gets the one it lacks.",
    scenario: { nodes: 2, config: { n: 2, w: 1, r: 2 } },
    faults: [{ kind: "partition", atMs: 0, forMs: 10, groups: [["n1"], ["n2"]], how: "refuse" }],
    requests: [
      { atMs: 0, name: "ann", node: "n1", request: put("cart", "milk") },
      { atMs: 0, name: "bob", node: "n2", request: put("cart", "eggs") },
      { atMs: 20, name: "eve", node: "n1", request: get("cart") },
    ],
    untilMs: 30,
  },
  {
    file: "sloppy_quorum.txt",
    about:
      "A primary cannot be reached: the next node on the ring takes the write in its place, with a " +
      "hint for whom it is.",
    scenario: { nodes: 4, config: { sloppy: true } },
    faults: [{
      kind: "partition",
      atMs: 0,
      forMs: 50,
      groups: [["n3"], ["n1", "n2", "n4"]],
      how: "refuse",
    }],
    requests: [{ atMs: 0, name: "writer", node: "n1", request: put("k", "v") }],
    untilMs: 6,
  },
  {
    file: "hint_delivery.txt",
    about:
      "The write of sloppy_quorum.txt goes on: the primary is back, and is handed what was kept for it. " +
      "Only then is the hint forgotten.",
    scenario: { nodes: 4, config: { sloppy: true, hintedHandoff: true, handoffIntervalMs: 100 } },
    faults: [{
      kind: "partition",
      atMs: 0,
      forMs: 50,
      groups: [["n3"], ["n1", "n2", "n4"]],
      how: "refuse",
    }],
    requests: [{ atMs: 0, name: "writer", node: "n1", request: put("k", "v") }],
    fromMs: 50,
    untilMs: 110,
  },
  {
    file: "gossip_round.txt",
    about:
      "One round of push-pull gossip: n1 sends a digest of what it knows; n2 sends what it knows better " +
      "and says what it wants; n1 sends that.",
    scenario: {
      nodes: 3,
      config: { gossipIntervalMs: 1_000 },
      network: { latency: "1;other=1" },
    },
    requests: [],
    fromMs: 2_790,
    untilMs: 2_810,
  },
  {
    file: "suspicion.txt",
    about:
      "A call that cannot be delivered makes its target a suspect. The next request passes it over; the " +
      "next round of gossip finds it alive.",
    scenario: {
      nodes: 3,
      config: { n: 2, r: 1, w: 2, sloppy: true, gossipIntervalMs: 1_000 },
      network: { latency: "1;other=1" },
    },
    faults: [{
      kind: "partition",
      atMs: 0,
      forMs: 50,
      groups: [["n3"], ["n1", "n2"]],
      how: "refuse",
    }],
    requests: [
      { atMs: 0, name: "first", node: "n1", request: put("k", "one") },
      { atMs: 10, name: "second", node: "n1", request: put("k", "two"), contextOf: "first" },
    ],
    untilMs: 933.9,
  },
  {
    file: "merkle_exchange.txt",
    about:
      "n2 has missed a write. Its Merkle trees are compared with those of n1 from the roots down, where hashes " +
      "differ, and the one record that differs is sent.",
    scenario: {
      nodes: 2,
      config: { n: 2, w: 1, r: 1, partitions: 2, antiEntropyIntervalMs: 3_000 },
      network: { latency: "1;other=1" },
    },
    faults: [
      // Its turn to compare comes later then.
      { kind: "restart", atMs: 500, node: "n2" },
      { kind: "partition", atMs: 1_000, forMs: 1_000, groups: [["n1"], ["n2"]], how: "refuse" },
    ],
    requests: [{ atMs: 1_000, name: "writer", node: "n1", request: put("k", "v") }],
    fromMs: 2_900,
    untilMs: 3_100,
  },
  {
    file: "forward_retried.txt",
    about:
      "n4 has not heard that n1 leaves, and forwards a put to it. The refusal says who owns the range now, and " +
      "n4 tries the next one.",
    scenario: {
      nodes: 4,
      config: { n: 2, r: 1, w: 1, partitions: 4, gossipIntervalMs: 1_000 },
      network: { latency: "1;other=1" },
    },
    faults: [
      {
        kind: "partition",
        atMs: 0,
        forMs: 3_000,
        groups: [["n4"], ["n1", "n2", "n3"]],
        how: "refuse",
      },
      { kind: "leave", atMs: 10, node: "n1" },
    ],
    requests: [{ atMs: 3_001, name: "client", node: "n4", request: put("key", "v") }],
    fromMs: 3_001,
    untilMs: 3_007,
  },
  {
    file: "restart.txt",
    about:
      "A coordinator is killed as it stores: nobody was told of the write, and it may be there or " +
      "not. Started again, it draws a new actor for its next write.",
    scenario: { nodes: 3, seed: 4 },
    tellsStart: true,
    faults: [{ kind: "kill", atMs: 20.1, node: "n1", downMs: 30, torn: 0 }],
    requests: [
      { atMs: 0, name: "first", node: "n1", request: put("k", "one") },
      { atMs: 20, name: "lost", node: "n1", request: put("k", "two") },
      { atMs: 30, name: "refused", node: "n1", request: get("k") },
      { atMs: 60, name: "reader", node: "n1", request: get("k") },
      { atMs: 80, name: "last", node: "n1", request: put("other", "three") },
    ],
    untilMs: 4_000,
  },
  {
    file: "join.txt",
    about:
      "n3 joins and takes a range of n1 over. It copies what n1 holds, has n1 fence the range, looks for what came " +
      "meanwhile, and owns the range once its register says so. n1 then drops its copy.",
    scenario: MOVES,
    faults: [{ kind: "join", atMs: 50, node: "n3" }],
    requests: [{ atMs: 0, name: "writer", node: "n1", request: put("a", "v") }],
    fromMs: 50,
    untilMs: 153,
  },
  {
    file: "leave.txt",
    about:
      "n2 leaves. It serves its ranges until n1 has copied them, fences each of them, and has left when it holds " +
      "nothing any more.",
    scenario: MOVES,
    faults: [{ kind: "leave", atMs: 50, node: "n2" }],
    requests: [{ atMs: 0, name: "writer", node: "n2", request: put("c", "v") }],
    fromMs: 50,
    untilMs: 260,
  },
  {
    file: "remove.txt",
    about:
      "n3 has died for good. As soon as n1 takes it for dead, it lets it be removed. n2 takes the ranges of n3 over: " +
      "it copies them from n1, the owner that is left, and fences nobody, as members refuse what a removed node asks.",
    scenario: {
      ...MOVES,
      nodes: 3,
      spares: [],
      config: { ...MOVES.config, n: 2, w: 2, gossipIntervalMs: 1_000 },
    },
    faults: [{ kind: "remove", atMs: 50, node: "n3" }],
    requests: [{ atMs: 0, name: "writer", node: "n1", request: put("a", "v") }],
    fromMs: 3_550,
    untilMs: 3_710,
  },
  {
    file: "replace.txt",
    about:
      "n2 has died for good, and the new node n3 takes its place in one step: it gets the token of n2, copies its " +
      "ranges from n1, and is named by their registers.",
    scenario: {
      ...MOVES,
      config: { ...MOVES.config, n: 2, w: 2, partitions: 2, gossipIntervalMs: 1_000 },
    },
    faults: [{ kind: "replace", atMs: 50, node: "n2", by: "n3" }],
    requests: [{ atMs: 0, name: "writer", node: "n1", request: put("a", "v") }],
    fromMs: 850,
    untilMs: 1_010,
  },
  {
    file: "reaping.txt",
    about:
      "A key was deleted. After the grace time its first primary asks every member whether the tombstone may go, " +
      "and all owners drop it.",
    scenario: {
      nodes: 3,
      config: { n: 2, r: 1, w: 2, reapIntervalMs: 1_000, tombstoneGraceMs: 2_000 },
      network: { latency: "1;other=1" },
    },
    requests: [
      { atMs: 0, name: "writer", node: "n1", request: put("k", "v") },
      {
        atMs: 20,
        name: "deleter",
        node: "n1",
        request: { method: "delete", key: "k", context: null },
      },
    ],
    fromMs: 2_950,
    untilMs: 3_900,
  },
  {
    file: "replaced_disk.txt",
    about:
      "n2 has lost its disk. It knows so without asking, answers no read, and copies what the other owner holds " +
      "before it counts again.",
    scenario: {
      nodes: 2,
      config: { n: 2, r: 1, w: 2, partitions: 2, gossipIntervalMs: 0 },
      network: { latency: "1;other=1" },
    },
    faults: [{ kind: "wipe", atMs: 50, node: "n2", downMs: 10 }],
    requests: [
      { atMs: 0, name: "writer", node: "n1", request: put("k", "v") },
      { atMs: 60.5, name: "reader", node: "n2", request: get("k") },
      { atMs: 75, name: "later reader", node: "n2", request: get("k") },
    ],
    tellsStart: true,
    fromMs: 50,
    untilMs: 77,
  },
];
