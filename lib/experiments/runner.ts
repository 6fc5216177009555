/**
 * Runs the points of an experiment, on this thread or on workers. A worker runs one point at a
 * time. The result of a point depends neither on the worker nor on other points.
 */
import { SeededRandom } from "../random/seeded.ts";
import type { ClusterLauncher } from "./engines/live_cluster.ts";
import type { Engine, PointContext, Prepared } from "./experiment.ts";
import type { PointResult } from "./report/result.ts";

/** Shard `i` of `n`, counted from 1. */
export interface Shard {
  readonly i: number;
  readonly n: number;
}

export const SHARDS_MAX = 100_000;

/** A point failed: a mistake in the experiment, or a cluster that did not start. */
export class PointFailure extends Error {
  override name = "PointFailure";
}

interface RunOptions {
  readonly seed: string;
  readonly shard?: Shard;
  /** Points that an earlier run has completed. */
  readonly done?: ReadonlySet<number>;
  readonly signal: AbortSignal;
  /**
   * Called with each completed point. Save it at once, so that nothing is lost when the run stops.
   */
  readonly onPoint: (point: PointResult) => void;
  readonly onProgress?: (progress: RunProgress) => void;
}

export interface RunProgress {
  readonly done: number;
  readonly total: number;
  /** Estimated from the speed so far; null before anything is done. */
  readonly leftMs: number | null;
}

/** Runs one point, on this thread or elsewhere. */
export type PointRunner = (
  index: number,
  onProgress: (share: number) => void,
) => Promise<PointResult>;

/** The points of a shard: every n-th, so that slow neighbours end up in different shards. */
export function pointsOf(count: number, shard?: Shard): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  return shard === undefined ? all : all.filter((index) => index % shard.n === shard.i - 1);
}

/**
 * Runs the remaining points, one on each of `runners`. Resolves early when the signal is aborted.
 */
export async function runPoints(
  prepared: Prepared,
  runners: readonly PointRunner[],
  options: RunOptions,
): Promise<void> {
  const points = pointsOf(prepared.pointCount, options.shard);
  const left = points.filter((index) => options.done?.has(index) !== true);
  const before = points.length - left.length;
  const startedMs = performance.now();
  const shares = new Map<number, number>();
  let finished = 0;
  const report = () => {
    const begun = [...shares.values()].reduce((sum, share) => sum + share, 0);
    const done = finished + begun;
    const elapsedMs = performance.now() - startedMs;
    const leftMs = done > 0 ? elapsedMs / done * (left.length - done) : null;
    options.onProgress?.({ done: before + done, total: points.length, leftMs });
  };
  report();
  const work = async (run: PointRunner) => {
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      if (options.signal.aborted) return;
      const mine = index;
      const point = await run(mine, (share) => {
        shares.set(mine, Math.min(1, share));
        report();
      }).catch((error) => {
        // No further point begins. The ones that others are running are kept.
        left.length = 0;
        throw new PointFailure(`point ${mine} failed: ${error?.message ?? error}`, {
          cause: error,
        });
      });
      shares.delete(mine);
      finished++;
      options.onPoint(point);
      report();
    }
  };
  const total = left.length;
  const outcomes = await Promise.allSettled(runners.slice(0, Math.max(1, total)).map(work));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed?.status === "rejected" && !options.signal.aborted) throw failed.reason;
}

/** Runs one point on this thread. */
export async function runPoint(
  prepared: Prepared,
  index: number,
  seed: string,
  signal: AbortSignal,
  onProgress: (share: number) => void = () => {},
  launch?: ClusterLauncher,
): Promise<PointResult> {
  const startedMs = performance.now();
  const context = contextFor(prepared, index, seed, signal, onProgress, launch);
  const { rows, series } = await prepared.run(index, context);
  const durationMs = performance.now() - startedMs;
  return { index, rows, ...(series === undefined ? {} : { series }), durationMs };
}

function contextFor(
  { experiment, engine }: Prepared,
  index: number,
  seed: string,
  signal: AbortSignal,
  onProgress: (share: number) => void,
  launch: ClusterLauncher | undefined,
): PointContext {
  const random = SeededRandom.from(seed).child(experiment.name).child(`point ${index}`);
  return {
    engine,
    random,
    seed: random.child("seed").uint32(),
    signal,
    onProgress,
    ...(launch === undefined ? {} : { launch }),
  };
}

// Workers -----------------------------------------------------------------------------------------

/** The first message to a worker. */
interface WorkerStart {
  readonly experiment: string;
  readonly engine: Engine;
  readonly seed: string;
  readonly given: Readonly<Record<string, string>>;
}
type ToWorker = { readonly start: WorkerStart } | { readonly index: number };
type FromWorker =
  | { readonly share: number }
  | { readonly point: PointResult }
  | { readonly failure: string };

export interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

/** The worker's side. Call it with `self` and a function that finds the experiment. */
export function servePoints(
  scope: WorkerScope,
  prepare: (start: WorkerStart) => Prepared,
): void {
  let prepared: Prepared | null = null;
  let seed = "";
  scope.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
    if ("start" in data) {
      prepared = prepare(data.start);
      seed = data.start.seed;
      return;
    }
    if (prepared === null) throw new Error("the first message to a worker must be its start");
    // A point is never stopped from within: the worker is terminated instead.
    const { signal } = new AbortController();
    const onProgress = (share: number) => scope.postMessage({ share });
    try {
      scope.postMessage({ point: await runPoint(prepared, data.index, seed, signal, onProgress) });
    } catch (error) {
      const failure = error instanceof Error ? error.stack ?? error.message : `${error}`;
      scope.postMessage({ failure });
    }
  };
}

/** A runner on a worker. `close` and the signal terminate the worker and abandon its point. */
export function workerRunner(
  worker: Worker,
  start: WorkerStart,
  signal: AbortSignal,
): { readonly run: PointRunner; readonly close: () => void } {
  worker.postMessage({ start });
  const close = () => worker.terminate();
  signal.addEventListener("abort", close, { once: true });
  const run: PointRunner = (index, onProgress) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if ("share" in data) onProgress(data.share);
        else if ("point" in data) resolve(data.point);
        else reject(new Error(data.failure));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage({ index });
    });
  return { run, close };
}
