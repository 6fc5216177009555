/**
 * The original Dynamo Simulator's load, on all three engines: 8 nodes, puts and then gets of random keys
 * by ten clients at a time, each to a random node. A node outside the key's replicas forwards.
 *
 * The model of it is WARS with a replica for coordinator, plus a forward wherever the random node is none
 * of the N.
 */
import type { ClusterConfig } from "../dynamo/config.ts";
import { legDelayMs, type Legs, parseLegs } from "../random/latency.ts";
import type { SeededRandom } from "../random/seeded.ts";
import { runClosedLoop } from "./closed_loop.ts";
import type { PointContext } from "./experiment.ts";
import { LatencyRecorder } from "./histogram.ts";
import { type KeyChooser, keyChooser } from "./keys.ts";
import type { LiveCluster } from "./live_cluster.ts";
import { liveGet, livePut } from "./live_requests.ts";
import type { Quorums } from "./parameters.ts";
import { SimulatedCluster } from "./simulated_cluster.ts";
import { runSimulatedLoad } from "./simulated_load.ts";

export type OperationKind = "get" | "put";
export const OPERATION_KINDS: readonly OperationKind[] = ["get", "put"];

export interface OriginalLoad {
  readonly nodes: number;
  readonly quorums: Quorums;
  readonly latency: string;
  readonly operations: number;
  readonly concurrency: number;
  readonly keys: number;
}

export type LatencyOf = { readonly [operation in OperationKind]: LatencyRecorder };

/** The request legs alone delay, uniformly from 0 to twice 10 ms, as the original slept; a forward in two halves. */
export const ONE_LEG = "W=uniform(0,20);A=0;R=uniform(0,20);S=0;other=uniform(0,10)";
const MODEL_TRIALS = 200_000;
/** Live operations of each kind that go first and do not count: eight processes have code to compile. */
const WARM_UP = 3_000;
const CONFIG: Partial<ClusterConfig> = {
  ...{ sloppy: false, hintedHandoff: false, readRepair: false, antiEntropyIntervalMs: 0 },
  ...{ timeoutMs: 60_000, patienceMs: 60_000, siblingsMax: 10_000 },
};

/** Runs the load on the context's engine. */
export async function originalLoad(load: OriginalLoad, context: PointContext): Promise<LatencyOf> {
  switch (context.engine) {
    case "model":
      return modelLoad(load, context.random);
    case "simulated":
      return simulatedLoad(load, context);
    case "live":
      return await liveLoad(load, context);
  }
}

export function modelLoad(load: OriginalLoad, random: SeededRandom): LatencyOf {
  const legs = parseLegs(load.latency);
  const of = (operation: OperationKind) => {
    const recorder = new LatencyRecorder();
    const own = random.child(operation);
    for (let i = 0; i < MODEL_TRIALS; i++) recorder.record(modelMs(load, legs, operation, own));
    return recorder;
  };
  return { get: of("get"), put: of("put") };
}

function modelMs(
  { nodes, quorums: { n, r, w } }: OriginalLoad,
  legs: Legs,
  operation: OperationKind,
  random: SeededRandom,
): number {
  const isForwarded = random.float() >= n / nodes;
  const forwardMs = isForwarded ? legs.other.sample(random) + legs.other.sample(random) : 0;
  const [there, back] = operation === "get" ? ["R", "S"] as const : ["W", "A"] as const;
  // The coordinator's own copy has no legs.
  const repliesMs = Array.from(
    { length: n },
    (_, i) =>
      i === 0 ? 0 : legDelayMs(legs, there, random, false) + legDelayMs(legs, back, random, false),
  ).sort((a, b) => a - b);
  return forwardMs + (repliesMs[(operation === "get" ? r : w) - 1] as number);
}

function simulatedLoad(load: OriginalLoad, { seed, random }: PointContext): LatencyOf {
  const cluster = new SimulatedCluster({
    ...{ nodes: load.nodes, latency: load.latency, seed },
    config: { ...load.quorums, ...CONFIG },
  });
  const keys = keyChooser("uniform", load.keys);
  const run = (operation: OperationKind) =>
    runSimulatedLoad(cluster, {
      clients: load.concurrency,
      operations: load.operations,
      gets: operation === "get" ? 1 : 0,
      key: (random) => keys.next(random),
      node: (_, random) => cluster.anyNode(random),
      random: random.child(operation),
    })[operation].latency;
  const put = run("put");
  return { get: run("get"), put };
}

/**
 * What the same operations take on real processes when nothing is delayed: processing, which no model of
 * delays has. Clients pause before each operation for as long as the delays would have taken, so that
 * the machine is as busy as under them; without that it would be saturated, and queues measured.
 */
export async function undelayedLoad(load: OriginalLoad, context: PointContext): Promise<LatencyOf> {
  const legs = parseLegs(load.latency);
  const random = context.random.child("pauses");
  const pauseMs = (operation: OperationKind) => modelMs(load, legs, operation, random);
  return await liveLoad({ ...load, latency: "0" }, context, pauseMs);
}

async function liveLoad(
  load: OriginalLoad,
  context: PointContext,
  pauseMs: (operation: OperationKind) => number = () => 0,
): Promise<LatencyOf> {
  const { launch, signal } = context;
  if (launch === undefined) throw new Error("the live engine needs a launcher");
  const cluster = await launch({
    ...{ nodes: load.nodes, latency: load.latency, config: { ...load.quorums, ...CONFIG } },
  });
  try {
    const keys = keyChooser("uniform", load.keys);
    // Connections open and code warms up before anything counts.
    const warmUp = { ...load, operations: WARM_UP, concurrency: 5 * load.concurrency };
    for (const operation of OPERATION_KINDS) {
      await liveOperations(cluster, warmUp, operation, keys, context);
    }
    const put = await liveOperations(cluster, load, "put", keys, context, pauseMs);
    const get = await liveOperations(cluster, load, "get", keys, context, pauseMs);
    signal.throwIfAborted();
    return { get, put };
  } finally {
    await cluster.close();
  }
}

async function liveOperations(
  cluster: LiveCluster,
  { operations, concurrency }: OriginalLoad,
  operation: OperationKind,
  keys: KeyChooser,
  { random, signal }: PointContext,
  pauseMs: (operation: OperationKind) => number = () => 0,
): Promise<LatencyRecorder> {
  const recorder = new LatencyRecorder();
  const contexts = new Map<string, string>();
  const choices = random.child(`${operation} nodes`);
  await runClosedLoop({
    ...{ operation, count: operations, concurrency, keys, valueBytes: 100, signal },
    random: random.child(`${operation} keys`),
    send: async (_, key) => {
      const pause = pauseMs(operation);
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      const url = cluster.nodes[Math.floor(choices.float() * cluster.nodes.length)]?.url ?? "";
      const done = operation === "get"
        ? await liveGet(url, key)
        : await livePut(url, key, "x".repeat(100), contexts.get(key) ?? null);
      if (done.context !== null) contexts.set(key, done.context);
      if (done.outcome === "ok") recorder.record(done.tookMs);
      return done.outcome;
    },
  });
  return recorder;
}
