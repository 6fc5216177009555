/**
 * `deno task bench`: throughput, latency and resource usage of the store, compared with etcd if
 * that is installed, and the speed of the simulator and of the model.
 *
 * Three nodes, N=3 R=W=2, values of 100 bytes, every acknowledged write on disk. Puts write new
 * keys, gets read keys drawn uniformly. The load comes from this process over keep-alive
 * connections. The table also shows the processor time of the load, which on few cores the store
 * lacks.
 */
import { Option } from "commander";
import { LaunchError } from "../nodes/cluster/launch_error.ts";
import { benchWars, type ModelRow } from "./bench/models.ts";
import { type BenchOptions, type BenchRow, runRounds } from "./bench/rounds.ts";
import type { SimulationRow } from "./bench/simulation.ts";
import { runSimulationBench } from "./bench/simulation_process.ts";
import { type BenchedSystem, etcdVersion, startDynamo, startEtcd } from "./bench/systems.ts";
import { fail, integer, items, newCommand, readArguments, writeAll } from "./options.ts";

interface Flags {
  readonly clients: number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly workers: number;
  readonly etcd: boolean;
  readonly only?: "store" | "simulator" | "models";
  readonly trials: number;
  readonly json?: boolean;
}

/** The throughput of this store divided by etcd's under the same load. */
interface Ratio {
  readonly operation: string;
  readonly clients: number;
  readonly opsPerSecond: number;
}

const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);
const isWatched = Deno.stderr.isTerminal();
const step = (text: string) => {
  if (isWatched) writeAll(Deno.stderr, `\r\x1b[K${text}`);
};

function readFlags(): Flags {
  const command = newCommand("bench", "Measures the store, and etcd if it is installed.");
  const count = (flags: string, description: string, most: number) =>
    new Option(flags, description).argParser(integer(1, most));
  command
    .addOption(
      new Option("--clients <list>", "numbers of clients")
        .argParser((text) => items(text).map(integer(1, 1_024))).default([1, 10, 64], "1,10,64"),
    )
    .addOption(count("--seconds <count>", "duration of each load in a round", 600).default(2))
    .addOption(count("--rounds <count>", "rounds; systems take turns in each", 100).default(2))
    .addOption(count("--keys <count>", "number of keys that gets read", 10_000_000).default(10_000))
    .addOption(count("--value-bytes <count>", "size of a value in bytes", 65_536).default(100))
    .addOption(count("--workers <count>", "threads that send the load", 64).default(1))
    .option("--no-etcd", "do not measure etcd")
    .addOption(
      new Option("--only <part>", "measure only this part")
        .choices(["store", "simulator", "models"]),
    )
    .addOption(
      count("--trials <count>", "trials of the model, for each latency profile", 1e9)
        .default(3_000_000),
    )
    .option("--json", "one JSON object on stdout");
  readArguments(command);
  return command.opts<Flags>();
}

/** Starts the systems, measures them, and always stops them. */
async function benchStore(flags: Flags, etcd: string | null): Promise<BenchRow[]> {
  const options: BenchOptions = {
    clients: flags.clients,
    rounds: flags.rounds,
    keys: flags.keys,
    valueBytes: flags.valueBytes,
    workers: flags.workers,
    durationMs: flags.seconds * 1_000,
  };
  const systems: BenchedSystem[] = [];
  const close = async () => {
    await Promise.all(systems.splice(0).map((system) => system.close()));
  };
  const onSignal = () => void close().finally(() => Deno.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  try {
    step("starting three nodes");
    systems.push(await startDynamo());
    if (etcd !== null) {
      step("starting three etcd");
      systems.push(await startEtcd());
    }
    return await runRounds(systems, options, step);
  } finally {
    step("");
    await close();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.removeSignalListener(signal, onSignal);
    }
  }
}

function ratiosOf(rows: readonly BenchRow[]): Ratio[] {
  return rows.filter((row) => row.system === "dynamo").flatMap((ours) => {
    const { operation, clients } = ours;
    const theirs = rows.find((row) =>
      row.system === "etcd" && row.operation === operation && row.clients === clients
    );
    if (theirs === undefined) return [];
    return [{ operation, clients, opsPerSecond: ours.opsPerSecond / theirs.opsPerSecond }];
  });
}

const whole = (value: number) => Math.round(value).toLocaleString("en");
const ms = (value: number) => value.toFixed(2);
const percent = (share: number) => `${Math.round(100 * share)}%`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1_048_576)}`;

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] as string).length))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)
    )
      .join("  ").trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}

function storeTable(rows: readonly BenchRow[]): string {
  const header = ["system", "op", "clients", "ops/s", "p50 ms", "p99 ms", "p99.9 ms", "failed"];
  return table(
    [...header, "CPU of each node", "MB of each node", "CPU of the load", "of others"],
    rows.map((row) => [
      row.system,
      row.operation,
      `${row.clients}`,
      whole(row.opsPerSecond),
      ms(row.p50Ms),
      ms(row.p99Ms),
      ms(row.p999Ms),
      `${row.failed}`,
      row.nodeCpu?.map(percent).join(" ") ?? "-",
      row.nodeMemoryBytes?.map(megabytes).join(" ") ?? "-",
      row.nodeCpu === null ? "-" : percent(row.generatorCpu),
      row.othersCpu === null ? "-" : percent(row.othersCpu),
    ]),
  );
}

function modelTable(rows: readonly ModelRow[]): string {
  return table(
    ["WARS, N=3, one core", "trials/s", "trials/s of CPU"],
    rows.map((row) => [row.legs, whole(row.trialsPerSecond), whole(row.trialsPerCpuSecond)]),
  );
}

function simulationTable(rows: readonly SimulationRow[]): string {
  const header = [
    "simulator, one core",
    "operations",
    "events",
    "events/s",
    "events/s of CPU",
    "s",
  ];
  return table(
    [...header, "heap bytes an operation"],
    rows.map((row) => [
      row.name,
      whole(row.operations),
      whole(row.events),
      whole(row.eventsPerSecond),
      whole(row.eventsPerCpuSecond),
      (row.elapsedMs / 1_000).toFixed(2),
      whole(row.heapBytesPerOperation),
    ]),
  );
}

function tell(error: unknown): never {
  if (error instanceof LaunchError) fail(error.message, 1);
  throw error;
}

const flags = readFlags();
const wants = (part: Flags["only"]) => flags.only === undefined || flags.only === part;
const etcd = flags.etcd && wants("store") ? await etcdVersion() : null;
const store = wants("store") ? await benchStore(flags, etcd).catch(tell) : [];
const simulator = wants("simulator") ? await runSimulationBench() : [];
const models = wants("models") ? benchWars(flags.trials) : [];
const ratios = ratiosOf(store);
const failure = store.find((row) => row.failure !== null);

if (flags.json === true) {
  const { clients, seconds, rounds, keys, valueBytes, workers } = flags;
  const environment = {
    deno: Deno.version.deno,
    os: Deno.build.os,
    arch: Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    etcd,
  };
  const parameters = { clients, seconds, rounds, keys, valueBytes, workers };
  print(JSON.stringify({ parameters, environment, store, ratios, simulator, models }));
} else {
  if (store.length > 0) print(storeTable(store));
  for (const { operation, clients, opsPerSecond } of ratios) {
    print(`${operation}, ${clients} clients: ${opsPerSecond.toFixed(2)} times etcd ${etcd}`);
  }
  if (simulator.length > 0) print(`${store.length > 0 ? "\n" : ""}${simulationTable(simulator)}`);
  if (models.length > 0) print(`${flags.only === undefined ? "\n" : ""}${modelTable(models)}`);
}
if (failure !== undefined) {
  writeAll(Deno.stderr, `${failure.system} ${failure.operation} failed: ${failure.failure}\n`);
  Deno.exit(1);
}
