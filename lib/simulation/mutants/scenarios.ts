/**
 * Scenarios for mutants that random faults rarely show.
 */
import type { Fault } from "../faults/faults.ts";
import { parseScenario, type Scenario } from "../scenario/scenario.ts";

const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);
const US_PER_MS = 1_000;

/** n3 is partitioned while every key is put at n1, and misses all puts. */
const MISSED_BY_N3: Fault = {
  kind: "partition",
  atMs: 0,
  forMs: 1_000,
  groups: [["n1", "n2"], ["n3"]],
  how: "drop",
};

/**
 * Three nodes, N=3 R=2 W=2, strict. Every key is put at n1, and only n1 and n2 store it. After
 * `faults` every key is read at `reader`.
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
 * All nodes lose power. n2 gets an empty disk and starts first. When the others are back, n2 and n3
 * do not have the writes that n1 and n2 acknowledged.
 */
export function replacedDiskFirst(seed: number): Scenario {
  return missedByOne("a node with a replaced disk starts first", seed, [
    { kind: "crash", atMs: 2_000, node: "n1", downMs: 5_000 },
    { kind: "crash", atMs: 2_000, node: "n3", downMs: 5_000 },
    { kind: "wipe", atMs: 2_000, node: "n2", downMs: 1_000 },
  ], "n2");
}

/** While n2 is down, the disk of n1 is restored from a backup made before the puts. */
export function olderDisk(seed: number): Scenario {
  return missedByOne("an older disk is restored", seed, [
    { kind: "crash", atMs: 4_000, node: "n2", downMs: 60_000 },
    { kind: "restore", atMs: 4_500, node: "n1", agoMs: 4_200, downMs: 100 },
  ], "n1");
}
