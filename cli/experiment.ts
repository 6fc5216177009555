/**
 * `deno task experiment`: the catalogue from the command line. `list` says what there is, `run` carries
 * one out and writes its report, `merge` puts the shards of one grid together.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { CATALOGUE, experimentNamed, prepare } from "../lib/experiments/catalogue.ts";
import { ConfigError } from "../lib/dynamo/config.ts";
import { type Engine, ENGINES, type Prepared } from "../lib/experiments/experiment.ts";
import { formatValue, ParameterError } from "../lib/experiments/parameters.ts";
import {
  commandOf,
  type Environment,
  type PointResult,
  type Result,
  resultOf,
} from "../lib/experiments/result.ts";
import {
  type PointRunner,
  pointsOf,
  runPoint,
  runPoints,
  type RunProgress,
  type Shard,
  SHARDS_MAX,
  workerRunner,
} from "../lib/experiments/runner.ts";
import { SpecError } from "../lib/random/latency.ts";
import { clusterLauncher } from "../nodes/experiment_clusters.ts";
import denoJson from "../deno.json" with { type: "json" };
import {
  difference,
  DirectoryError,
  mergeRuns,
  readRun,
  RunFile,
  type RunHeader,
  writeReports,
} from "./experiment_directory.ts";
import { EXIT_REFUSED, fail, integer, newCommand, readArguments, writeAll } from "./options.ts";

/** A check of the experiment has failed. */
const EXIT_CHECKS = 1;
const EXIT_STOPPED = 130;

interface RunFlags {
  readonly engine?: Engine;
  readonly seed: string;
  readonly set: Readonly<Record<string, string>>;
  readonly shard?: Shard;
  readonly out: string;
  readonly fresh?: boolean;
  readonly workers: number;
  readonly json?: boolean;
}

const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);
const say = (text: string) => writeAll(Deno.stderr, text);

/** What `list` and `run` and `merge` were asked to do, to be done once the arguments are read. */
let act: () => void | Promise<void> = () => {};

function readCommandLine(): void {
  const command = newCommand("experiment", "Published figures again, and what follows from them.");
  command.command("list").description("every experiment, its engines and its parameters")
    .argument("[name]", "one in full")
    .option("--json", "as one JSON array")
    .action((name: string | undefined, flags: { json?: boolean }) => {
      act = () => list(name, flags);
    });
  addRunFlags(command.command("run").description("carry one out and write its report"))
    .action((name: string, flags: RunFlags) => {
      act = () => run(name, flags);
    });
  command.command("merge").description("put the shards of one grid together")
    .argument("<dirs...>", "directories of `run --shard`")
    .requiredOption("--out <dir>", "where the result goes")
    .action((dirs: string[], { out }: { out: string }) => {
      act = () => merge(dirs, out);
    });
  for (const each of command.commands) {
    each.configureHelp({ helpWidth: 100 }).exitOverride().allowExcessArguments(false);
  }
  readArguments(command);
}

function addRunFlags(command: Command): Command {
  return command.argument("<name>", "of the catalogue")
    .addOption(new Option("--engine <engine>", "default: the first it has").choices(ENGINES))
    .option("--seed <seed>", "repeats a run exactly", "1")
    .addOption(
      new Option("--set <name=value>", "a parameter; may be given several times")
        .argParser(addSetting).default({}, "their defaults"),
    )
    .addOption(new Option("--shard <i/n>", "the i-th of n parts, 1/n to n/n").argParser(readShard))
    .requiredOption("--out <dir>", "where everything is written; a stopped run goes on there")
    .option("--fresh", "begin anew whatever the directory holds")
    .addOption(
      new Option("--workers <count>", "cores to use").argParser(integer(1, 1_024))
        .default(navigator.hardwareConcurrency),
    )
    .option("--json", "print the result instead of a summary");
}

function addSetting(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`It must be name=value: '${text}' is not.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function readShard(text: string): Shard {
  const [i = 0, n = 0] = /^\d{1,6}\/\d{1,6}$/.test(text) ? text.split("/").map(Number) : [];
  if (i >= 1 && i <= n && n <= SHARDS_MAX) return { i, n };
  throw new InvalidArgumentError(
    `It must be i/n with i from 1 to n, such as 2/4: '${text}' is not.`,
  );
}

// Commands ----------------------------------------------------------------------------------------

function list(name: string | undefined, flags: { readonly json?: boolean }): void {
  const shown = name === undefined ? CATALOGUE : [experimentNamed(name)];
  if (flags.json === true) {
    print(
      JSON.stringify(shown.map(({ name, title, question, reproduces, engines, parameters }) => ({
        ...{ name, title, question, reproduces, engines },
        parameters: Object.entries(parameters).map((
          [name, { default: value, about, allowed }],
        ) => ({
          ...{ name, default: value, about, allowed },
        })),
      }))),
    );
    return;
  }
  for (const experiment of shown) {
    print(
      `${experiment.name.padEnd(20)} ${
        experiment.engines.join(", ").padEnd(24)
      } ${experiment.question}`,
    );
    if (name === undefined) continue;
    print(`\nReproduces ${experiment.reproduces}.\nVaries ${experiment.varies}.\n`);
    for (const [name, parameter] of Object.entries(experiment.parameters)) {
      print(`  ${name}=${formatValue(parameter.default)}`);
      print(`      ${parameter.about}; ${parameter.allowed}`);
    }
  }
}

async function run(name: string, flags: RunFlags): Promise<void> {
  const prepared = prepare(name, flags.engine, flags.set);
  const shard = flags.shard === undefined ? null : `${flags.shard.i}/${flags.shard.n}`;
  const asked: RunHeader = {
    ...{ experiment: name, engine: prepared.engine, seed: flags.seed, given: flags.set },
    ...{ points: prepared.pointCount, shard, startedAt: new Date().toISOString() },
  };
  const stored = flags.fresh === true ? null : await readRun(flags.out);
  const differs = stored === null ? null : difference(stored.header, asked);
  if (differs !== null) {
    fail(
      `--out ${flags.out} holds another run: ${differs}. Choose another directory, or --fresh`,
      EXIT_REFUSED,
    );
  }
  const header = stored?.header ?? asked;
  const points = [...stored?.points ?? []];
  const file = await RunFile.open(flags.out, header, points);
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  Deno.addSignalListener("SIGINT", onInterrupt);
  Deno.addSignalListener("SIGTERM", onInterrupt);
  try {
    await carryOut(prepared, flags, points, stop.signal, (point) => {
      file.add(point);
      points.push(point);
    });
  } finally {
    file.close();
    Deno.removeSignalListener("SIGINT", onInterrupt);
    Deno.removeSignalListener("SIGTERM", onInterrupt);
  }
  const result = resultOf(prepared, points, {
    seed: flags.seed,
    startedAt: header.startedAt,
    environment: environmentOf(prepared, header),
  });
  await finish(flags.out, prepared, result, flags.json === true);
  const wanted = pointsOf(prepared.pointCount, flags.shard).length;
  if (points.length < wanted) {
    say(`stopped: ${points.length} of ${wanted} points are kept; the same command goes on\n`);
    Deno.exit(EXIT_STOPPED);
  }
  if (result.checks.some((check) => !check.passed)) Deno.exit(EXIT_CHECKS);
}

async function carryOut(
  prepared: Prepared,
  flags: RunFlags,
  done: readonly PointResult[],
  signal: AbortSignal,
  onPoint: (point: PointResult) => void,
): Promise<void> {
  const { engine } = prepared;
  const start = {
    experiment: prepared.experiment.name,
    engine,
    seed: flags.seed,
    given: flags.set,
  };
  const runners: PointRunner[] = [];
  const closers: (() => void)[] = [];
  if (engine === "live") {
    // Real processes want the machine for themselves: one cluster at a time.
    const launch = clusterLauncher(signal);
    runners.push((index, onProgress) =>
      runPoint(prepared, index, flags.seed, signal, onProgress, launch)
    );
  } else {
    const count = Math.min(flags.workers, pointsOf(prepared.pointCount, flags.shard).length);
    for (let i = 0; i < count; i++) {
      const url = new URL("./experiment_worker.ts", import.meta.url);
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
      onProgress: progressLine(),
      ...(flags.shard === undefined ? {} : { shard: flags.shard }),
    });
  } finally {
    for (const close of closers) close();
  }
}

async function merge(dirs: readonly string[], out: string): Promise<void> {
  const { prepared, header, points } = await mergeRuns(dirs);
  const file = await RunFile.open(out, header, points);
  file.close();
  const result = resultOf(prepared, points, {
    seed: header.seed,
    startedAt: header.startedAt,
    environment: environmentOf(prepared, header),
  });
  await finish(out, prepared, result, false);
  if (points.length < prepared.pointCount) {
    const there = new Set(points.map(({ index }) => index));
    const missing = pointsOf(prepared.pointCount).filter((index) => !there.has(index));
    fail(`${missing.length} of ${prepared.pointCount} points are missing: no checks were made`, 1);
  }
  if (result.checks.some((check) => !check.passed)) Deno.exit(EXIT_CHECKS);
}

// Telling -----------------------------------------------------------------------------------------

async function finish(
  out: string,
  prepared: Prepared,
  result: Result,
  json: boolean,
): Promise<void> {
  const files = await writeReports(out, prepared, result);
  if (json) {
    print(JSON.stringify(result));
    return;
  }
  for (const { name, passed, measured, accepted } of result.checks) {
    print(`${passed ? "✓" : "✗"} ${name}: ${measured} (${accepted})`);
  }
  print(`${result.rows.length} rows; ${files.map((file) => `${out}/${file}`).join(" ")}`);
}

function environmentOf(prepared: Prepared, header: RunHeader): Omit<Environment, "points"> {
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

const SAY_EVERY_MS = 200;

/** Rewrites one line of a terminal; says nothing elsewhere. */
function progressLine(): (progress: RunProgress) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  let saidMs = -Infinity;
  return ({ done, total, leftMs }) => {
    const nowMs = performance.now();
    if (nowMs - saidMs < SAY_EVERY_MS && done < total) return;
    saidMs = nowMs;
    const left = leftMs === null ? "" : `, ${duration(leftMs)} left`;
    say(done >= total ? "\r\x1b[K" : `\r\x1b[K${done.toFixed(1)} of ${total} points${left}`);
  };
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

readCommandLine();
try {
  await act();
} catch (error) {
  const isInput = error instanceof ParameterError || error instanceof DirectoryError ||
    error instanceof ConfigError || error instanceof SpecError || error instanceof RangeError;
  if (isInput) fail(error.message, EXIT_REFUSED);
  throw error;
}
