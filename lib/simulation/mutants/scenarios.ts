/**
 * Scenarios that show a mutant where random faults seldom meet as it needs them to.
 */
import type { Fault } from "../faults/faults.ts";
import { parseScenario, type Scenario } from "../scenario/scenario.ts";

const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);
const US_PER_MS = 1_000;

/** n3 is cut off while every key is put at n1, and misses them all. */
const MISSED_BY_N3: Fault = {
  kind: "partition",
  atMs: 0,
  forMs: 1_000,
  groups: [["n1", "n2"], ["n3"]],
  how: "drop",
};

/**
 * Three nodes, N=3 R=2 W=2, strict: every key is put at n1, and acknowledged by n1 and n2 alone. After
 * `faults` each is read through `reader`.
 */
function missedByOne(
  name: string,
  seed: number,
  faults: readonly Fault[],
  reader: string,
): Scenario {
  const at = (ms: number) => ms * US_PER_MS;
  const puts = KEYS.map((key, i) => (
    { atUs: at(500 + 5 * i), client: 0, act: "put", key, node: "n1", options: {} }
  ));
  const gets = KEYS.map((key, i) => (
    { atUs: at(9_000 + 20 * i), client: 1, act: "get", key, node: reader, options: {} }
  ));
  return parseScenario({
    name,
    nodes: 3,
    seed,
    config: {
      n: 3,
      r: 2,
      w: 2,
      sloppy: false,
      gossipIntervalMs: 200,
      timeoutMs: 1_000,
      antiEntropyIntervalMs: 30_000,
    },
    network: { latency: "1" },
    workload: { kind: "script", clients: 2, operations: [...puts, ...gets] },
    durationMs: 12_000,
    faults: [MISSED_BY_N3, ...faults],
  });
}

/**
 * The power fails; the disk of n2 is replaced, and n2 is up first. When the others are back it and n3
 * know nothing of what n1 and n2 acknowledged.
 */
export function replacedDiskFirst(seed: number): Scenario {
  return missedByOne("a replaced disk is up first", seed, [
    { kind: "crash", atMs: 2_000, node: "n1", downMs: 5_000 },
    { kind: "crash", atMs: 2_000, node: "n3", downMs: 5_000 },
    { kind: "wipe", atMs: 2_000, node: "n2", downMs: 1_000 },
  ], "n2");
}

/** The disk of n1 is put back as it was before the puts, while n2 is down. */
export function olderDisk(seed: number): Scenario {
  return missedByOne("an older disk is put back", seed, [
    { kind: "crash", atMs: 4_000, node: "n2", downMs: 60_000 },
    { kind: "restore", atMs: 4_500, node: "n1", agoMs: 4_200, downMs: 100 },
  ], "n1");
}
