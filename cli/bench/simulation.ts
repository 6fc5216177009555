/**
 * How fast the simulator is: protocol events a second on one core, without faults and without JSON on
 * the wire (the trace hash is the same), and whether its memory stays flat.
 */
import { worldOf } from "../../lib/simulation/cluster.ts";
import { LoadDriver } from "../../lib/simulation/load_driver.ts";
import { parseScenario } from "../../lib/simulation/scenario.ts";
import { Simulation } from "../../lib/simulation/simulation.ts";

export interface SimulationRow {
  readonly name: string;
  readonly nodes: number;
  readonly operations: number;
  readonly failed: number;
  /** Steps of all replicas. */
  readonly events: number;
  /** Setting up the cluster and running it. */
  readonly elapsedMs: number;
  readonly eventsPerSecond: number;
  readonly virtualMs: number;
  /** Growth of the heap from a quarter of the run to its end, bytes an operation. */
  readonly heapBytesPerOperation: number;
  readonly traceHash: string;
}

interface Setting {
  readonly name: string;
  readonly nodes: number;
  readonly operations: number;
}

/** The two sizes that the design promises speeds for. */
export const SIMULATION_SETTINGS: readonly Setting[] = [
  { name: "5 nodes, N=3", nodes: 5, operations: 200_000 },
  { name: "1000 nodes, N=3", nodes: 1_000, operations: 10_000 },
];

/** Bytes of a value, as in the benchmarks of the store. */
const VALUE_BYTES = 100;
const CLIENTS = 64;

export function benchSimulation(settings = SIMULATION_SETTINGS): SimulationRow[] {
  return settings.map(bench);
}

function bench({ name, nodes, operations }: Setting): SimulationRow {
  const scenario = parseScenario({ nodes, seed: 42, network: { latency: "10" } });
  const value = btoa("v".repeat(VALUE_BYTES));
  const driver = new LoadDriver({ seed: 42, clients: CLIENTS, operations, keys: 1_000, value });
  const begun = performance.now();
  const simulation = new Simulation({ ...worldOf(scenario), json: false, driver });
  while (driver.answeredCount < operations / 4 && simulation.step());
  const heapAtQuarter = Deno.memoryUsage().heapUsed;
  while (!driver.isDone && simulation.step());
  const elapsedMs = performance.now() - begun;
  const grown = Deno.memoryUsage().heapUsed - heapAtQuarter;
  return {
    name,
    nodes,
    operations,
    failed: driver.failedCount,
    events: simulation.steps,
    elapsedMs,
    eventsPerSecond: simulation.steps / elapsedMs * 1_000,
    virtualMs: simulation.now / 1_000,
    heapBytesPerOperation: Math.round(grown / (operations * 3 / 4)),
    traceHash: simulation.traceHash,
  };
}
