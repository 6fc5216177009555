/**
 * `deno task fuzz`: many seeds, each with its own cluster, workload and faults. A seed that fails a
 * check is shrunk, drawn and written to files, together with the command that replays it.
 */
import { Option } from "commander";
import {
  addOutcome,
  emptySummary,
  type FuzzSummary,
  type SeedOutcome,
} from "../lib/simulation/scenario/fuzz.ts";
import { type SwarmLimits, swarmScenario } from "../lib/simulation/scenario/swarm.ts";
import { explain } from "./fuzz/explain.ts";
import { fuzzOnWorkers } from "./fuzz/pool.ts";
import { EXIT_REFUSED, fail, integer, newCommand, readArguments, writeAll } from "./options.ts";
import { kindsOf } from "./simulate.ts";
import { describeFuzz } from "./simulation_report.ts";

interface Flags {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  readonly faults?: string;
  readonly out: string;
  readonly shrinkTries: number;
  readonly json?: boolean;
}

/** The number of failing seeds that are shrunk and drawn. The others are only listed. */
const SHRUNK_MAX = 3;
const SEEDS_MAX = 100_000_000;
/** Clears the current line of a terminal. */
const CLEAR = "\r\x1b[K";

function readFlags(): Flags {
  const command = newCommand("fuzz", "Runs many random scenarios, and shrinks those that fail.");
  const number = (flags: string, about: string, least: number, most: number, otherwise: number) =>
    new Option(flags, about).argParser(integer(least, most)).default(otherwise);
  command
    .addOption(number("--seeds <count>", "number of seeds", 1, SEEDS_MAX, 1_000))
    .addOption(number("--from <seed>", "the first seed", 0, 2 ** 52, 1))
    .addOption(
      number("--workers <count>", "cores to use", 1, 256, navigator.hardwareConcurrency),
    )
    .option("--faults <list>", "use no, all or only some kinds of faults (see simulate --help)")
    .option("--out <dir>", "directory for failing scenarios", "out/fuzz")
    .addOption(number("--shrink-tries <count>", "most runs for shrinking", 1, 100_000, 600))
    .option("--json", "one JSON object on stdout");
  readArguments(command);
  return command.opts<Flags>();
}

async function fuzz(flags: Flags, limits: SwarmLimits): Promise<FuzzSummary> {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  Deno.addSignalListener("SIGINT", onInterrupt);
  const isWatched = Deno.stderr.isTerminal();
  // A terminal shows one line that is updated often. A log gets a new line now and then.
  const everyMs = isWatched ? 200 : 30_000;
  let summary = emptySummary();
  let shownAt = performance.now();
  try {
    await fuzzOnWorkers({
      from: flags.from,
      seeds: flags.seeds,
      workers: flags.workers,
      limits,
      signal: stop.signal,
      onOutcome: (outcome) => {
        summary = addOutcome(summary, outcome);
        if (outcome.violations.length > 0) announce(outcome, flags);
        if (performance.now() - shownAt < everyMs) return;
        shownAt = performance.now();
        const line = `${summary.seeds} of ${flags.seeds} seeds, ${summary.failures.length} failing`;
        writeAll(Deno.stderr, isWatched ? `${CLEAR}${line}` : `${line}\n`);
      },
    });
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    if (isWatched) writeAll(Deno.stderr, CLEAR);
  }
  return summary;
}

/** Reports a failing seed at once, because a long run may be stopped before shrinking. */
function announce({ seed, violations: [first] }: SeedOutcome, { faults }: Flags): void {
  const held = faults === undefined ? "" : ` --faults ${faults}`;
  const again = `deno task fuzz --seeds 1 --from ${seed}${held}`;
  const clear = Deno.stderr.isTerminal() ? CLEAR : "";
  writeAll(
    Deno.stderr,
    `${clear}seed ${seed}: ${first?.checker}: ${first?.message}\n  again: ${again}\n`,
  );
}

/** Exits with 2 when the directory cannot be created, instead of failing after hours of fuzzing. */
function requireFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : `${error}`;
    fail(`--out must be a directory that can be created: '${path}': ${why}`, EXIT_REFUSED);
  }
}

async function main(): Promise<void> {
  const flags = readFlags();
  const limits: SwarmLimits = flags.faults === undefined ? {} : { kinds: kindsOf(flags.faults) };
  requireFolder(flags.out);
  const begun = performance.now();
  const summary = await fuzz(flags, limits);
  const realMs = performance.now() - begun;
  const explanations = summary.failures.slice(0, SHRUNK_MAX).map(({ seed, violations }) => {
    writeAll(Deno.stderr, `shrinking seed ${seed} with at most ${flags.shrinkTries} runs\n`);
    return explain(swarmScenario(seed, limits), {
      checker: violations[0]?.checker ?? "",
      out: flags.out,
      triesMax: flags.shrinkTries,
    });
  });
  if (flags.json === true) {
    const seedsPerSecond = summary.seeds / realMs * 1_000;
    writeAll(
      Deno.stdout,
      `${
        JSON.stringify({
          ...summary,
          realMs: Math.round(realMs),
          seedsPerSecond,
          explanations: explanations.map(({ files }) => files),
        })
      }\n`,
    );
  } else {
    for (const { text } of explanations) writeAll(Deno.stdout, `${text}\n`);
    writeAll(Deno.stdout, `${describeFuzz(summary, realMs)}\n`);
  }
  if (summary.seeds < flags.seeds && summary.failures.length === 0) {
    fail(`Stopped after ${summary.seeds} of ${flags.seeds} seeds`, 130);
  }
  Deno.exit(summary.failures.length === 0 ? 0 : 1);
}

if (import.meta.main) await main();
