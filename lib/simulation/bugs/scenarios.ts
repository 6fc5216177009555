/**
 * Scenarios that show a planted bug where random faults seldom meet as it needs them to.
 */
import { parseScenario, type Scenario } from "../scenario.ts";

const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);
const US_PER_MS = 1_000;

/**
 * Three nodes, N=3 R=2 W=2, strict. n3 misses every key, as it is cut
 * off while they are written. Then the power fails; the disk of n2 is replaced, and n2 is up first. When
 * the others are back every key is read through n2: it and n3 know nothing of what n1 and n2 acknowledged.
 */
export function replacedDiskFirst(seed: number): Scenario {
  const at = (ms: number) => ms * US_PER_MS;
  const puts = KEYS.map((key, i) => (
    { atUs: at(500 + 5 * i), client: 0, act: "put", key, node: "n1", options: {} }
  ));
  const gets = KEYS.map((key, i) => (
    { atUs: at(9_000 + 20 * i), client: 1, act: "get", key, node: "n2", options: {} }
  ));
  return parseScenario({
    name: "a replaced disk is up first",
    nodes: 3,
    seed,
    config: { n: 3, r: 2, w: 2, sloppy: false, gossipIntervalMs: 200, timeoutMs: 1_000 },
    network: { latency: "1" },
    workload: { kind: "script", clients: 2, operations: [...puts, ...gets] },
    durationMs: 12_000,
    faults: [
      { kind: "partition", atMs: 0, forMs: 1_000, groups: [["n1", "n2"], ["n3"]], how: "drop" },
      { kind: "crash", atMs: 2_000, node: "n1", downMs: 5_000 },
      { kind: "crash", atMs: 2_000, node: "n3", downMs: 5_000 },
      { kind: "wipe", atMs: 2_000, node: "n2", downMs: 1_000 },
    ],
  });
}
