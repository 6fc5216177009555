/**
 * The speed of the simulator: protocol events per second on one core, without faults and without
 * JSON on the wire (the trace hash is the same), and whether its memory stays constant.
 */
import process from "node:process";
import { parseScenario } from "../../lib/simulation/scenario/scenario.ts";
import { worldOf } from "../../lib/simulation/world/cluster.ts";
import { Simulation } from "../../lib/simulation/world/simulation.ts";
import { SimulationLoad } from "./simulation_load.ts";

export interface SimulationRow {
  readonly name: string;
  readonly nodes: number;
  readonly operations: number;
  readonly failed: number;
  /** The number of steps of all replicas. */
  readonly events: number;
  /** Setup and run of the cluster. */
  readonly elapsedMs: number;
  readonly eventsPerSecond: number;
  /** Per second of processor time, as on an otherwise idle core. */
  readonly eventsPerCpuSecond: number;
  readonly virtualMs: number;
  /** Growth of the heap from a quarter of the run to its end, bytes per operation. */
  readonly heapBytesPerOperation: number;
  readonly traceHash: string;
}

interface Setting {
  readonly name: string;
  readonly nodes: number;
  readonly operations: number;
}

/** Each measured run follows a warm-up of this many operations, so that the code is compiled. */
const WARM_UP_OPERATIONS = 30_000;

/** The two sizes for which the design sets a target speed. */
export const SIMULATION_SETTINGS: readonly Setting[] = [
  { name: "5 nodes, N=3", nodes: 5, operations: 200_000 },
  { name: "1000 nodes, N=3", nodes: 1_000, operations: 10_000 },
];

/** Size of a value, as in the benchmarks of the store. */
const VALUE_BYTES = 100;
const CLIENTS = 16;
const KEYS = 1_000;

/** Runs the settings in this process, one by one, each after a warm-up. */
export function benchSimulation(settings = SIMULATION_SETTINGS): SimulationRow[] {
  return settings.map((setting) => {
    bench({ ...setting, operations: Math.min(setting.operations, WARM_UP_OPERATIONS) });
    return bench(setting);
  });
}

function bench({ name, nodes, operations }: Setting): SimulationRow {
  const scenario = parseScenario({ nodes, seed: 42, network: { latency: "10" } });
  const value = btoa("v".repeat(VALUE_BYTES));
  const driver = new SimulationLoad({ seed: 42, clients: CLIENTS, operations, keys: KEYS, value });
  const begun = performance.now();
  const cpuBefore = process.cpuUsage();
  const simulation = new Simulation({ ...worldOf(scenario), json: false, driver });
  while (driver.answeredCount < operations / 4 && simulation.step());
  const heapAtQuarter = heapInUse();
  while (!driver.isDone && simulation.step());
  const elapsedMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpuBefore);
  const grown = heapInUse() - heapAtQuarter;
  return {
    name,
    nodes,
    operations,
    failed: driver.failedCount,
    events: simulation.steps,
    elapsedMs,
    eventsPerSecond: simulation.steps / elapsedMs * 1_000,
    eventsPerCpuSecond: simulation.steps / (user + system) * 1e6,
    virtualMs: simulation.now / 1_000,
    heapBytesPerOperation: Math.round(grown / (operations * 3 / 4)),
    traceHash: simulation.traceHash,
  };
}

/** The heap in use, after a garbage collection if V8 was started with `--expose-gc`. */
function heapInUse(): number {
  (globalThis as { readonly gc?: () => void }).gc?.();
  return Deno.memoryUsage().heapUsed;
}
