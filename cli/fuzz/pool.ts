/**
 * Runs seeds on several cores. Each worker gets one seed at a time, so a slow seed keeps only one
 * core busy. The result of a seed does not depend on the worker.
 */
import type { SeedOutcome } from "../../lib/simulation/scenario/fuzz.ts";
import type { SwarmLimits } from "../../lib/simulation/scenario/swarm.ts";

interface PoolOptions {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly limits: SwarmLimits;
  readonly signal?: AbortSignal;
  readonly onOutcome: (outcome: SeedOutcome) => void;
}

/** Runs every seed, or only those begun before the signal is aborted. */
export async function fuzzOnWorkers(options: PoolOptions): Promise<void> {
  const end = options.from + options.seeds;
  let next = options.from;
  const take = () => next < end && options.signal?.aborted !== true ? next++ : null;
  const count = Math.min(options.workers, options.seeds);
  await Promise.all(Array.from({ length: count }, () => serve(take, options)));
}

function serve(take: () => number | null, { limits, onOutcome }: PoolOptions): Promise<void> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const work = new Promise<void>((resolve, reject) => {
    const give = () => {
      const seed = take();
      if (seed === null) resolve();
      else worker.postMessage({ seed, limits });
    };
    worker.onmessage = ({ data }: MessageEvent<SeedOutcome>) => {
      onOutcome(data);
      give();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`A worker failed: ${event.message}`));
    };
    give();
  });
  return work.finally(() => worker.terminate());
}
