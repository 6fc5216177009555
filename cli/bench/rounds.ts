/**
 * Measures in rounds. In each round, every system gets every load in turn, so that other activity
 * on the machine affects all of them equally.
 */
import { LatencyRecorder } from "../../lib/experiments/stats/histogram.ts";
import type { BenchLoad, BenchOperation, LoadOutcome } from "./load.ts";
import type { LoadMessage } from "./load_worker.ts";
import { busyMs, type ProcessUsage, usageOf } from "./process_usage.ts";
import type { BenchedSystem } from "./systems.ts";

export interface BenchOptions {
  readonly clients: readonly number[];
  /** Duration of each load, ms. */
  readonly durationMs: number;
  readonly rounds: number;
  readonly valueBytes: number;
  /** The number of keys that are written first and that gets read. */
  readonly keys: number;
  readonly workers: number;
}

/** One row of the table: a system under a load, over all rounds. */
export interface BenchRow {
  readonly system: string;
  readonly operation: BenchOperation;
  readonly clients: number;
  readonly ok: number;
  readonly failed: number;
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** The share of one core that each node used, 0 … cores; null when it is not known. */
  readonly nodeCpu: readonly number[] | null;
  /** Memory of each node at the end. */
  readonly nodeMemoryBytes: readonly number[] | null;
  /** The share of one core that the load generator used. */
  readonly generatorCpu: number;
  /** Cores used by other processes. Above about 0.1, the throughput is too low. */
  readonly othersCpu: number | null;
  readonly failure: string | null;
}

interface Cell {
  readonly recorder: LatencyRecorder;
  readonly tally: { ok: number; failed: number; elapsedMs: number; failure: string | null };
  readonly nodeCpuMs: number[];
  generatorCpuMs: number;
  othersCpuMs: number | null;
  memory: readonly number[] | null;
}

const GET_PREFIX = "g-";

/** Fills the systems with keys and measures them. */
export async function runRounds(
  systems: readonly BenchedSystem[],
  options: BenchOptions,
  onStep: (text: string) => void,
): Promise<BenchRow[]> {
  for (const system of systems) {
    onStep(`${system.name}: writing ${options.keys} keys`);
    await preload(system, options);
  }
  const cells = new Map<string, Cell>();
  for (let round = 1; round <= options.rounds; round++) {
    for (const clients of options.clients) {
      for (const operation of ["put", "get"] as const) {
        for (const system of systems) {
          onStep(
            `round ${round} of ${options.rounds}: ${system.name} ${operation}, ${clients} clients`,
          );
          const name = `${clients} ${operation} ${system.name}`;
          const cell = cells.get(name) ?? newCell();
          cells.set(name, cell);
          await measure(system, operation, clients, round, options, cell);
        }
      }
    }
  }
  return options.clients.flatMap((clients) =>
    (["put", "get"] as const).flatMap((operation) =>
      systems.map((system) =>
        rowOf(
          system,
          operation,
          clients,
          cells.get(`${clients} ${operation} ${system.name}`) as Cell,
        )
      )
    )
  );
}

async function preload(system: BenchedSystem, options: BenchOptions): Promise<void> {
  const outcomes = await onWorkers(system, "put", 64, options, {
    prefix: GET_PREFIX,
    durationMs: 120_000,
    keys: options.keys,
  });
  const failure = outcomes.find((outcome) => outcome.failed > 0)?.failure;
  if (failure !== undefined) throw new Error(`${system.name} refused a put: ${failure}`);
}

async function measure(
  system: BenchedSystem,
  operation: BenchOperation,
  clients: number,
  round: number,
  options: BenchOptions,
  cell: Cell,
): Promise<void> {
  const before = await cpuNow(system);
  const outcomes = await onWorkers(system, operation, clients, options, {
    prefix: operation === "get" ? GET_PREFIX : `p-${clients}-${round}-`,
    durationMs: options.durationMs,
  });
  const after = await cpuNow(system);
  for (const outcome of outcomes) {
    cell.recorder.add(outcome.latencies);
    cell.tally.ok += outcome.ok;
    cell.tally.failed += outcome.failed;
    cell.tally.failure ??= outcome.failure;
  }
  cell.tally.elapsedMs += Math.max(...outcomes.map((outcome) => outcome.elapsedMs));
  const spent = (of: (now: CpuNow) => number) => of(after) - of(before);
  const nodesMs = after.nodes?.map((usage, i) => usage.cpuMs - (before.nodes?.[i]?.cpuMs ?? 0)) ??
    [];
  nodesMs.forEach((ms, i) => cell.nodeCpuMs[i] = (cell.nodeCpuMs[i] ?? 0) + ms);
  const ownMs = spent((now) => now.own?.cpuMs ?? 0);
  cell.generatorCpuMs += ownMs;
  if (cell.othersCpuMs !== null && after.machineMs !== null) {
    const oursMs = nodesMs.reduce((sum, ms) => sum + ms, ownMs);
    cell.othersCpuMs += Math.max(0, spent((now) => now.machineMs ?? 0) - oursMs);
  } else cell.othersCpuMs = null;
  cell.memory = after.nodes?.map((usage) => usage.residentBytes) ?? null;
}

interface CpuNow {
  readonly nodes: readonly ProcessUsage[] | null;
  readonly own: ProcessUsage | null;
  readonly machineMs: number | null;
}

async function cpuNow(system: BenchedSystem): Promise<CpuNow> {
  const [nodes, own, machineMs] = await Promise.all([usages(system), usageOf(Deno.pid), busyMs()]);
  return { nodes, own, machineMs };
}

/** Divides a load among workers. With `keys`, it makes that many puts, numbered from 0. */
async function onWorkers(
  system: BenchedSystem,
  operation: BenchOperation,
  clients: number,
  options: BenchOptions,
  how: { readonly prefix: string; readonly durationMs: number; readonly keys?: number },
): Promise<LoadOutcome[]> {
  const workers = Math.min(options.workers, clients);
  return await Promise.all(Array.from({ length: workers }, (_, i) => {
    const share = (total: number) => Math.floor(total / workers) + (i < total % workers ? 1 : 0);
    return inWorker({
      dialect: system.dialect,
      operation,
      // Each worker begins with another node. Else, with one client each, the last nodes get no
      // load.
      hosts: system.hosts.map((_, at) => system.hosts[(at + i) % system.hosts.length] as string),
      clients: share(clients),
      prefix: how.prefix,
      keys: options.keys,
      firstKey: i,
      stride: workers,
      valueBytes: options.valueBytes,
      durationMs: how.durationMs,
      ...(how.keys === undefined ? {} : { countMost: share(how.keys) }),
      seed: `${how.prefix}${i}`,
    });
  }));
}

function inWorker(load: BenchLoad): Promise<LoadOutcome> {
  const worker = new Worker(new URL("./load_worker.ts", import.meta.url), { type: "module" });
  return new Promise<LoadOutcome>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<LoadMessage>) => {
      if ("outcome" in data) resolve(data.outcome);
      else reject(new Error(`the load on ${load.hosts.join(", ")} failed: ${data.error}`));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`a load worker failed: ${event.message}`));
    };
    worker.postMessage(load);
  }).finally(() => worker.terminate());
}

async function usages(system: BenchedSystem): Promise<ProcessUsage[] | null> {
  const found = await Promise.all(system.pids.map(usageOf));
  return found.every((usage) => usage !== null) ? found : null;
}

function newCell(): Cell {
  return {
    recorder: new LatencyRecorder(),
    tally: { ok: 0, failed: 0, elapsedMs: 0, failure: null },
    nodeCpuMs: [],
    generatorCpuMs: 0,
    othersCpuMs: 0,
    memory: null,
  };
}

function rowOf(
  system: BenchedSystem,
  operation: BenchOperation,
  clients: number,
  { recorder, tally, nodeCpuMs, generatorCpuMs, othersCpuMs, memory }: Cell,
): BenchRow {
  const { p50Ms, p99Ms, p999Ms } = recorder.summary();
  const { ok, failed, elapsedMs, failure } = tally;
  return {
    system: system.name,
    operation,
    clients,
    ok,
    failed,
    opsPerSecond: ok / elapsedMs * 1_000,
    p50Ms,
    p99Ms,
    p999Ms,
    nodeCpu: nodeCpuMs.length === 0 ? null : nodeCpuMs.map((spentMs) => spentMs / elapsedMs),
    nodeMemoryBytes: memory,
    generatorCpu: generatorCpuMs / elapsedMs,
    othersCpu: othersCpuMs === null ? null : othersCpuMs / elapsedMs,
    failure,
  };
}
