/**
 * WARS on several cores. Trials come in blocks, each with a seed of its own, so a run's result does not
 * depend on how many workers shared it or on who was faster: the same seed gives the same figures.
 *
 * A worker is asked for one block at a time, two in advance; a run that is stopped keeps what it has.
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

/** Counts in a tally are 32 bits wide. */
export const TRIALS_MAX = 4_000_000_000;
/** Blocks a worker is asked for before it has answered. */
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

/** Runs `trials` on workers, or as many as were done when the signal came. */
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

/** One worker's share: its counts. */
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
  // Shapes are plain data and travel; specs of measured samples could not be read back.
  return {
    kind: "start",
    seed,
    model: rest,
    legs: LEGS.map((leg) => legs[leg].shape),
    remoteMs: legs.remoteMs,
  };
}

/** What a worker's own scope offers. */
export interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

/** The worker's side: call it with `self`. */
export function serveWars(scope: WorkerScope): void {
  let engine: WarsEngine | null = null;
  let random = SeededRandom.from(0);
  scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.kind === "start") {
      engine = new WarsEngine({ ...data.model, legs: legsOf(data) });
      random = SeededRandom.from(data.seed);
      return;
    }
    if (engine === null) throw new Error("a WARS worker must be started before it is asked");
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
