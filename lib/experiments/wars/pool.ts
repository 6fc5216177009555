/**
 * WARS on several cores. The trials are divided into blocks with a seed each. So the same seed
 * gives the same result, however many workers share the run and however fast they are.
 *
 * Each worker has up to two blocks to run. A run that is stopped keeps its finished blocks.
 */
import { distributionOf, type Shape } from "../../random/distribution.ts";
import { LEGS, type Legs, legsFrom } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import {
  BLOCK_TRIALS,
  requireModel,
  requireWhole,
  WarsEngine,
  type WarsModel,
  WarsTally,
} from "./wars.ts";

interface PoolOptions {
  readonly workers: number;
  /** Starts a worker whose script calls {@link serveWars}. */
  readonly createWorker: () => Worker;
  readonly onProgress?: (trialsDone: number) => void;
  readonly signal?: AbortSignal;
}

/** The counts of a tally have 32 bits. */
export const TRIALS_MAX = 4_000_000_000;
/** Blocks that are sent to a worker before it has answered. */
const AHEAD = 2;

interface Start {
  readonly kind: "start";
  readonly seed: number | string;
  readonly model: Omit<WarsModel, "legs">;
  readonly legs: readonly Shape[];
  readonly remoteMs: number;
}
type ToWorker =
  | Start
  | { readonly kind: "block"; readonly index: number; readonly trials: number }
  | { readonly kind: "collect" };
type FromWorker =
  | { readonly kind: "done"; readonly trials: number }
  | { readonly kind: "counts"; readonly counts: readonly Uint32Array[] };

/** Runs `trials` on workers, or fewer when the signal is aborted. */
export async function runWarsOnWorkers(
  model: WarsModel,
  trials: number,
  seed: number | string,
  options: PoolOptions,
): Promise<WarsTally> {
  requireModel(model);
  requireWhole("trials", trials, 1, TRIALS_MAX);
  requireWhole("workers", options.workers, 1, 1_024);
  const blocks = Math.ceil(trials / BLOCK_TRIALS);
  const run = { next: 0, done: 0 };
  const take = (): ToWorker | null => {
    if (run.next === blocks || options.signal?.aborted === true) return null;
    const index = run.next++;
    return {
      kind: "block",
      index,
      trials: Math.min(BLOCK_TRIALS, trials - index * BLOCK_TRIALS),
    };
  };
  const onDone = (count: number) => {
    run.done += count;
    options.onProgress?.(run.done);
  };
  const workers = Array.from({ length: Math.min(options.workers, blocks) }, options.createWorker);
  try {
    const parts = await Promise.all(
      workers.map((worker) => shareOf(worker, startOf(model, seed), take, onDone)),
    );
    const tally = new WarsTally(model);
    for (const counts of parts) tally.merge(counts);
    return tally;
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

/** The counts from one worker's share of the blocks. */
function shareOf(
  worker: Worker,
  start: Start,
  take: () => ToWorker | null,
  onDone: (trials: number) => void,
): Promise<readonly Uint32Array[]> {
  return new Promise((resolve, reject) => {
    const ask = (message: ToWorker) => worker.postMessage(message);
    let asked = 0;
    const askMore = () => {
      for (let block = take(); block !== null; block = take()) {
        ask(block);
        if (++asked === AHEAD) return;
      }
      if (asked === 0) ask({ kind: "collect" });
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "counts") return resolve(data.counts);
      asked--;
      onDone(data.trials);
      askMore();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`a WARS worker failed: ${event.message}`));
    };
    ask(start);
    askMore();
  });
}

function startOf(model: WarsModel, seed: number | string): Start {
  const { legs, ...rest } = model;
  // Shapes are plain data and can be posted. The specs of measured samples could not be parsed.
  return {
    kind: "start",
    seed,
    model: rest,
    legs: LEGS.map((leg) => legs[leg].shape),
    remoteMs: legs.remoteMs,
  };
}

/** The part of a worker's global scope that is used here. */
export interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

/** The worker's side. Call it with `self`. */
export function serveWars(scope: WorkerScope): void {
  let engine: WarsEngine | null = null;
  let random = SeededRandom.from(0);
  scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.kind === "start") {
      engine = new WarsEngine({ ...data.model, legs: legsOf(data) });
      random = SeededRandom.from(data.seed);
      return;
    }
    if (engine === null) throw new Error("the first message to a WARS worker must be its start");
    if (data.kind === "collect") {
      return scope.postMessage({ kind: "counts", counts: engine.tally.counts() });
    }
    engine.runBlock(data.index, data.trials, random);
    scope.postMessage({ kind: "done", trials: data.trials });
  };
}

function legsOf({ legs, remoteMs }: Start): Legs {
  const [W, A, R, S] = legs.map(distributionOf);
  if (W === undefined || A === undefined || R === undefined || S === undefined) {
    throw new Error("a WARS worker must be given four legs");
  }
  return legsFrom({ W, A, R, S }, remoteMs);
}
