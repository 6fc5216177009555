/** Sends a load’s requests through the client library, like programs of users would. */
import type { LoadPlan } from "../../../islands/models/api.ts";
import { DynamoClient } from "../../../lib/client/client.ts";
import type { LiveCluster } from "./live_cluster.ts";
import type { Send } from "./load_runs.ts";

/** A context is a few hundred bytes. */
const CONTEXTS_MAX = 100_000;

/** The client asks `any` nodes in turn, `partition-aware` a replica of the key, or the one named. */
export function clientSender(live: LiveCluster, plan: LoadPlan): Send {
  const nodes = live.summary().nodes;
  const running = nodes.filter((node) => node.state === "running");
  const named = nodes.filter((node) => node.id === plan.to);
  const chosen = named.length > 0 ? named : running.length > 0 ? running : nodes;
  const client = new DynamoClient({
    nodes: chosen.map((node) => node.url),
    routing: plan.to === "partition-aware" ? "partition-aware" : "any",
    rememberContexts: Math.min(plan.keyCount, CONTEXTS_MAX),
  });
  const read = plan.r === undefined ? {} : { r: plan.r };
  const written = plan.w === undefined ? {} : { w: plan.w };
  const races = new Races((key) => client.get(key));
  return async (operation, key, value) => {
    if (operation === "get") return (await client.get(key, read)).outcome;
    races.began(key);
    const { outcome } = await client.put(key, value, written);
    races.ended(key);
    return outcome;
  };
}

/**
 * Two puts of one key under way together leave two siblings, and neither's context covers the other's.
 * On hot keys they would pile up until the store refuses (as carts do whose client never reads, section
 * 4.4). So whoever raced is followed by a read, beside the measured requests, whose context the next
 * put of that key carries.
 */
class Races {
  readonly #underWay = new Map<string, { count: number; raced: boolean }>();
  readonly #reading = new Set<string>();

  constructor(private readonly read: (key: string) => Promise<unknown>) {}

  began(key: string): void {
    const puts = this.#underWay.get(key);
    if (puts === undefined) this.#underWay.set(key, { count: 1, raced: false });
    else {
      puts.count++;
      puts.raced = true;
    }
  }

  ended(key: string): void {
    const puts = this.#underWay.get(key);
    if (puts === undefined) return;
    puts.count--;
    if (puts.count === 0) this.#underWay.delete(key);
    if (!puts.raced || this.#reading.has(key)) return;
    this.#reading.add(key);
    void this.read(key).finally(() => this.#reading.delete(key));
  }
}
