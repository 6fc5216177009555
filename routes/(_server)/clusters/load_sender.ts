/** Sends a load's requests with the client library, as an application would. */
import type { LoadPlan } from "../../../islands/models/api.ts";
import { DynamoClient } from "../../../lib/client/client.ts";
import type { LiveCluster } from "./live_cluster.ts";
import type { Send } from "./load_runs.ts";

/** Limits memory: a context has a few hundred bytes. */
const CONTEXTS_MAX = 100_000;

/** Sends to all running nodes in turn, to replicas of the key, or to one node: see `plan.to`. */
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
  const puts = new ConcurrentPuts((key) => client.get(key));
  return async (operation, key, value) => {
    if (operation === "get") return (await client.get(key, read)).outcome;
    puts.started(key);
    const { outcome } = await client.put(key, value, written);
    puts.ended(key);
    return outcome;
  };
}

/**
 * Reads keys that had concurrent puts. Two concurrent puts of a key create two siblings, and the
 * context of neither covers the other. On hot keys siblings would accumulate until the store
 * refuses a put, as in a shopping cart whose client never reads (section 4.4). So after concurrent
 * puts the key is read, apart from the measured requests, and the next put of the key carries the
 * context of that read.
 */
class ConcurrentPuts {
  readonly #inFlight = new Map<string, { count: number; overlapped: boolean }>();
  readonly #reading = new Set<string>();

  constructor(private readonly read: (key: string) => Promise<unknown>) {}

  started(key: string): void {
    const puts = this.#inFlight.get(key);
    if (puts === undefined) this.#inFlight.set(key, { count: 1, overlapped: false });
    else {
      puts.count++;
      puts.overlapped = true;
    }
  }

  ended(key: string): void {
    const puts = this.#inFlight.get(key);
    if (puts === undefined) return;
    puts.count--;
    if (puts.count === 0) this.#inFlight.delete(key);
    if (!puts.overlapped || this.#reading.has(key)) return;
    this.#reading.add(key);
    void this.read(key).finally(() => this.#reading.delete(key));
  }
}
