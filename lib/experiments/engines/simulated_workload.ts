/**
 * A workload in virtual time: what `workload.ts` does over the wall clock, with the same mixes, arrivals,
 * keys and outcomes. Every operation asks a random node.
 */
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import type { PointContext } from "../experiment.ts";
import { type KeyChooser, keyChooser } from "../workload/keys.ts";
import {
  drawOperation,
  type Mix,
  modified,
  type Operation,
  poissonArrivals,
  type RequestOutcome,
  Tally,
  valueOf,
} from "../workload/workload.ts";
import type { Tallies, WorkloadPlan } from "../workload/workload_plan.ts";
import type { ReadDone, SimulatedCluster, Steps, WriteDone } from "./simulated_cluster.ts";

/** Clients that write all keys before anything is measured. */
const FILLERS = 64;

/** Runs the workload to its end; virtual time passes meanwhile. */
export function simulateWorkload(
  cluster: SimulatedCluster,
  plan: WorkloadPlan,
  { random, onProgress }: Pick<PointContext, "random" | "onProgress">,
): Tallies {
  const tallies = new Map<Operation, Tally>();
  const keys = keyChooser(plan.pattern, plan.keys);
  const session = new Session(cluster, random.child("nodes"));
  if (plan.fill) fillKeys(cluster, session, plan, keys);
  plan.phases.forEach((mix, phase) => {
    for (const { operation } of mix) tallies.set(operation, new Tally());
    const run = new Phase(cluster, session, plan, mix, keys, tallies);
    run.begin(random.child(`phase ${phase}`));
    cluster.run(() => onProgress((phase + run.share) / plan.phases.length));
  });
  return tallies;
}

function fillKeys(
  cluster: SimulatedCluster,
  session: Session,
  { keys: count, valueBytes }: WorkloadPlan,
  keys: KeyChooser,
): void {
  let next = 0;
  function* filler(): Steps<void> {
    while (next < count) yield* session.put(keys.name(next++), valueOf(next, valueBytes));
  }
  for (let i = 0; i < FILLERS; i++) cluster.spawn(filler());
  cluster.run();
}

/** Operations as clients make them that remember the context last seen of a key. */
class Session {
  private readonly contexts = new Map<string, CausalContext>();

  constructor(private readonly cluster: SimulatedCluster, private readonly random: SeededRandom) {}

  *perform(operation: Operation, key: string, value: Uint8Array): Steps<RequestOutcome> {
    switch (operation) {
      case "get":
        return (yield* this.get(this.anyNode(), key)).outcome;
      case "put":
      case "insert":
        return (yield* this.put(key, value)).outcome;
      case "read-modify-write":
        return yield* this.update(this.anyNode(), key, value);
    }
  }

  *put(key: string, value: Uint8Array): Steps<WriteDone> {
    // Over what was last seen of the key, or siblings would pile up.
    return yield* this.write(this.anyNode(), key, value, this.contexts.get(key) ?? null);
  }

  private anyNode(): string {
    return this.cluster.anyNode(this.random);
  }

  private *get(node: string, key: string): Steps<ReadDone> {
    const done = yield* this.cluster.get(node, key);
    if (done.context !== null) this.contexts.set(key, done.context);
    return done;
  }

  /** Reads, makes one value of siblings, and writes over all that was read, by the same node. */
  private *update(node: string, key: string, value: Uint8Array): Steps<RequestOutcome> {
    const read = yield* this.get(node, key);
    if (read.outcome !== "ok") return "failed";
    const values = read.values.map((base64) => atob(base64));
    const changed = new TextEncoder().encode(modified(values, new TextDecoder().decode(value)));
    return (yield* this.write(node, key, changed, read.context)).outcome;
  }

  private *write(
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

/** One mix until its operations have ended. */
class Phase {
  private readonly total: number;
  private issued = 0;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly session: Session,
    private readonly plan: WorkloadPlan,
    private readonly mix: Mix,
    private readonly keys: KeyChooser,
    private readonly tallies: ReadonlyMap<Operation, Tally>,
  ) {
    this.total = plan.warmUp + plan.operations;
  }

  get share(): number {
    return this.issued / this.total;
  }

  begin(random: SeededRandom): void {
    const { arrivals } = this.plan;
    if (arrivals.kind === "open") {
      this.cluster.spawn(this.arrive(arrivals.ratePerSecond, random));
      return;
    }
    for (let i = 0; i < arrivals.concurrency; i++) {
      this.cluster.spawn(this.client(random.child(`client ${i}`)));
    }
  }

  private *client(random: SeededRandom): Steps<void> {
    while (this.issued < this.total) yield* this.next(random);
  }

  private *arrive(ratePerSecond: number, random: SeededRandom): Steps<void> {
    const begunMs = this.cluster.nowMs;
    for (const offsetMs of poissonArrivals(ratePerSecond, random.child("arrivals"))) {
      yield* this.cluster.sleep(begunMs + offsetMs - this.cluster.nowMs);
      // Whatever the cluster does: in virtual time nobody's arrival is late.
      this.cluster.spawn(this.next(random));
      if (this.issued >= this.total) return;
    }
  }

  private *next(random: SeededRandom): Steps<void> {
    const index = this.issued++;
    const operation = drawOperation(this.mix, random);
    const key = operation === "insert" ? this.keys.insert() : this.keys.next(random);
    const startedMs = this.cluster.nowMs;
    const value = valueOf(index, this.plan.valueBytes);
    const outcome = yield* this.session.perform(operation, key, value);
    if (index < this.plan.warmUp) return;
    this.tallies.get(operation)?.count(outcome, this.cluster.nowMs - startedMs);
  }
}
