/**
 * A node joins real processes under load, and leaves again: nothing acknowledged is lost, no read is
 * stale, and the partitions lie evenly (DESIGN's promise of a membership that changes while it serves).
 *
 * Each key has one writer, which counts up and writes over what it wrote last. So a read is stale when
 * it shows less than was acknowledged before it began, and a write is lost when the end shows less.
 */
import assert from "node:assert/strict";
import type { ClusterConfig } from "../lib/dynamo/types/config.ts";
import type { RunningCluster } from "../nodes/cluster/launcher.ts";
import { until, withCluster } from "./live_cluster.ts";
import { type Answer, get, put } from "./rest_calls.ts";

const CONFIG: Partial<ClusterConfig> = {
  n: 3,
  r: 2,
  w: 2,
  partitions: 64,
  timeoutMs: 3_000,
  gossipIntervalMs: 200,
};
const WRITERS = 8;
const READERS = 6;
const KEYS_A_WRITER = 8;
/** Only primaries count: without failures R + W > N then promises the last acknowledged write. */
const STRICT = "sloppy=false";

/** What one key's writer knows. */
interface Counter {
  readonly key: string;
  tried: number;
  acknowledged: number;
  context: string | undefined;
}

interface Tally {
  puts: number;
  gets: number;
  refusedPuts: number;
  refusedGets: number;
  readonly stale: string[];
  readonly refusals: Map<string, number>;
}

/** The highest count among the siblings; 0 when there is nothing. */
function countIn({ status, text, json }: Answer): number {
  if (status === 404) return 0;
  if (status === 300) return Math.max(...json.siblings.map(({ value }) => Number(value)));
  return Number(text);
}

/** Null when the node ended before it answered. */
function sent(answer: Promise<Answer>): Promise<Answer | null> {
  return answer.catch((error) => {
    if (error instanceof TypeError) return null;
    throw error;
  });
}

class Load {
  readonly tally: Tally = {
    puts: 0,
    gets: 0,
    refusedPuts: 0,
    refusedGets: 0,
    stale: [],
    refusals: new Map(),
  };
  readonly counters: Counter[] = Array.from({ length: WRITERS * KEYS_A_WRITER }, (_, i) => ({
    key: `count-${i}`,
    tried: 0,
    acknowledged: 0,
    context: undefined,
  }));
  private isOver = false;
  private turn = 0;
  private readonly clients: Promise<void>[] = [];

  constructor(private readonly nodes: () => readonly string[]) {}

  start(): void {
    for (let writer = 0; writer < WRITERS; writer++) this.clients.push(this.write(writer));
    for (let reader = 0; reader < READERS; reader++) this.clients.push(this.read());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.clients);
  }

  /** Every node in turn, newcomers too. */
  private next(): string {
    const nodes = this.nodes();
    return nodes[this.turn++ % nodes.length] as string;
  }

  private async write(writer: number): Promise<void> {
    for (let i = writer; !this.isOver; i += WRITERS) {
      const counter = this.counters[i % this.counters.length] as Counter;
      const value = ++counter.tried;
      const { context } = counter;
      const options = context === undefined ? {} : { context };
      const node = this.next();
      const answer = await sent(put(node, counter.key, `${value}`, { ...options, query: STRICT }));
      this.tally.puts++;
      // It may surface all the same: what comes next is then its sibling, and counts higher.
      if (answer === null || answer.status !== 200) {
        this.tally.refusedPuts++;
        this.note(answer);
        continue;
      }
      counter.context = answer.json.context;
      counter.acknowledged = value;
    }
  }

  private async read(): Promise<void> {
    while (!this.isOver) {
      const counter = this.counters[this.turn * 7 % this.counters.length] as Counter;
      const { acknowledged } = counter;
      const answer = await sent(get(this.next(), counter.key, STRICT));
      this.tally.gets++;
      if (answer === null || (answer.status >= 400 && answer.status !== 404)) {
        this.tally.refusedGets++;
        this.note(answer);
      } else if (countIn(answer) < acknowledged) {
        const { key } = counter;
        this.tally.stale.push(`${key}: ${countIn(answer)} is read, ${acknowledged} was stored`);
      }
    }
  }

  private note(answer: Answer | null): void {
    const what = answer === null
      ? "no answer"
      : `${answer.json.type}: ${answer.json.detail}`.replace(/'count-\d+'/, "a key");
    this.tally.refusals.set(what, (this.tally.refusals.get(what) ?? 0) + 1);
  }

  /** Whatever was acknowledged is there: from every node, with R = 2. */
  async requireAll(): Promise<void> {
    for (const { key, acknowledged, tried } of this.counters) {
      const count = countIn(await get(this.next(), key, STRICT));
      assert.ok(count >= acknowledged, `${key}: ${count} is left, ${acknowledged} was stored`);
      assert.ok(count <= tried, `${key}: ${count} was never written`);
    }
  }
}

async function evenly(url: string): Promise<void> {
  const { tokens } = await (await fetch(`${url}/ring`)).json() as { tokens: { owner: string }[] };
  const counts = new Map<string, number>();
  for (const { owner } of tokens) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  const all = [...counts.values()];
  assert.ok(Math.max(...all) - Math.min(...all) <= 1, JSON.stringify([...counts]));
}

async function ended(cluster: RunningCluster): Promise<boolean> {
  return (await cluster.transfers()).left === 0;
}

Deno.test("a sixth node joins under load and leaves: no acknowledged write is lost, no read is stale", async () => {
  await withCluster({ nodes: 5, config: CONFIG }, async (cluster) => {
    const load = new Load(() => cluster.nodes.map(({ url }) => url));
    const url = cluster.node("n1").url;
    load.start();
    try {
      await until("every key is there", () => load.counters.every((each) => each.acknowledged > 2));
      const plan = await cluster.addNode();
      assert.equal(plan.comes, "n6");
      await until("all has moved to it", () => ended(cluster));
      await evenly(url);
      const beforeLeave = load.tally.puts;
      await until("it serves", () => load.tally.puts > beforeLeave + 300);
      const gone = await cluster.removeNode("n6");
      assert.equal(gone.act, "leave");
      await until("it has left", () => cluster.nodes.every(({ id }) => id !== "n6"));
      await until("all is where it was", () => ended(cluster));
      await evenly(url);
    } finally {
      await load.stop();
    }
    const { puts, gets, refusedPuts, refusedGets, stale, refusals } = load.tally;
    assert.deepEqual(stale, []);
    await load.requireAll();
    assert.ok(puts > 500 && gets > 500, `${puts} puts and ${gets} gets are no load`);
    const refused = (refusedPuts + refusedGets) / (puts + gets);
    assert.ok(refused < 0.01, `${refused} of all were refused: ${JSON.stringify([...refusals])}`);
  });
});
