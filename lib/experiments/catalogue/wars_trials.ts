/** Runs WARS within a point of an experiment, block by block, and reports progress. */
import type { PointContext } from "../experiment.ts";
import {
  BLOCK_TRIALS,
  requireModel,
  WarsEngine,
  type WarsModel,
  type WarsTally,
} from "../wars/wars.ts";

export const TRIALS_BOUNDS = { least: 1_000, most: 4_000_000_000 } as const;

export function warsTrials(model: WarsModel, trials: number, context: PointContext): WarsTally {
  requireModel(model);
  const engine = new WarsEngine(model);
  const random = context.random.child("wars");
  const blocks = Math.ceil(trials / BLOCK_TRIALS);
  for (let block = 0; block < blocks; block++) {
    engine.runBlock(block, Math.min(BLOCK_TRIALS, trials - block * BLOCK_TRIALS), random);
    context.onProgress((block + 1) / blocks);
  }
  return engine.tally;
}
