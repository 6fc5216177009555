/**
 * `deno task pbs`: the latency of reads and writes and the staleness of reads, for any latencies
 * and quorums, by the WARS model of "Probabilistically Bounded Staleness" (VLDB 2012).
 */
import { InvalidArgumentError, Option } from "commander";
import { runWarsOnWorkers, TRIALS_MAX } from "../lib/experiments/wars/pool.ts";
import {
  type QuorumFigures,
  rankQuorums,
  type Target,
} from "../lib/experiments/wars/quorum_choice.ts";
import { type WarsReport, warsReport } from "../lib/experiments/wars/report.ts";
import { legsFromCsv, SamplesError } from "../lib/experiments/wars/samples_csv.ts";
import {
  allQuorums,
  WARS_COORDINATORS,
  WARS_N_MAX,
  type WarsCoordinator,
  type WarsModel,
  type WarsTally,
} from "../lib/experiments/wars/wars.ts";
import { type Legs, parseLegs, PROFILES, SpecError } from "../lib/random/latency.ts";
import {
  EXIT_REFUSED,
  fail,
  integer,
  items,
  newCommand,
  readArguments,
  writeAll,
} from "./options.ts";

interface Flags {
  readonly profile?: string;
  readonly latency?: string;
  readonly samples?: string;
  readonly n: number;
  readonly r: number;
  readonly w: number;
  readonly trials: number;
  readonly seed: string;
  readonly coordinator: WarsCoordinator;
  readonly t?: number[];
  readonly consistent?: number;
  readonly afterMs?: number;
  readonly readMs?: number;
  readonly writeMs?: number;
  readonly workers: number;
  readonly json?: boolean;
}

const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);
const PROFILE_NAMES = PROFILES.map((profile) => profile.name);

function readFlags(): Flags {
  const command = newCommand("pbs", "Latency and staleness of quorums, by the WARS model.");
  const number = (flags: string, description: string, least: number, most: number) =>
    new Option(flags, description).argParser(decimal(least, most));
  command
    .option("--profile <name>", `latencies of a production system: ${PROFILE_NAMES.join(", ")}`)
    .option("--latency <spec>", "any latencies: 'exp(1)', or 'W=…;A=…;R=…;S=…'")
    .option("--samples <file>", "measured latencies: a CSV in ms, columns W,A,R,S or a single one")
    .addOption(count("--n <count>", "replicas, N", WARS_N_MAX).default(3))
    .addOption(count("--r <count>", "replies a read waits for, R", WARS_N_MAX).default(1))
    .addOption(count("--w <count>", "acknowledgements a write waits for, W", WARS_N_MAX).default(1))
    .addOption(
      count("--trials <count>", "number of Monte Carlo trials", TRIALS_MAX).default(1_000_000),
    )
    .option("--seed <seed>", "repeats a run exactly", "1")
    .addOption(
      new Option(
        "--coordinator <who>",
        "proxy: no replica, as published; replica: a replica drawn for each request; " +
          "same-replica: one replica for all requests",
      ).choices(WARS_COORDINATORS).default("proxy"),
    )
    .addOption(
      new Option("--t <list>", "when to report P(consistent), ms after the write: 0,1,10")
        .argParser((text) => items(text).map((item) => decimal(0, 1e9)(item))),
    )
    .addOption(
      number("--consistent <share>", "rank all quorums: the share of consistent reads …", 0, 1),
    )
    .addOption(number("--after-ms <ms>", "… this long after the write (default: 0) …", 0, 1e9))
    .addOption(number("--read-ms <ms>", "… with p99.9 reads of at most …", 0, 1e9))
    .addOption(number("--write-ms <ms>", "… and p99.9 writes of at most", 0, 1e9))
    .addOption(
      count("--workers <count>", "cores to use", 1_024).default(navigator.hardwareConcurrency),
    )
    .option("--json", "one JSON object on stdout");
  readArguments(command);
  return command.opts<Flags>();
}

function count(flags: string, description: string, most: number): Option {
  return new Option(flags, description).argParser(integer(1, most));
}

/** Parses a flag's value as a number within bounds. */
function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(
      `It must be a number from ${least} to ${most}: '${text}' is not.`,
    );
  };
}

/** The legs from the flags, with their name. Exits with 2 for invalid flags. */
function readLegs(
  { profile, latency, samples }: Flags,
): { readonly name: string; readonly legs: Legs } {
  const given = [profile, latency, samples].filter((source) => source !== undefined);
  if (given.length !== 1) {
    fail(
      `exactly one of --profile, --latency and --samples is needed: ${given.length} are given ` +
        `(profiles: ${PROFILE_NAMES.join(", ")})`,
      EXIT_REFUSED,
    );
  }
  try {
    if (samples !== undefined) {
      return { name: samples, legs: legsFromCsv(Deno.readTextFileSync(samples), samples) };
    }
    const name = profile ?? latency ?? "";
    return { name, legs: parseLegs(name) };
  } catch (error) {
    const isInput = error instanceof SpecError || error instanceof SamplesError;
    if (isInput) fail(error.message, EXIT_REFUSED);
    if (samples !== undefined && error instanceof Error) {
      fail(`Cannot read --samples '${samples}': ${error.message}`, EXIT_REFUSED);
    }
    throw error;
  }
}

function requireWithinN({ n, r, w }: Flags): void {
  for (const [flag, value] of [["--r", r], ["--w", w]] as const) {
    if (value > n) fail(`${flag} must be from 1 to N, ${n}: it is ${value}`, EXIT_REFUSED);
  }
}

function targetOf(flags: Flags): Target | null {
  const { consistent, afterMs, readMs, writeMs } = flags;
  if ([consistent, afterMs, readMs, writeMs].every((given) => given === undefined)) return null;
  if (consistent === 0) fail("--consistent must be above 0: it is 0", EXIT_REFUSED);
  return {
    consistent: consistent ?? 0.999,
    afterMs: afterMs ?? 0,
    ...(readMs === undefined ? {} : { readMs }),
    ...(writeMs === undefined ? {} : { writeMs }),
  };
}

async function run(model: WarsModel, flags: Flags): Promise<WarsTally> {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  Deno.addSignalListener("SIGINT", onInterrupt);
  const isWatched = Deno.stderr.isTerminal() && flags.json !== true;
  try {
    return await runWarsOnWorkers(model, flags.trials, flags.seed, {
      workers: flags.workers,
      createWorker: () =>
        new Worker(new URL("./wars_worker.ts", import.meta.url), { type: "module" }),
      signal: stop.signal,
      onProgress: (done) => {
        if (!isWatched) return;
        const share = Math.floor(100 * done / flags.trials);
        writeAll(Deno.stderr, done === flags.trials ? "\r\x1b[K" : `\r${share}% of the trials`);
      },
    });
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
}

const ms = (value: number) => `${value === 0 ? "0" : value.toPrecision(4)} ms`;
const percent = (share: number) => `${(100 * share).toFixed(3)}%`;

function describe(name: string, { coordinator, seed }: Flags, report: WarsReport): string {
  const { n, r, w, trials } = report;
  const lines = [
    `${name}: N=${n} R=${r} W=${w}, coordinator ${coordinator}, ${trials} trials, seed ${seed}`,
    "",
    "        mean        p50         p99         p99.9",
    `read    ${columns(report.readMean, report.readP50, report.readP99, report.readP999)}`,
    `write   ${columns(report.writeMean, report.writeP50, report.writeP99, report.writeP999)}`,
    "",
    `99.9% of reads see a write that was answered ${ms(report.tVisibility999)} before ` +
    `(PBS estimates ${ms(report.tVisibility999FirstCrossing)})`,
    "",
    "read after the write   sees it",
    ...report.pConsistent.map(({ t, p }) => `${`${t} ms`.padEnd(22)} ${percent(p)}`),
    "",
    "P(reading one of the last k versions), at least (closed form):",
    `  ${report.kFreshness.map(({ k, p }) => `k=${k} ${percent(p)}`).join("   ")}`,
    `P(monotonic reads), with one write per read, at least: ${percent(report.monotonicReads)}`,
  ];
  return lines.join("\n");
}

function columns(...values: number[]): string {
  return values.map((value) => ms(value).padEnd(11)).join(" ").trimEnd();
}

function describeRanking(target: Target, ranking: readonly QuorumFigures[]): string {
  const limits = [
    target.readMs === undefined ? "" : `, reads within ${target.readMs} ms`,
    target.writeMs === undefined ? "" : `, writes within ${target.writeMs} ms`,
  ].join("");
  return [
    `Target: ${percent(target.consistent)} consistent after ${target.afterMs} ms${limits} (p99.9)`,
    "meets  R  W  read        write       consistent",
    ...ranking.map(({ meets, r, w, readMs, writeMs, pConsistent }) =>
      `${meets ? "yes" : "no "}   ${String(r).padStart(3)}${String(w).padStart(3)}  ${
        ms(readMs).padEnd(11)
      } ${ms(writeMs).padEnd(11)} ${percent(pConsistent)}`
    ),
  ].join("\n");
}

const flags = readFlags();
requireWithinN(flags);
const { name, legs } = readLegs(flags);
const target = targetOf(flags);
const { n, r, w, coordinator, seed } = flags;
const tally = await run({
  n,
  legs,
  coordinator,
  pairs: target === null ? [{ r, w }] : allQuorums(n),
}, flags);
if (tally.trials === 0) fail("stopped before the first trials were done", 130);
const report = warsReport(tally, { r, w }, seed, flags.t);
const ranking = target === null ? null : rankQuorums(tally, target);
if (flags.json === true) {
  const chosen = ranking === null ? {} : { target, quorums: ranking };
  // A numeric seed is printed as a number.
  const shownSeed = /^\d{1,15}$/.test(seed) ? Number(seed) : seed;
  print(JSON.stringify({ profile: name, coordinator, seed: shownSeed, ...report, ...chosen }));
} else {
  print(describe(name, flags, report));
  if (ranking !== null && target !== null) print(`\n${describeRanking(target, ranking)}`);
}
