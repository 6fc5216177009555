/**
 * Counters on a cluster whose membership changes under them: with R + W > N and primaries alone, no
 * read may be older than what was acknowledged before it began, and no acknowledged write may be lost.
 */
import assert from "node:assert/strict";
import { until, withCluster } from "../tests/live_cluster.ts";
import { ClusterView, contentsOf } from "./cluster_view.ts";
import type { RunningCluster } from "./launcher.ts";

const WRITERS = 6;
const KEYS_PER_WRITER = 2;
const READERS = 4;
const ROUNDS = 2;
const STRICT = "sloppy=false&timeoutMs=5000";

/** What a read saw: the highest of the siblings. */
interface Seen {
  readonly count: number;
  readonly context: string;
}

/** Each key has one writer, so that what it must hold is known; everybody reads. */
class Counters {
  private readonly acknowledged = new Map<string, number>();
  private readonly working: Promise<void>[] = [];
  private isOver = false;
  private turn = 0;
  readonly stale: string[] = [];
  readonly failures: string[] = [];
  writes = 0;
  reads = 0;

  constructor(private readonly cluster: RunningCluster) {
    for (let writer = 0; writer < WRITERS; writer++) this.working.push(this.write(writer));
    for (let reader = 0; reader < READERS; reader++) this.working.push(this.read(reader));
  }

  get keys(): string[] {
    return Array.from({ length: WRITERS * KEYS_PER_WRITER }, (_, i) => `counter-${i}`);
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.working);
  }

  /** Reads the key, and holds what comes against what was acknowledged before. */
  async look(key: string, r: number): Promise<Seen | null> {
    const least = this.acknowledged.get(key) ?? 0;
    const place = this.place();
    const answer = await this.ask(place, `/kv/${key}?r=${r}&${STRICT}`, {
      headers: { accept: "application/json" },
    });
    if (answer === null) return null;
    const { status, json: { siblings = [], context } } = answer;
    if (status >= 400 && status !== 404) {
      this.failures.push(`read of ${key} at ${place}: ${status} ${answer.json.detail}`);
      return null;
    }
    this.reads++;
    const count = Math.max(0, ...siblings.map(({ value }) => Number(value)));
    if (count < least) this.stale.push(`${key} at ${place}: ${count}, acknowledged was ${least}`);
    return { count, context };
  }

  private async write(writer: number): Promise<void> {
    for (let i = 0; !this.isOver; i++) {
      const key = `counter-${writer * KEYS_PER_WRITER + i % KEYS_PER_WRITER}`;
      const seen = await this.look(key, 2);
      if (seen === null) continue;
      const place = this.place();
      const answer = await this.ask(place, `/kv/${key}?w=2&${STRICT}`, {
        method: "PUT",
        body: `${seen.count + 1}`,
        headers: seen.context ? { "x-dynamo-context": seen.context } : {},
      });
      if (answer?.status === 200) {
        this.acknowledged.set(key, seen.count + 1);
        this.writes++;
      } else if (answer !== null) {
        this.failures.push(`write of ${key} at ${place}: ${answer.status} ${answer.json.detail}`);
      }
    }
  }

  private async read(reader: number): Promise<void> {
    const { keys } = this;
    for (let i = reader; !this.isOver; i += READERS) {
      await this.look(keys[i % keys.length] ?? "", 2);
    }
  }

  /** One node after the other, also those that come and go. */
  private place(): string {
    const running = this.cluster.nodes.filter(({ state }) => state === "running");
    return running[this.turn++ % running.length]?.id ?? "n1";
  }

  /** Null when the node is gone, as one may be that was told to leave. */
  private async ask(id: string, path: string, init: RequestInit) {
    const url = this.cluster.nodes.find((node) => node.id === id)?.url;
    try {
      const response = await fetch(`${url}${path}`, init);
      const json = await response.json() as {
        readonly siblings?: readonly { readonly value: string }[];
        readonly context: string;
        readonly detail?: string;
      };
      return { status: response.status, json };
    } catch (error) {
      const isLeaver = !["n1", "n2", "n3", "n4"].includes(id);
      if (!isLeaver) this.failures.push(`${id} ${path}: ${(error as Error).message}`);
      return null;
    }
  }
}

async function untilMoved(cluster: RunningCluster): Promise<void> {
  await until("everybody holds what it should", async () => {
    const { left, leftovers } = await cluster.transfers();
    return left === 0 && !leftovers;
  });
}

/** Tokens of each node, in every node's view. */
async function tokensOf(cluster: RunningCluster): Promise<number[]> {
  const rings = await Promise.all(cluster.nodes.map(async ({ url }) => {
    return await (await fetch(`${url}/ring`)).json() as {
      ringVersion: string;
      tokens: { owner: string }[];
    };
  }));
  assert.equal(new Set(rings.map(({ ringVersion }) => ringVersion)).size, 1, "all agree");
  const counts = new Map<string, number>();
  for (const { owner } of rings[0]?.tokens ?? []) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return [...counts.values()];
}

/** What counts as a slow disk, ms: it decides how much the moves yield to the clients. */
for (const [disk, storageSlowMs] of [["idle", 5_000], ["busy", 1]] as const) {
  Deno.test(`while a node joins and leaves, disks being ${disk}, nothing is stale or lost`, async () => {
    await changeUnderLoad(storageSlowMs);
  });
}

async function changeUnderLoad(storageSlowMs: number): Promise<void> {
  const config = { n: 3, r: 2, w: 2, partitions: 16, gossipIntervalMs: 100, storageSlowMs };
  // The slower a write is to arrive everywhere, the more it matters who is asked next.
  await withCluster(
    { nodes: 4, config, latency: "W=uniform(0,100);A,R,S=0;other=10" },
    async (cluster) => {
      const counters = new Counters(cluster);
      await until("every counter counts", () => counters.writes > 4 * counters.keys.length);
      for (let round = 0; round < ROUNDS; round++) {
        const { comes } = await cluster.addNode();
        await untilMoved(cluster);
        assert.deepEqual((await tokensOf(cluster)).toSorted(), [3, 3, 3, 3, 4]);
        await cluster.removeNode(comes ?? "");
        await until("it has left", () => cluster.nodes.length === 4);
        await untilMoved(cluster);
        assert.deepEqual(await tokensOf(cluster), [4, 4, 4, 4]);
      }
      await counters.stop();
      assert.deepEqual(counters.stale, []);
      assert.deepEqual(counters.failures, []);
      // Nothing is left to come: every replica holds the same, and it is what was acknowledged.
      for (const key of counters.keys) await counters.look(key, 3);
      assert.deepEqual(counters.stale, []);
      const view = await ClusterView.of(cluster);
      for (const key of counters.keys) {
        await until(`the replicas of ${key} are equal`, async () => {
          const primaries = await view.primaries(key);
          const held = await Promise.all(primaries.map((id) => view.record(id, key)));
          return primaries.length === 3 && new Set(held.map(contentsOf)).size === 1;
        });
      }
    },
  );
}
