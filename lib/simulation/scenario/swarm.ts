/**
 * Random scenarios: swarm testing (Groce et al., ISSTA 2012). Each seed first selects the kinds of
 * faults that occur at all, then their number and severity. So some runs have many faults of one kind,
 * and rare combinations occur. With every kind of fault in every run, some would hide others.
 *
 * Faults that destroy copies hit fewer than W nodes, the fragile ones. So no acknowledged write may be
 * lost, and no loss has to be excused.
 */
import { PARTITIONINGS } from "../../dynamo/ring/ring_state.ts";
import type { RequestOptions } from "../../dynamo/types/client_messages.ts";
import { type ClusterConfig, COORDINATOR_CHOICES } from "../../dynamo/types/config.ts";
import { below, pick, shuffled } from "../../dynamo/types/random.ts";
import { parseDistribution, parseLegs } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { CLIENTS, type Fault, FAULT_KINDS, type FaultKind } from "../faults/faults.ts";
import { type Act, ACTS, ROUTINGS } from "../workload/workload_plan.ts";
import { parseScenario, type Scenario } from "./scenario.ts";
import { drawFault, type FaultDice } from "./swarm_faults.ts";

/** Restrictions on the random scenarios. */
export interface SwarmLimits {
  /** The kinds of faults that may occur; default: all. */
  readonly kinds?: readonly FaultKind[];
  /** Only process faults, with a fast network and a sloppy quorum; default: one seed in ten. */
  readonly calm?: boolean;
  /** Default: `dvv` for most seeds. */
  readonly mode?: "dvv" | "vector-clock" | "lww";
}

/** The maximum number of operations of a run, so that a run takes some milliseconds. */
const OPERATIONS_MAX = 240;

/** The scenario of a seed. */
export function swarmScenario(seed: number, limits: SwarmLimits = {}): Scenario {
  const random = SeededRandom.from(seed).child("swarm");
  const calm = limits.calm ?? chance(random.child("calm"), 0.1);
  const shape = drawShape(random.child("shape"), limits, calm);
  const load = drawLoad(random.child("load"), shape);
  const kinds = limits.kinds ?? FAULT_KINDS;
  const faults = drawFaults(random.child("faults"), shape, load, {
    ...limits,
    ...(calm ? { kinds: kinds.filter((kind) => PROCESS_FAULTS.includes(kind)) } : {}),
  });
  return parseScenario({
    name: `swarm ${seed}`,
    seed,
    nodes: shape.nodes,
    spares: shape.spares,
    config: { ...shape.config, tombstoneGraceMs: graceMs(faults) },
    network: calm ? { latency: "1" } : drawNetwork(random.child("network")),
    disk: calm ? {} : drawDisk(random.child("disk")),
    workload: load.workload,
    durationMs: load.horizonMs * 4,
    faults,
  });
}

/** Faults during which a sloppy quorum must accept every write: see `checkers/always_writeable.ts`. */
const PROCESS_FAULTS: readonly FaultKind[] = ["crash", "kill", "restart", "wipe"];

function chance(random: SeededRandom, probability: number): boolean {
  return random.float() < probability;
}

/** A random integer in min … max. */
function between(random: SeededRandom, min: number, max: number): number {
  return min + below(random, max - min + 1);
}

function drawShape(random: SeededRandom, limits: SwarmLimits, calm: boolean) {
  const count = pick(random, [1, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7, 8]);
  const n = pick(random, [1, 2, 3, 3, 3, 3, 4, 5]);
  const zones = chance(random, 0.25) ? between(random, 2, 3) : 0;
  const weighted = chance(random, 0.25);
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: `n${i + 1}`,
    weight: weighted ? pick(random, [0.5, 1, 1, 2, 3]) : 1,
    ...(zones === 0 ? {} : { zone: `z${i % zones + 1}` }),
  }));
  // Rarely, a quorum larger than the number of nodes: no request can meet it.
  const quorumMax = chance(random, 0.95) ? Math.min(n, count) : n;
  const mode = limits.mode ??
    pick(random, [...Array<"dvv">(12).fill("dvv"), "vector-clock", "lww"] as const);
  const timeoutMs = pick(random, calm ? [1_000] : [50, 100, 250, 250, 1_000, 2_000]);
  const config = {
    n,
    r: between(random, 1, quorumMax),
    w: between(random, 1, quorumMax),
    ...(chance(random, 0.15) ? { pr: between(random, 0, quorumMax) } : {}),
    ...(chance(random, 0.15) ? { pw: between(random, 0, quorumMax) } : {}),
    mode,
    partitioning: pick(random, PARTITIONINGS),
    partitions: pick(random, [8, 16, 32, 64]),
    tokensPerNode: pick(random, [1, 4, 8, 16]),
    coordinator: pick(random, COORDINATOR_CHOICES),
    timeoutMs,
    ...drawBackground(random.child("background"), calm),
  };
  const spares = drawSpares(random.child("spares"), nodes, config);
  return { nodes, spares, config, quorumMax, mayChange: (config.gossipIntervalMs ?? 0) > 0 };
}

/** Nodes that may join: in half of the seeds with gossip, which a join needs. */
function drawSpares(
  random: SeededRandom,
  nodes: readonly { readonly id: string; readonly weight: number; readonly zone?: string }[],
  config: Partial<ClusterConfig>,
) {
  if ((config.gossipIntervalMs ?? 0) === 0 || chance(random, 0.5)) return [];
  return Array.from({ length: between(random, 1, 3) }, (_, i) => ({
    ...pick(random, nodes),
    id: `s${i + 1}`,
  }));
}

/** The background work; none for two seeds of five. */
function drawBackground(random: SeededRandom, calm: boolean): Partial<ClusterConfig> {
  if (chance(random, 0.4) && !calm) return { sloppy: false };
  return {
    gossipIntervalMs: pick(random, [50, 200, 1_000]),
    adaptiveGossip: chance(random, 0.3),
    phiThreshold: pick(random, [3, 8]),
    antiEntropyIntervalMs: chance(random, 0.8) ? pick(random, [100, 300, 2_000]) : 0,
    antiEntropyKeysMax: pick(random, [1, 16]),
    ...(chance(random.child("scrub"), 0.5) ? { scrubIntervalMs: 100 } : {}),
    sloppy: chance(random, 0.6) || calm,
    hintedHandoff: true,
    handoffIntervalMs: pick(random, [50, 200, 1_000]),
    hintsMax: pick(random, [1, 5, 100_000, 100_000]),
    hintTtlMs: pick(random, [300, 5_000, 10_800_000]),
    handoffSendMax: pick(random, [1, 16]),
    handoffReceiveMax: pick(random, [1, 64]),
    ...(chance(random, 0.3) ? { reapIntervalMs: 50 } : {}),
  };
}

/**
 * A tombstone may be reaped only when no message from before it can still be in flight. Its age is
 * measured with clocks, which faults can shift.
 */
function graceMs(faults: readonly Fault[]): number {
  const clockOffsetsMs = faults.reduce(
    (sum, fault) => "byMs" in fault && "node" in fault ? sum + Math.abs(fault.byMs) : sum,
    0,
  );
  return HELD_MS_MAX + clockOffsetsMs;
}

/** Longer than any fault of a swarm can delay a message. */
const HELD_MS_MAX = 20_000;

type Shape = ReturnType<typeof drawShape>;

function drawLoad(random: SeededRandom, shape: Shape) {
  const clients = between(random, 1, 12);
  const operations = between(random, 20, OPERATIONS_MAX);
  // The operations are spread over the horizon, so that faults occur during operations.
  const horizonMs = between(random, 2, 40) * 100;
  const thinkMs = horizonMs * clients / operations * random.float();
  const acts = Object.fromEntries(
    ACTS.map((act) => [act, chance(random, 0.7) ? between(random, 1, 10) : 0]),
  ) as Record<Act, number>;
  acts.get += 1;
  acts.put += 1;
  // The checkers cannot know what a delete without context covers. Half of the seeds have none, so that
  // the checks are stricter.
  if (chance(random, 0.5)) acts["delete-blind"] = 0;
  const workload = {
    clients,
    operations,
    keys: between(random, 1, 6),
    think: `exp(${(1 / Math.max(0.05, thinkMs)).toPrecision(4)})`,
    acts,
    routing: pick(random, ROUTINGS),
    options: chance(random, 0.4)
      ? Array.from({ length: between(random, 1, 3) }, () => drawOptions(random, shape))
      : [],
  };
  return { workload, horizonMs };
}

type Load = ReturnType<typeof drawLoad>;

function drawOptions(random: SeededRandom, { quorumMax }: Shape): RequestOptions {
  return {
    ...(chance(random, 0.5) ? { r: between(random, 1, quorumMax) } : {}),
    ...(chance(random, 0.5) ? { w: between(random, 1, quorumMax) } : {}),
    ...(chance(random, 0.1) ? { timeoutMs: pick(random, [1, 20, 3_000]) } : {}),
  };
}

function drawNetwork(random: SeededRandom) {
  const specs = [
    "0",
    "1",
    "uniform(0,5)",
    "exp(0.5)",
    "normal(5,3)",
    "LNKD-SSD",
    "W=exp(0.1);A=exp(1);R=exp(0.5);S=exp(1);other=exp(1)",
    "uniform(0,20);other=uniform(0,10)",
    "exp(0.3);other=exp(1);remote=5",
  ];
  return { latency: pick(random, specs), clients: pick(random, ["0", "0.3", "uniform(0,3)"]) };
}

function drawDisk(random: SeededRandom) {
  return {
    load: pick(random, ["0", "0.05", "exp(5)", "uniform(0,2)"]),
    store: pick(random, ["0.01", "0.2", "exp(1)", "uniform(0,5)"]),
  };
}

/**
 * Random faults of these kinds for a scenario without faults, spread over the probable duration of its
 * workload.
 */
export function faultsFor(scenario: Scenario, kinds: readonly FaultKind[]): Fault[] {
  const random = SeededRandom.from(scenario.seed).child("chosen faults");
  const nodes = scenario.nodes.map((node) => node.id);
  const horizonMs = estimatedMs(scenario);
  const fragile = shuffled(random, nodes).slice(0, scenario.config.w - 1);
  const spares = scenario.spares.map((node) => node.id);
  const mayChange = scenario.config.gossipIntervalMs > 0;
  const mayRestore = mayChange && scenario.config.reapIntervalMs === 0;
  const ends = nodes;
  const dice: FaultDice = {
    random,
    nodes,
    ends,
    fragile,
    spares,
    mayChange,
    mayRestore,
    horizonMs,
  };
  return kinds.flatMap((kind) =>
    Array.from({ length: FAULTS_PER_KIND }, () => drawFault(kind, dice)).flat()
  );
}

const FAULTS_PER_KIND = 3;

/** The estimated duration of the workload: an operation takes about four messages in sequence. */
function estimatedMs({ workload, network }: Scenario): number {
  if (workload.kind === "script") return (workload.operations.at(-1)?.atUs ?? 0) / 1_000;
  const legs = parseLegs(network.latency);
  const messageMs = Math.min(1_000, (legs.W.mean() + legs.A.mean() + legs.R.mean()) / 3);
  const operationMs = 0.5 + 3 * messageMs +
    Math.min(1_000, parseDistribution(workload.think).mean());
  return Math.max(10, workload.operations / workload.clients * operationMs);
}

function drawFaults(
  random: SeededRandom,
  shape: Shape,
  load: Load,
  limits: SwarmLimits,
): Fault[] {
  const ids = [...shape.nodes, ...shape.spares].map((node) => node.id);
  // With fewer owners than W no write is acknowledged, but one copy must survive nevertheless.
  const wMin = load.workload.options.reduce(
    (lowest, { w }) => Math.min(lowest, w ?? lowest),
    Math.min(shape.config.w, shape.config.n, shape.nodes.length),
  );
  const fragile = shuffled(random, ids).slice(0, wMin - 1);
  const dice: FaultDice = {
    random,
    nodes: ids,
    ends: chance(random, 0.2) ? [...ids, CLIENTS] : ids,
    fragile,
    spares: shape.spares.map((node) => node.id),
    mayChange: shape.mayChange,
    mayRestore: shape.mayChange && shape.config.reapIntervalMs === undefined,
    horizonMs: load.horizonMs,
  };
  const share = pick(random, [0, 0.1, 0.25, 0.25, 0.5]);
  return (limits.kinds ?? FAULT_KINDS)
    .filter(() => chance(random, limits.kinds === undefined ? share : 0.8))
    .flatMap((kind) =>
      Array.from({ length: between(random, 1, 4) }, () => drawFault(kind, dice)).flat()
    );
}
