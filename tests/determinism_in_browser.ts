/** The script that `determinism_test.ts` runs in a browser. */

import { runScenario } from "../lib/simulation/run.ts";
import { parseScenario } from "../lib/simulation/scenario/scenario.ts";
import { swarmScenario } from "../lib/simulation/scenario/swarm.ts";

const page = globalThis as { traceHashes?: (seeds: readonly number[]) => string[] };

page.traceHashes = (seeds) => [
  ...seeds.map((seed) => runScenario(swarmScenario(seed)).traceHash),
  runScenario(parseScenario({ seed: 42, workload: { operations: 500 } })).traceHash,
];
