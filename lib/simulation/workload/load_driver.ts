/**
 * A simple load without a history: a closed loop of clients that each read a key and then write it with
 * the context of that read. For benchmarks of the simulator, and for runs too long for a history.
 */
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import { SeededRandom } from "../../random/seeded.ts";
import type { ClientOutcome } from "../world/tasks.ts";
import type { World } from "../world/world.ts";
import type { Driver } from "../world/world.ts";

interface LoadPlan {
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
  readonly keys: number;
  /** Base64. */
  readonly value: string;
}

export class LoadDriver implements Driver {
  answeredCount = 0;
  failedCount = 0;
  private begun = 0;
  private random: SeededRandom;
  private readonly names: readonly string[];
  /** For each client, the key that it has read and will write next; null if it will read next. */
  private keys: (string | null)[];

  constructor(private readonly plan: LoadPlan) {
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

  clone(): LoadDriver {
    const copy = new LoadDriver(this.plan);
    copy.answeredCount = this.answeredCount;
    copy.failedCount = this.failedCount;
    copy.begun = this.begun;
    copy.random = this.random.clone();
    copy.keys = [...this.keys];
    return copy;
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
