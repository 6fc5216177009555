/**
 * Runs experiments: one in its own directory, or all of them side by side, each with a report, and
 * with an index page.
 */
import { join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import type { Engine, Prepared } from "../../lib/experiments/experiment.ts";
import { listHtml } from "../../lib/experiments/report/report_list.ts";
import {
  commandOf,
  type Environment,
  type PointResult,
  type Result,
  resultOf,
} from "../../lib/experiments/report/result.ts";
import {
  PointFailure,
  type PointRunner,
  pointsOf,
  runPoint,
  runPoints,
  type RunProgress,
  type Shard,
  workerRunner,
} from "../../lib/experiments/runner.ts";
import { clusterLauncher } from "../../nodes/cluster/experiment_clusters.ts";
import { writeAll } from "../options.ts";
import {
  difference,
  DirectoryError,
  readRun,
  RunFile,
  type RunHeader,
  writeReports,
} from "./directory.ts";

/** The flags of a run. */
export interface RunFlags {
  readonly seed: string;
  readonly set: Readonly<Record<string, string>>;
  readonly shard?: Shard;
  /** Start again, whatever the directory contains. */
  readonly fresh?: boolean;
  /** Only continue an existing run. */
  readonly resume?: boolean;
  readonly workers: number;
}

/** The outcome of a run. */
export interface Ended {
  readonly result: Result;
  /** The names of the files written. */
  readonly files: readonly string[];
  /** Points done and requested, of the shard. */
  readonly done: number;
  readonly wanted: number;
  /** Why a point failed; null when none did. Other points are kept. */
  readonly failure: string | null;
}

/**
 * Runs the points that are not done yet and writes all files to `out`, even when the signal is
 * aborted or a point fails. Throws {@link DirectoryError} for a directory that contains another
 * run.
 */
export async function runInto(
  out: string,
  prepared: Prepared,
  flags: RunFlags,
  signal: AbortSignal,
): Promise<Ended> {
  const { header, points } = await beginOrGoOn(out, prepared, flags);
  const file = await RunFile.open(out, header, points);
  let failure: string | null = null;
  try {
    await carryOut(prepared, flags, points, signal, (point) => {
      file.add(point);
      points.push(point);
    });
  } catch (error) {
    if (!(error instanceof PointFailure)) throw error;
    failure = error.message;
  } finally {
    file.close();
  }
  const result = resultOf(prepared, points, {
    seed: flags.seed,
    startedAt: header.startedAt,
    environment: environmentOf(prepared, header),
  });
  const files = await writeReports(out, prepared, result);
  const wanted = pointsOf(prepared.pointCount, flags.shard).length;
  return { result, files, done: points.length, wanted, failure };
}

async function beginOrGoOn(
  out: string,
  prepared: Prepared,
  flags: RunFlags,
): Promise<{ readonly header: RunHeader; readonly points: PointResult[] }> {
  const asked: RunHeader = {
    experiment: prepared.experiment.name,
    engine: prepared.engine,
    seed: flags.seed,
    given: flags.set,
    points: prepared.pointCount,
    shard: flags.shard === undefined ? null : `${flags.shard.i}/${flags.shard.n}`,
    startedAt: new Date().toISOString(),
  };
  const stored = flags.fresh === true ? null : await readRun(out);
  if (stored === null) {
    if (flags.resume === true) {
      throw new DirectoryError(`--resume needs a run to continue: --out ${out} contains none`);
    }
    return { header: asked, points: [] };
  }
  const differs = difference(stored.header, asked);
  if (differs !== null) {
    throw new DirectoryError(
      `--out ${out} contains another run: ${differs}. Choose another directory, or use --fresh`,
    );
  }
  return { header: stored.header, points: [...stored.points] };
}

async function carryOut(
  prepared: Prepared,
  flags: RunFlags,
  done: readonly PointResult[],
  signal: AbortSignal,
  onPoint: (point: PointResult) => void,
): Promise<void> {
  const { engine, experiment } = prepared;
  const runners: PointRunner[] = [];
  const closers: (() => void)[] = [];
  if (engine === "live") {
    // Only one cluster at a time, because real processes need the whole machine.
    const launch = clusterLauncher(signal);
    runners.push((index, onProgress) =>
      runPoint(prepared, index, flags.seed, signal, onProgress, launch)
    );
  } else {
    const start = { experiment: experiment.name, engine, seed: flags.seed, given: flags.set };
    const left = pointsOf(prepared.pointCount, flags.shard).length - done.length;
    for (let i = 0; i < Math.min(flags.workers, left); i++) {
      const url = new URL("./worker.ts", import.meta.url);
      const worker = workerRunner(new Worker(url, { type: "module" }), start, signal);
      runners.push(worker.run);
      closers.push(worker.close);
    }
  }
  try {
    await runPoints(prepared, runners, {
      seed: flags.seed,
      signal,
      done: new Set(done.map(({ index }) => index)),
      onPoint,
      onProgress: progressLine(experiment.name),
      ...(flags.shard === undefined ? {} : { shard: flags.shard }),
    });
  } finally {
    for (const close of closers) close();
  }
}

/** Where and how a run was made. */
export function environmentOf(
  prepared: Prepared,
  header: RunHeader,
): Omit<Environment, "points"> {
  const { deno, v8 } = Deno.version;
  const shard = header.shard === null ? "" : ` --shard ${header.shard}`;
  return {
    version: denoJson.version,
    runtime: `deno ${deno}, v8 ${v8}`,
    os: `${Deno.build.os} ${Deno.build.arch}`,
    cores: navigator.hardwareConcurrency,
    command: commandOf(prepared.experiment, header.engine, header.seed, header.given) + shard,
    shard: header.shard,
  };
}

// All of them -------------------------------------------------------------------------------------

/** An entry of the index page. */
export interface Listed {
  readonly prepared: Prepared;
  readonly ended: Ended;
}

/** Runs experiments one by one, each in its own directory, and keeps the index page up to date. */
export async function runAllInto(
  out: string,
  all: readonly Prepared[],
  flags: RunFlags,
  signal: AbortSignal,
  onEnded: (listed: Listed) => void,
): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  for (const prepared of all) {
    if (signal.aborted) break;
    const ended = await runInto(join(out, prepared.experiment.name), prepared, flags, signal);
    listed.push({ prepared, ended });
    onEnded({ prepared, ended });
    const reports = listed.map(({ prepared, ended }) => ({
      experiment: prepared.experiment,
      result: ended.result,
      path: `${prepared.experiment.name}/report.html`,
    }));
    await Deno.writeTextFile(join(out, "index.html"), listHtml(reports));
  }
  return listed;
}

/** The engine for `--all`: the requested one, or null without it; by default the first. */
export function engineFor(engines: readonly Engine[], asked: Engine | undefined): Engine | null {
  if (asked === undefined) return engines[0] ?? null;
  return engines.includes(asked) ? asked : null;
}

// Telling -----------------------------------------------------------------------------------------

const SAY_EVERY_MS = 200;

/** Updates one line on a terminal; prints nothing elsewhere. */
function progressLine(name: string): (progress: RunProgress) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  let saidMs = -Infinity;
  return ({ done, total, leftMs }) => {
    const nowMs = performance.now();
    if (nowMs - saidMs < SAY_EVERY_MS && done < total) return;
    saidMs = nowMs;
    const left = leftMs === null ? "" : `, ${duration(leftMs)} left`;
    const line = done >= total ? "" : `${name}: ${done.toFixed(1)} of ${total} points${left}`;
    writeAll(Deno.stderr, `\r\x1b[K${line}`);
  };
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
