/**
 * `deno task experiment`: the catalogue on the command line. `list` shows the experiments, `run`
 * runs one and writes its report, `merge` combines the shards of a grid.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { ConfigError } from "../lib/dynamo/types/config.ts";
import { CATALOGUE, experimentNamed, prepare } from "../lib/experiments/catalogue/catalogue.ts";
import { type Engine, ENGINES } from "../lib/experiments/experiment.ts";
import { formatValue, ParameterError } from "../lib/experiments/parameters.ts";
import { type Result, resultOf } from "../lib/experiments/report/result.ts";
import { pointsOf, type Shard, SHARDS_MAX } from "../lib/experiments/runner.ts";
import { SpecError } from "../lib/random/latency.ts";
import {
  DirectoryError,
  mergeRuns,
  requireOwn,
  RunFile,
  writeReports,
} from "./experiment/directory.ts";
import {
  type Ended,
  engineFor,
  environmentOf,
  type Listed,
  runAllInto,
  type RunFlags,
  runInto,
} from "./experiment/run.ts";
import { EXIT_REFUSED, fail, integer, newCommand, readArguments, writeAll } from "./options.ts";

/** A check of the experiment or one of its points has failed. */
const EXIT_CHECKS = 1;
const EXIT_STOPPED = 130;

interface Flags extends RunFlags {
  readonly all?: boolean;
  readonly engine?: Engine;
  readonly out: string;
  readonly json?: boolean;
}

const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);
const say = (text: string) => writeAll(Deno.stderr, text);

/** The action of `list`, `run` or `merge`, which runs after all arguments are parsed. */
let act: () => void | Promise<void> = () => {};

function readCommandLine(): void {
  const command = newCommand(
    "experiment",
    "Reproduces published figures, and runs other experiments.",
  );
  command.command("list").description("list all experiments with their engines")
    .argument("[name]", "show this experiment with its parameters")
    .option("--json", "print one JSON array")
    .action((name: string | undefined, flags: { json?: boolean }) => {
      act = () => list(name, flags);
    });
  addRunFlags(command.command("run").description("run an experiment and write its report"))
    .action((name: string | undefined, flags: Flags) => {
      act = () => run(name, flags);
    });
  command.command("merge").description("combine the shards of a grid")
    .argument("<dirs...>", "directories of `run --shard`")
    .addOption(outOption("directory for the result"))
    .action((dirs: string[], { out }: { out: string }) => {
      act = () => merge(dirs, out);
    });
  for (const each of command.commands) {
    each.configureHelp({ helpWidth: 100 }).exitOverride().allowExcessArguments(false);
  }
  readArguments(command);
}

function addRunFlags(command: Command): Command {
  return command.argument("[name]", "name of the experiment")
    .option(
      "--all",
      "run all experiments, or all that have the engine, each in its own directory",
    )
    .addOption(
      new Option("--engine <engine>", "default: the experiment's first one").choices(ENGINES),
    )
    .option("--seed <seed>", "repeats a run exactly", "1")
    .addOption(
      new Option("--set <name=value>", "sets a parameter; may be given several times")
        .argParser(addSetting).default({}, "the experiment's defaults"),
    )
    .addOption(
      new Option("--shard <i/n>", "run only the i-th of n parts, 1/n to n/n").argParser(readShard),
    )
    .addOption(outOption("directory for all files; a run that was stopped continues there"))
    .addOption(
      new Option("--fresh", "start again, whatever the directory contains").conflicts("resume"),
    )
    .option("--resume", "only continue: reject a directory without a run")
    .addOption(
      new Option("--workers <count>", "cores to use").argParser(integer(1, 1_024))
        .default(navigator.hardwareConcurrency),
    )
    .option("--json", "print the result instead of a summary");
}

function outOption(about: string): Option {
  return new Option("--out <dir>", about).makeOptionMandatory().argParser((text) => {
    if (text !== "") return text;
    throw new InvalidArgumentError("It must be the name of a directory: it is empty.");
  });
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
        name,
        title,
        question,
        reproduces,
        engines,
        parameters: Object.entries(parameters).map((
          [name, { default: value, about, allowed }],
        ) => ({
          name,
          default: value,
          about,
          allowed,
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

async function run(name: string | undefined, flags: Flags): Promise<void> {
  if ((name === undefined) !== (flags.all === true)) {
    fail("run needs the name of an experiment, or --all instead of one", EXIT_REFUSED);
  }
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  Deno.addSignalListener("SIGINT", onInterrupt);
  Deno.addSignalListener("SIGTERM", onInterrupt);
  let ended: readonly Ended[];
  try {
    ended = name === undefined
      ? await runAll(flags, stop.signal)
      : [await runOne(name, flags, stop.signal)];
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    Deno.removeSignalListener("SIGTERM", onInterrupt);
  }
  const failed = ended.some(({ failure }) => failure !== null);
  const isShort = ended.some(({ done, wanted }) => done < wanted);
  if (stop.signal.aborted && (isShort || name === undefined)) Deno.exit(EXIT_STOPPED);
  if (failed || ended.some(({ result }) => result.checks.some((check) => !check.passed))) {
    Deno.exit(EXIT_CHECKS);
  }
}

async function runOne(name: string, flags: Flags, signal: AbortSignal): Promise<Ended> {
  const prepared = prepare(name, flags.engine, flags.set);
  const ended = await runInto(flags.out, prepared, flags, signal);
  tell(flags.out, ended.result, ended.files, flags.json === true);
  tellWhatIsLeft(ended);
  return ended;
}

async function runAll(flags: Flags, signal: AbortSignal): Promise<readonly Ended[]> {
  if (Object.keys(flags.set).length > 0) {
    fail(
      "--set needs one experiment: with --all, all parameters have their defaults",
      EXIT_REFUSED,
    );
  }
  const all = CATALOGUE.flatMap(({ name, engines }) => {
    const engine = engineFor(engines, flags.engine);
    return engine === null ? [] : [prepare(name, engine, {})];
  });
  const listed = await runAllInto(flags.out, all, flags, signal, (one) => tellListed(one, flags));
  const ended = listed.map((one) => one.ended);
  if (flags.json === true) print(JSON.stringify(ended.map(({ result }) => result)));
  else print(`${listed.length} of ${all.length} experiments; ${flags.out}/index.html`);
  return ended;
}

async function merge(dirs: readonly string[], out: string): Promise<void> {
  const { prepared, header, points } = await mergeRuns(dirs);
  await requireOwn(out, header, points);
  const file = await RunFile.open(out, header, points);
  file.close();
  const result = resultOf(prepared, points, {
    seed: header.seed,
    startedAt: header.startedAt,
    environment: environmentOf(prepared, header),
  });
  tell(out, result, await writeReports(out, prepared, result), false);
  if (points.length < prepared.pointCount) {
    const there = new Set(points.map(({ index }) => index));
    const missing = pointsOf(prepared.pointCount).filter((index) => !there.has(index));
    fail(
      `${missing.length} of ${prepared.pointCount} points are missing, so nothing was checked`,
      1,
    );
  }
  if (result.checks.some((check) => !check.passed)) Deno.exit(EXIT_CHECKS);
}

// Telling -----------------------------------------------------------------------------------------

function tell(out: string, result: Result, files: readonly string[], json: boolean): void {
  if (json) {
    print(JSON.stringify(result));
    return;
  }
  for (const { name, passed, measured, accepted } of result.checks) {
    print(`${passed ? "✓" : "✗"} ${name}: ${measured} (${accepted})`);
  }
  print(`${result.rows.length} rows; ${files.map((file) => `${out}/${file}`).join(" ")}`);
}

function tellListed({ prepared, ended }: Listed, { json }: Flags): void {
  const { result } = ended;
  const bad = result.checks.filter(({ passed }) => !passed);
  const said = `${prepared.experiment.name} (${prepared.engine}): ${
    result.checks.length - bad.length
  } of ${result.checks.length} checks passed, ${(result.durationMs / 1_000).toFixed(1)} s of work`;
  if (json !== true) {
    print(`${bad.length === 0 && ended.failure === null ? "✓" : "✗"} ${said}`);
    for (const { name, measured, accepted } of bad) print(`    ${name}: ${measured} (${accepted})`);
  }
  tellWhatIsLeft(ended);
}

function tellWhatIsLeft({ done, wanted, failure }: Ended): void {
  if (failure !== null) say(`error: ${failure}\n`);
  if (done < wanted) {
    say(`stopped: ${done} of ${wanted} points are kept; the same command continues the run\n`);
  }
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
