/**
 * A simulated cluster for experiments. Clients are generators that send requests, wait and
 * continue. Virtual time passes only at `yield*`.
 *
 *     function* client(): Steps<void> {
 *       const written = yield* cluster.put(node, key, value);
 *       yield* cluster.sleep(10);
 *       const read = yield* cluster.get(node, key);
 *     }
 */
import { makeInitialRing } from "../../dynamo/ring/initial_ring.ts";
import type {
  ClientRequest,
  ReplicaTrace,
  RequestOptions,
} from "../../dynamo/types/client_messages.ts";
import { type ClusterConfig, clusterConfig } from "../../dynamo/types/config.ts";
import type { StoredRecord } from "../../dynamo/types/records.ts";
import type { Dot } from "../../dynamo/versions/clock.ts";
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import { parseDistribution, parseLegs } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { FIRST_DATA_ID } from "../../simulation/world/disk.ts";
import { Simulation } from "../../simulation/world/simulation.ts";
import type { ClientOutcome } from "../../simulation/world/tasks.ts";
import type { Driver } from "../../simulation/world/world.ts";

/** What a client waits for. */
type Wait =
  | { readonly kind: "answer"; readonly node: number; readonly request: ClientRequest }
  | { readonly kind: "sleep"; readonly us: number };
/** A running client. */
export type Steps<T> = Generator<Wait, T, unknown>;

export interface SimulatedClusterPlan {
  readonly nodes: number;
  readonly config: Partial<ClusterConfig>;
  readonly seed: number;
  /** Legs W, A, R, S and other. */
  readonly latency: string;
  /** Between a client and a node, in each direction, ms. */
  readonly clientLatency?: string;
  /** How long a load and a store take, ms. By default nothing, as in the WARS model. */
  readonly disk?: { readonly load: string; readonly store: string };
}

/** Background work is off unless an experiment turns it on. */
const QUIET: Partial<ClusterConfig> = {
  sloppy: false,
  hintedHandoff: false,
  readRepair: false,
  gossipIntervalMs: 0,
  antiEntropyIntervalMs: 0,
};

export interface ReadDone {
  readonly outcome: "ok" | "failed";
  readonly tookMs: number;
  /** The siblings' values in base64. */
  readonly values: readonly string[];
  /** The siblings' dots. */
  readonly dots: readonly Dot[];
  readonly context: CausalContext | null;
  readonly replicas: readonly ReplicaTrace[];
  readonly fastest: string | undefined;
  readonly reason?: string;
}

export interface WriteDone {
  readonly outcome: "ok" | "failed" | "indeterminate";
  readonly tookMs: number;
  readonly context: CausalContext | null;
  /** The node that coordinated the write. */
  readonly coordinator: string | null;
  readonly reason?: string;
}

interface PutOptions extends RequestOptions {
  readonly context?: CausalContext | null;
  readonly fastest?: string;
}

const US_PER_MS = 1_000;

export class SimulatedCluster {
  readonly simulation: Simulation;
  readonly config: ClusterConfig;
  private readonly driver: StepsDriver;
  readonly ids: readonly string[];

  /** Throws `ConfigError` or `SpecError` for an invalid plan. */
  constructor(plan: SimulatedClusterPlan) {
    this.config = clusterConfig({ ...QUIET, cluster: "experiment", ...plan.config });
    this.ids = Array.from({ length: plan.nodes }, (_, i) => `n${i + 1}`);
    const placed = this.ids.map((id) => ({ id, weight: 1 }));
    const members = placed.map((member) => ({
      ...member,
      url: `sim://${member.id}`,
      dataId: FIRST_DATA_ID,
    }));
    const ring = makeInitialRing(
      placed,
      this.config,
      SeededRandom.from(plan.seed).child("founding"),
    );
    this.driver = new StepsDriver();
    const { load, store } = plan.disk ?? { load: "0", store: "0" };
    this.simulation = new Simulation({
      initialConfig: { config: this.config, members, ring },
      seed: plan.seed,
      latency: parseLegs(plan.latency),
      clientLatency: parseDistribution(plan.clientLatency ?? "0"),
      disk: { load: parseDistribution(load), store: parseDistribution(store) },
      json: false,
      driver: this.driver,
    });
  }

  /** Virtual time since the start, ms. */
  get nowMs(): number {
    return this.simulation.now / US_PER_MS;
  }

  /** The nodes that own the key. */
  primaries(key: string): readonly string[] {
    return this.simulation.ring.primariesOfKey(key);
  }

  /** One of the nodes that own the key, at random. */
  primary(key: string, random: { float(): number }): string {
    const all = this.primaries(key);
    return all[Math.floor(random.float() * all.length)] as string;
  }

  /** Any node at random. */
  anyNode(random: { float(): number }): string {
    return this.ids[Math.floor(random.float() * this.ids.length)] as string;
  }

  isUp(id: string): boolean {
    return this.simulation.machine(this.simulation.indexOf(id)).isUp;
  }

  /** Called with every record that becomes durable. */
  onCommit(listener: (node: string, key: string, record: StoredRecord) => void): void {
    this.driver.onCommit = (node, key, record) => listener(this.ids[node] as string, key, record);
  }

  // For clients -----------------------------------------------------------------------------------

  *sleep(ms: number): Steps<void> {
    yield { kind: "sleep", us: Math.max(0, Math.round(ms * US_PER_MS)) };
  }

  *get(node: string, key: string, options: RequestOptions = {}): Steps<ReadDone> {
    const startedMs = this.nowMs;
    const outcome = yield* this.ask(node, { method: "get", key, ...options });
    const tookMs = this.nowMs - startedMs;
    if (outcome.kind === "reply" && outcome.reply.status === "read") {
      const { siblings, context, replicas, fastest } = outcome.reply;
      const values = siblings.map((version) => version.value ?? "");
      const dots = siblings.map((version) => version.dot);
      return { outcome: "ok", tookMs, values, dots, context, replicas, fastest };
    }
    return {
      outcome: "failed",
      tookMs,
      values: [],
      dots: [],
      context: null,
      replicas: [],
      fastest: undefined,
      reason: reasonOf(outcome),
    };
  }

  *put(node: string, key: string, value: string, options: PutOptions = {}): Steps<WriteDone> {
    const { context = null, ...rest } = options;
    const contentType = "text/plain";
    return yield* this.write(node, { method: "put", key, value, contentType, context, ...rest });
  }

  /** Without a context, the coordinator deletes what it reads. */
  *delete(node: string, key: string, options: PutOptions = {}): Steps<WriteDone> {
    const { context = null, ...rest } = options;
    return yield* this.write(node, { method: "delete", key, context, ...rest });
  }

  private *write(node: string, request: ClientRequest): Steps<WriteDone> {
    const startedMs = this.nowMs;
    const outcome = yield* this.ask(node, request);
    const tookMs = this.nowMs - startedMs;
    if (outcome.kind === "reply" && outcome.reply.status === "written") {
      const { context, coordinator } = outcome.reply;
      return { outcome: "ok", tookMs, context, coordinator };
    }
    const isDefinite = outcome.kind === "refused" ||
      (outcome.kind === "reply" && outcome.reply.status === "error" &&
        outcome.reply.error.definite);
    const reason = reasonOf(outcome);
    const ended = isDefinite ? "failed" as const : "indeterminate" as const;
    return { outcome: ended, tookMs, context: null, coordinator: null, reason };
  }

  private *ask(node: string, request: ClientRequest): Steps<ClientOutcome> {
    const outcome = yield { kind: "answer", node: this.simulation.indexOf(node), request };
    return outcome as ClientOutcome;
  }

  // Running ---------------------------------------------------------------------------------------

  /** Starts a client. */
  spawn(steps: Steps<void>): void {
    this.driver.spawn(this.simulation, steps);
  }

  /**
   * Runs until every client has ended. Throws when a client waits for something that never comes.
   */
  run(onStep?: () => void): void {
    for (let count = 0; this.driver.running > 0; count++) {
      if (!this.simulation.step()) {
        throw new Error("nothing is left to happen, but clients are still waiting");
      }
      if (onStep !== undefined && count % 100_000 === 0) onStep();
    }
  }

  /** Lets virtual time pass, whether clients have ended or not. */
  runFor(ms: number): void {
    this.simulation.runUntil(this.simulation.now + Math.round(ms * US_PER_MS));
  }
}

function reasonOf(outcome: ClientOutcome): string {
  if (outcome.kind !== "reply") return outcome.kind;
  return outcome.reply.status === "error" ? outcome.reply.error.code : outcome.reply.status;
}

/** Resumes each client when what it waits for has come. */
class StepsDriver implements Driver {
  running = 0;
  onCommit: ((node: number, key: string, record: StoredRecord) => void) | null = null;
  private readonly waiting = new Map<number, Steps<void>>();
  private tokens = 0;

  begin(): void {}

  spawn(world: Simulation, steps: Steps<void>): void {
    this.running++;
    this.advance(world, steps, undefined);
  }

  woken(world: Simulation, token: number): void {
    this.resume(world, token, undefined);
  }

  answered(world: Simulation, token: number, outcome: ClientOutcome): void {
    this.resume(world, token, outcome);
  }

  committed(node: number, key: string, record: StoredRecord): void {
    this.onCommit?.(node, key, record);
  }

  clone(): never {
    throw new Error("Cannot clone a simulation whose clients are generators");
  }

  private resume(world: Simulation, token: number, value: unknown): void {
    const steps = this.waiting.get(token);
    if (steps === undefined) return;
    this.waiting.delete(token);
    this.advance(world, steps, value);
  }

  private advance(world: Simulation, steps: Steps<void>, value: unknown): void {
    const next = steps.next(value);
    if (next.done === true) {
      this.running--;
      return;
    }
    const token = ++this.tokens;
    this.waiting.set(token, steps);
    if (next.value.kind === "sleep") world.wakeAt(world.now + next.value.us, token);
    else world.ask(next.value.node, token, next.value.request);
  }
}
