/**
 * The worker that `deno task fuzz` starts on each core. It receives a seed and returns the outcome.
 */
import { fuzzSeed } from "../../lib/simulation/scenario/fuzz.ts";
import type { SwarmLimits } from "../../lib/simulation/scenario/swarm.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<{ seed: number; limits: SwarmLimits }>) => void) | null;
  postMessage(message: unknown): void;
};

scope.onmessage = ({ data: { seed, limits } }) => scope.postMessage(fuzzSeed(seed, limits));
