/**
 * A node joins a cluster of real processes under load, and leaves again: no acknowledged write is lost,
 * no read is stale, and the partitions are balanced.
 *
 * Each key has one writer, which writes increasing numbers with its last context. So a read is stale if
 * it returns less than was acknowledged before it began, and a write is lost if the final value is less.
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
const KEYS_PER_WRITER = 8;
/** Only primaries count. Without failures, R + W > N then guarantees the last acknowledged write. */
const STRICT = "sloppy=false";

/** The state of one key's writer. */
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

/** The highest number among the siblings; 0 if there is none. */
function countIn({ status, text, json }: Answer): number {
  if (status === 404) return 0;
  if (status === 300) return Math.max(...json.siblings.map(({ value }) => Number(value)));
  return Number(text);
}

/** Null if the node ended before it answered. */
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
  readonly counters: Counter[] = Array.from({ length: WRITERS * KEYS_PER_WRITER }, (_, i) => ({
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

  /** Every node in turn, including new ones. */
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
      // The write may surface nevertheless. The next write is then its sibling, with a higher number.
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
        this.tally.stale.push(
          `${key}: ${countIn(answer)} read, ${acknowledged} acknowledged before`,
        );
      }
    }
  }

  private note(answer: Answer | null): void {
    const what = answer === null
      ? "no answer"
      : `${answer.json.type}: ${answer.json.detail}`.replace(/'count-\d+'/, "a key");
    this.tally.refusals.set(what, (this.tally.refusals.get(what) ?? 0) + 1);
  }

  /** Asserts that every acknowledged write is read with R = 2. */
  async requireAll(): Promise<void> {
    for (const { key, acknowledged, tried } of this.counters) {
      const count = countIn(await get(this.next(), key, STRICT));
      assert.ok(count >= acknowledged, `${key}: ${count} read, ${acknowledged} acknowledged`);
      assert.ok(count <= tried, `${key}: ${count} was never written`);
    }
  }
}

async function assertBalanced(url: string): Promise<void> {
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
      await until(
        "every key is stored",
        () => load.counters.every((each) => each.acknowledged > 2),
      );
      const plan = await cluster.addNode();
      assert.equal(plan.comes, "n6");
      await until("its ranges have moved to it", () => ended(cluster));
      await assertBalanced(url);
      const beforeLeave = load.tally.puts;
      await until("it serves requests", () => load.tally.puts > beforeLeave + 300);
      const gone = await cluster.removeNode("n6");
      assert.equal(gone.act, "leave");
      await until("it has left", () => cluster.nodes.every(({ id }) => id !== "n6"));
      await until("its ranges have moved back", () => ended(cluster));
      await assertBalanced(url);
    } finally {
      await load.stop();
    }
    const { puts, gets, refusedPuts, refusedGets, stale, refusals } = load.tally;
    assert.deepEqual(stale, []);
    await load.requireAll();
    assert.ok(puts > 500 && gets > 500, `too little load: ${puts} puts and ${gets} gets`);
    const refused = (refusedPuts + refusedGets) / (puts + gets);
    assert.ok(refused < 0.01, `share refused: ${refused}: ${JSON.stringify([...refusals])}`);
  });
});
