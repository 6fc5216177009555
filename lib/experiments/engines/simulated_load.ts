/** A load on a simulated cluster, in virtual time. */
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { Load, type LoadOptions, type LoadRequest, poissonArrivals } from "../workload/load.ts";
import type { RequestOutcome } from "../workload/tally.ts";
import { modified } from "../workload/values.ts";
import type { ReadDone, SimulatedCluster, Steps, WriteDone } from "./simulated_cluster.ts";

interface SimulatedLoadOptions extends LoadOptions {
  /** Which node is asked; undefined when there is none to ask. */
  readonly node: (key: string, random: SeededRandom) => string | undefined;
  readonly random: SeededRandom;
  /** The contexts that the clients know already; none by default. */
  readonly session?: SimulatedSession;
  /** What an operation takes outside the cluster, such as a load balancer's hops, ms. */
  readonly extraMs?: () => number;
  readonly onProgress?: (share: number) => void;
}

/** How often progress is reported. */
const REPORTS = 50;

/** Runs the load to its end, in virtual time. */
export function runSimulatedLoad(cluster: SimulatedCluster, options: SimulatedLoadOptions): Load {
  const load = spawnLoad(cluster, options);
  cluster.run();
  return load;
}

/** Starts the clients; `cluster.run` lets them continue. */
export function spawnLoad(cluster: SimulatedCluster, options: SimulatedLoadOptions): Load {
  const { arrivals, random } = options;
  const load = new Load(options, cluster.nowMs);
  const clients = new Clients(cluster, load, options);
  if (arrivals.kind === "open") cluster.spawn(clients.arrive(arrivals.ratePerSecond));
  else {
    for (let i = 0; i < arrivals.concurrency; i++) {
      cluster.spawn(clients.client(random.child(`client ${i}`), arrivals.thinkMs));
    }
  }
  return load;
}

class Clients {
  private readonly session: SimulatedSession;
  private reports = 0;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly load: Load,
    private readonly options: SimulatedLoadOptions,
  ) {
    this.session = options.session ?? new SimulatedSession(cluster);
  }

  /** One client of a closed loop. */
  *client(random: SeededRandom, thinkMs?: (random: SeededRandom) => number): Steps<void> {
    const { cluster, load } = this;
    for (;;) {
      const request = load.next(random, cluster.nowMs);
      if (request === null) return;
      yield* this.perform(request, random);
      if (thinkMs !== undefined) yield* cluster.sleep(thinkMs(random));
    }
  }

  /** Poisson arrivals. In virtual time, no arrival is ever late. */
  *arrive(ratePerSecond: number): Steps<void> {
    const { cluster, load, options: { random } } = this;
    const begunMs = cluster.nowMs;
    for (const offsetMs of poissonArrivals(ratePerSecond, random.child("arrivals"))) {
      yield* cluster.sleep(begunMs + offsetMs - cluster.nowMs);
      const request = load.next(random, cluster.nowMs);
      if (request !== null) cluster.spawn(this.perform(request, random));
      if (load.isOver(cluster.nowMs)) return;
    }
  }

  private *perform(request: LoadRequest, random: SeededRandom): Steps<void> {
    const { cluster, load, options, session } = this;
    this.report();
    const node = options.node(request.key, random);
    const extraMs = options.extraMs?.() ?? 0;
    if (extraMs > 0) yield* cluster.sleep(extraMs);
    const outcome = node === undefined ? "failed" : yield* session.perform(node, request);
    load.note(request, outcome, cluster.nowMs);
  }

  private report(): void {
    const reports = Math.floor(REPORTS * this.load.sentShare);
    if (reports === this.reports) return;
    this.reports = reports;
    this.options.onProgress?.(this.load.sentShare);
  }
}

/** Operations of clients that remember the context last seen of each key. */
export class SimulatedSession {
  private readonly contexts = new Map<string, CausalContext>();

  constructor(private readonly cluster: SimulatedCluster) {}

  *perform(node: string, { operation, key, value }: LoadRequest): Steps<RequestOutcome> {
    switch (operation) {
      case "get":
        return (yield* this.get(node, key)).outcome;
      case "put":
      case "insert": {
        // Without the context of what was last seen of the key, siblings would pile up.
        const context = this.contexts.get(key) ?? null;
        return (yield* this.put(node, key, value, context)).outcome;
      }
      case "read-modify-write":
        return yield* this.update(node, key, value);
    }
  }

  private *get(node: string, key: string): Steps<ReadDone> {
    const done = yield* this.cluster.get(node, key);
    if (done.context !== null) this.contexts.set(key, done.context);
    return done;
  }

  /** Reads, makes one value of the siblings, and writes it over all that was read. */
  private *update(node: string, key: string, value: Uint8Array): Steps<RequestOutcome> {
    const read = yield* this.get(node, key);
    if (read.outcome !== "ok") return "failed";
    const values = read.values.map((base64) => atob(base64));
    const changed = new TextEncoder().encode(modified(values, new TextDecoder().decode(value)));
    return (yield* this.put(node, key, changed, read.context)).outcome;
  }

  private *put(
    node: string,
    key: string,
    value: Uint8Array,
    context: CausalContext | null,
  ): Steps<WriteDone> {
    const done = yield* this.cluster.put(node, key, value.toBase64(), { context });
    if (done.context !== null) this.contexts.set(key, done.context);
    return done;
  }
}
