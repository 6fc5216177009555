/**
 * The load for measuring the simulator itself: a closed loop of clients that each read a key and then
 * write it with the context of that read.
 *
 * It is separate from `simulated_load.ts` because it is cheaper. With generators, latencies and values
 * made for each write, the same run took 1.4 times the processor time, so the benchmark would have
 * measured its clients as well.
 */
import type { CausalContext } from "../../lib/dynamo/versions/versions.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import type { ClientOutcome } from "../../lib/simulation/world/tasks.ts";
import type { Driver, World } from "../../lib/simulation/world/world.ts";

interface SimulationLoadPlan {
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
  readonly keys: number;
  /** Base64. */
  readonly value: string;
}

export class SimulationLoad implements Driver {
  answeredCount = 0;
  failedCount = 0;
  private begun = 0;
  private readonly random: SeededRandom;
  private readonly names: readonly string[];
  /** For each client, the key that it has read and will write next; null if it will read next. */
  private readonly keys: (string | null)[];

  constructor(private readonly plan: SimulationLoadPlan) {
    this.random = SeededRandom.from(plan.seed).child("load");
    this.names = Array.from({ length: plan.keys }, (_, i) => `k${i}`);
    this.keys = Array.from({ length: plan.clients }, () => null);
  }

  get isDone(): boolean {
    return this.answeredCount === this.plan.operations;
  }

  begin(world: World): void {
    for (let client = 0; client < this.plan.clients; client++) this.next(world, client, null);
  }

  woken(): void {}

  answered(world: World, client: number, outcome: ClientOutcome): void {
    this.answeredCount++;
    if (outcome.kind !== "reply" || outcome.reply.status === "error") this.failedCount++;
    const read = outcome.kind === "reply" && outcome.reply.status === "read";
    this.next(world, client, read ? outcome.reply.context : null);
  }

  clone(): never {
    throw new Error("Cannot clone the load of a benchmark");
  }

  private next(world: World, client: number, context: CausalContext | null): void {
    if (this.begun === this.plan.operations) return;
    this.begun++;
    const node = this.random.uint32() % world.machines.length;
    const read = this.keys[client] ?? null;
    if (read !== null) {
      this.keys[client] = null;
      const { value } = this.plan;
      const contentType = "text/plain";
      world.ask(node, client, { method: "put", key: read, value, contentType, context });
    } else {
      const key = this.names[this.random.uint32() % this.plan.keys] as string;
      this.keys[client] = key;
      world.ask(node, client, { method: "get", key });
    }
  }
}
