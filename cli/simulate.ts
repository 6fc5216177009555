/**
 * `deno task simulate`: one deterministic run of a simulated cluster, its checks and its trace
 * hash. The same flags or the same file give the same run, event for event, on any machine.
 */
import { Option } from "commander";
import { type ClusterConfig, clusterConfig, ConfigError } from "../lib/dynamo/types/config.ts";
import { FAULT_KINDS, type FaultKind } from "../lib/simulation/faults/faults.ts";
import { TraceWriter } from "../lib/simulation/report/trace.ts";
import { Run, type RunResult } from "../lib/simulation/run.ts";
import { ScenarioError } from "../lib/simulation/scenario/fields.ts";
import {
  formatScenario,
  parseScenario,
  type Scenario,
} from "../lib/simulation/scenario/scenario.ts";
import { faultsFor } from "../lib/simulation/scenario/swarm.ts";
import { CLIENTS_MAX, OPERATIONS_MAX } from "../lib/simulation/workload/workload_plan.ts";
import {
  clusterFlags,
  EXIT_REFUSED,
  fail,
  flagged,
  initialConfigOptions,
  integer,
  items,
  latencySpec,
  newCommand,
  readArguments,
  writeAll,
} from "./options.ts";
import { readScenarioFile, requireAlone } from "./scenario_flag.ts";
import { describeRun } from "./simulation_report.ts";

interface Flags {
  readonly ops: number;
  readonly seed?: string;
  readonly clients: number;
  readonly keys: number;
  readonly latency?: string;
  readonly faults?: string;
  readonly replay?: string;
  readonly save?: string;
  readonly trace?: string;
  readonly direct?: boolean;
  readonly json?: boolean;
}

/** Steps between two reports of progress. */
const STEPS_AT_ONCE = 200_000;

function readFlags(): { readonly flags: Flags; readonly scenario: Scenario } {
  const command = newCommand("simulate", "One deterministic run in virtual time, and its checks.");
  clusterFlags(command, "seed for everything random in the run, a whole number (default: 1)");
  const number = (flags: string, about: string, most: number, otherwise: number) =>
    new Option(flags, about).argParser(integer(1, most)).default(otherwise);
  command
    .addOption(number("--ops <count>", "operations of all clients together", OPERATIONS_MAX, 1_000))
    .addOption(
      number("--clients <count>", "clients, each with one operation at a time", CLIENTS_MAX, 16),
    )
    .addOption(number("--keys <count>", "keys that they share", 1_000_000, 64))
    .addOption(
      new Option(
        "--latency <spec>",
        "latency of messages: 10, 'exp(1)', 'W=…;A=…;R=…;S=…', LNKD-DISK",
      )
        .argParser(latencySpec),
    )
    .option(
      "--faults <list>",
      `faults to inject: none, all, or some of ${FAULT_KINDS.join(", ")}`,
      "none",
    )
    .option(
      "--replay <file>",
      "run the scenario in this file, which determines the whole run",
    )
    .option("--save <file>", "write the scenario to this file")
    .option("--trace <file>", "write every event to this file, one JSON object per line")
    .option("--direct", "pass messages without a JSON round trip: faster, same trace hash")
    .option("--json", "one JSON object on stdout");
  readArguments(command);
  const flags = command.opts<Flags>();
  if (flags.replay !== undefined) requireAlone(command, "replay", BESIDE_REPLAY);
  return { flags, scenario: readScenario(flags, command.opts()) };
}

/** Flags that are allowed together with --replay, because they do not change the run. */
const BESIDE_REPLAY: readonly string[] = ["save", "trace", "direct", "json"];

/** The scenario from the flags. Exits with 2 for an invalid one. */
function readScenario(flags: Flags, all: Parameters<typeof initialConfigOptions>[0]): Scenario {
  if (flags.replay !== undefined) return readScenarioFile("replay", flags.replay);
  try {
    return fromFlags(flags, all);
  } catch (error) {
    // The user gave flags, so the message names the flag instead of the field.
    if (error instanceof ConfigError) {
      fail(flagged(new ConfigError(error.message.replace(/^config\./, ""))), EXIT_REFUSED);
    }
    if (error instanceof ScenarioError) fail(error.message, EXIT_REFUSED);
    throw error;
  }
}

/** A run from flags uses the whole protocol, like `cluster`. A scenario file sets what it needs. */
const BACKGROUND: Partial<ClusterConfig> = (() => {
  const { sloppy, hintedHandoff, gossipIntervalMs, antiEntropyIntervalMs, reapIntervalMs } =
    clusterConfig();
  return { sloppy, hintedHandoff, gossipIntervalMs, antiEntropyIntervalMs, reapIntervalMs };
})();

function fromFlags(flags: Flags, all: Parameters<typeof initialConfigOptions>[0]): Scenario {
  const { nodes, weights, zones, config } = initialConfigOptions(all);
  const seed = seedOf(flags.seed ?? "1");
  const count = nodes ?? weights?.length ?? zones?.length ?? 5;
  requireOneEach("weights", weights, count);
  requireOneEach("zones", zones, count);
  const scenario = parseScenario({
    name: `simulate --seed ${seed}`,
    seed,
    nodes: weights === undefined && zones === undefined
      ? count
      : Array.from({ length: count }, (_, i) => ({
        id: `n${i + 1}`,
        ...(weights?.[i] === undefined ? {} : { weight: weights[i] }),
        ...(zones?.[i] === undefined ? {} : { zone: zones[i] }),
      })),
    config: { ...BACKGROUND, ...config },
    ...(flags.latency === undefined ? {} : { network: { latency: flags.latency } }),
    workload: { operations: flags.ops, clients: flags.clients, keys: flags.keys },
  });
  const faults = faultsFor(scenario, kindsOf(flags.faults ?? "none"));
  return faults.length === 0 ? scenario : parseScenario({ ...scenario, faults });
}

/** Exits with 2 if a list is given that does not have one entry for each node. */
function requireOneEach(flag: string, list: readonly unknown[] | undefined, nodes: number): void {
  if (list === undefined || list.length === nodes) return;
  fail(
    `--${flag} must name one for each of the ${nodes} nodes: ${list.length} are given`,
    EXIT_REFUSED,
  );
}

function seedOf(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(seed)) return seed;
  fail(
    `--seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}: it is '${text}'`,
    EXIT_REFUSED,
  );
}

/** The faults in a list. Exits with 2 for an unknown fault. */
export function kindsOf(list: string): readonly FaultKind[] {
  if (list === "none") return [];
  if (list === "all") return FAULT_KINDS;
  const refuse = (why: string) =>
    fail(`--faults must be none, all, or some of ${FAULT_KINDS.join(", ")}: ${why}`, EXIT_REFUSED);
  return items(list).map((name) =>
    FAULT_KINDS.find((kind) => kind === name) ??
      refuse(
        name === "none" || name === "all"
          ? `it is '${list}', but '${name}' must be alone`
          : `'${name}' is unknown`,
      )
  );
}

function run(scenario: Scenario, flags: Flags): { result: RunResult; realMs: number } {
  const file = flags.trace === undefined ? null : openTrace(flags.trace);
  const tracer = file === null ? {} : { tracer: new TraceWriter((entry) => file.write(entry)) };
  const begun = performance.now();
  const running = Run.start(scenario, { json: flags.direct !== true, ...tracer });
  const isWatched = Deno.stderr.isTerminal() && flags.json !== true;
  while (!running.advance(STEPS_AT_ONCE)) {
    if (isWatched) writeAll(Deno.stderr, `\r\x1b[K${running.operationsBegun} operations`);
  }
  if (isWatched) writeAll(Deno.stderr, "\r\x1b[K");
  const result = running.result();
  file?.close();
  return { result, realMs: performance.now() - begun };
}

function cannotWrite(flag: string, path: string, error: unknown): never {
  const why = error instanceof Error ? error.message : `${error}`;
  fail(`Cannot write --${flag} '${path}': ${why}`, EXIT_REFUSED);
}

function saveTo(path: string, scenario: Scenario): void {
  try {
    Deno.writeTextFileSync(path, formatScenario(scenario));
  } catch (error) {
    cannotWrite("save", path, error);
  }
}

/** Writes lines in large blocks, because a long run has millions of them. */
function openTrace(path: string) {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true, create: true, truncate: true });
  } catch (error) {
    return cannotWrite("trace", path, error);
  }
  let lines: string[] = [];
  const flush = () => {
    if (lines.length > 0) writeAll(file, lines.join("\n") + "\n");
    lines = [];
  };
  return {
    write(entry: unknown) {
      lines.push(JSON.stringify(entry));
      if (lines.length >= 10_000) flush();
    },
    close() {
      flush();
      file.close();
    },
  };
}

function main(): void {
  const { flags, scenario } = readFlags();
  if (flags.save !== undefined) saveTo(flags.save, scenario);
  const { result, realMs } = run(scenario, flags);
  const text = flags.json === true
    ? JSON.stringify({ ...result, realMs: Math.round(realMs) })
    : describeRun(scenario, result, realMs);
  writeAll(Deno.stdout, `${text}\n`);
  Deno.exit(result.ok ? 0 : 1);
}

if (import.meta.main) main();
