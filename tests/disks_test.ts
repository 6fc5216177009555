/**
 * Real processes with replaced and restored disks: acknowledged keys are never reported absent, and in
 * the end every node counts for reads again.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RecoveryState } from "../lib/dynamo/types/boot.ts";
import type { ClusterConfig } from "../lib/dynamo/types/config.ts";
import { ClusterView, contentsOf } from "../nodes/cluster/cluster_view.ts";
import type { RunningCluster } from "../nodes/cluster/launcher.ts";
import { until, withCluster, withDirectory } from "./live_cluster.ts";
import { call, get, put } from "./rest_calls.ts";

const CONFIG: Partial<ClusterConfig> = {
  n: 3,
  r: 2,
  w: 2,
  timeoutMs: 1_000,
  partitions: 32,
  gossipIntervalMs: 100,
  handoffIntervalMs: 200,
  antiEntropyIntervalMs: 300,
};
const STRICT = "r=2&sloppy=false";
/** The time limit for recovery after the last node is back, in ms. */
const RECOVERED_MS = 15_000;

interface Status {
  readonly dataId: string;
  readonly recovery: RecoveryState;
  readonly peers: Readonly<Record<string, { readonly up: boolean }>>;
  readonly members: readonly { readonly id: string; readonly dataId?: string }[];
}

async function statusOf(cluster: RunningCluster, id: string): Promise<Status> {
  return await (await fetch(`${cluster.node(id).url}/status`)).json();
}

async function fill(cluster: RunningCluster, id: string, keys: readonly string[]): Promise<void> {
  const { url } = cluster.node(id);
  for (const key of keys) {
    const written = await put(url, key, `${key} kept`, { query: "w=2&sloppy=false" });
    assert.equal(written.status, 200, written.text);
  }
}

function named(count: number, prefix = "key"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
}

/** Continuously reads acknowledged keys at every running node. None may be reported absent. */
class Reader {
  readonly absences: string[] = [];
  answers = 0;
  refusals = 0;
  private isOver = false;
  private readonly reading: Promise<void>;

  constructor(private readonly cluster: RunningCluster, private readonly keys: readonly string[]) {
    this.reading = this.read();
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.reading;
    assert.deepEqual(this.absences, []);
    assert.ok(this.answers > 0, "at least one read must succeed");
  }

  private async read(): Promise<void> {
    for (let i = 0; !this.isOver; i++) {
      const key = this.keys[i % this.keys.length] as string;
      const running = this.cluster.nodes.filter(({ state }) => state === "running");
      await Promise.all(running.map(async ({ id, url }) => {
        // A node that is stopped meanwhile does not answer.
        const answer = await get(url, key, STRICT).catch(() => null);
        if (answer === null) return;
        if (answer.status === 404) this.absences.push(`${key} at ${id}: ${answer.text}`);
        if (answer.status === 503) this.refusals++;
        if (answer.status === 200) this.answers++;
      }));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Waits until every node answers every key, at most {@link RECOVERED_MS}. */
async function allReadable(cluster: RunningCluster, keys: readonly string[]): Promise<void> {
  const deadline = performance.now() + RECOVERED_MS;
  for (const { id, url } of cluster.nodes) {
    for (const key of keys) {
      for (;;) {
        const answer = await get(url, key, STRICT);
        assert.notEqual(answer.status, 404, `${key} at ${id}`);
        if (answer.status === 200) {
          assert.equal(answer.text, `${key} kept`);
          break;
        }
        assert.ok(performance.now() < deadline, `${key} at ${id}: ${answer.text}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

async function allSettled(cluster: RunningCluster): Promise<void> {
  await until("every node has recovered", async () => {
    const all = await Promise.all(cluster.nodes.map(({ id }) => statusOf(cluster, id)));
    return all.every(({ recovery }) => recovery.status === "settled");
  });
}

Deno.test("a new cluster knows the ids of its data directories, and no node needs recovery", async () => {
  await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
    const initialConfig = JSON.parse(
      await Deno.readTextFile(join(cluster.dataDir, "cluster.json")),
    );
    for (const [i, { id, data }] of cluster.nodes.entries()) {
      const { dataId, recovery } = await statusOf(cluster, id);
      assert.equal(initialConfig.members[i].dataId, dataId);
      assert.deepEqual(recovery, { status: "settled", cause: null, ranges: 0, waitingFor: [] });
      const names = [...Deno.readDirSync(data)].map(({ name }) => name);
      assert.ok(!names.includes("identity.json"), "the assigned identity has been used");
    }
  });
});

Deno.test("a node with a replaced disk that starts first and alone hides no acknowledged write", async () => {
  await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
    const keys = named(60);
    await fill(cluster, "n1", keys);
    const { dataId } = await statusOf(cluster, "n3");
    await Promise.all(cluster.nodes.map(({ id }) => cluster.kill(id)));

    const reader = new Reader(cluster, keys);
    await cluster.wipe("n3");
    const alone = await statusOf(cluster, "n3");
    assert.notEqual(alone.dataId, dataId);
    assert.equal(alone.recovery.status, "recovering");
    assert.equal(alone.recovery.cause, "replaced");
    assert.deepEqual(alone.recovery.waitingFor, ["n1", "n2"]);
    const refused = await get(cluster.node("n3").url, "key-0", STRICT);
    assert.equal(refused.status, 503, refused.text);
    assert.match(refused.json.detail, /disk of n3 was replaced.*copied from n1, n2/);

    await cluster.restart("n1");
    // n3 must merge from both n1 and n2, so reads must still wait for n2.
    await until("n3 waits for n2 alone", async () => {
      const { recovery } = await statusOf(cluster, "n3");
      return recovery.waitingFor.join() === "n2";
    });
    await cluster.restart("n2");
    await allReadable(cluster, keys);
    await allSettled(cluster);
    await reader.end();
    const { members } = await statusOf(cluster, "n1");
    const registered = members.find(({ id }) => id === "n3")?.dataId;
    assert.equal(registered, alone.dataId, "the membership has the new data id");
  });
});

/** The `node-down` events of a node about a peer, until `during` resolves. */
async function downs(url: string, peer: string, during: Promise<unknown>): Promise<string[]> {
  const aborter = new AbortController();
  const heard: string[] = [];
  const stream = await fetch(`${url}/events`, { signal: aborter.signal });
  const reading = (async () => {
    const body = stream.body?.pipeThrough(new TextDecoderStream());
    let text = "";
    for await (const chunk of body ?? []) {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      heard.push(...lines.filter((line) => line.startsWith("data:")));
    }
  })().catch(() => {});
  await during;
  aborter.abort();
  await reading;
  return heard.filter((line) => {
    const { type, peer: about } = JSON.parse(line.slice("data:".length));
    return type === "node-down" && about === peer;
  });
}

Deno.test("a node that was wiped after several starts is not suspected", async () => {
  await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
    for (let i = 0; i < 3; i++) await cluster.restart("n2");
    await cluster.wipe("n2");
    await cluster.restart("n2");
    const others = ["n1", "n3"];
    await until("the others believe that it is up", async () => {
      const all = await Promise.all(others.map((id) => statusOf(cluster, id)));
      return all.every(({ peers }) => peers["n2"]?.up === true);
    });
    const intervals = new Promise((resolve) => setTimeout(resolve, 20 * 100));
    const heard = await Promise.all(
      others.map((id) => downs(cluster.node(id).url, "n2", intervals)),
    );
    assert.deepEqual(heard, [[], []]);
    const secret = (await Deno.readTextFile(cluster.secretFile)).trim();
    const removal = await call(`${cluster.node("n1").url}/membership/remove`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ plan: true, node: "n2" }),
    });
    assert.equal(removal.status, 409, removal.text);
    assert.match(removal.json.detail, /Cannot remove 'n2' as it is alive/);
    await allSettled(cluster);
  });
});

async function copyDirectory(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(join(from, name), join(to, name));
  }
}

Deno.test("an older copy of a disk does not count for reads until it has recovered", async () => {
  await withDirectory(async (elsewhere) => {
    await withCluster({ nodes: 3, config: CONFIG }, async (cluster) => {
      const view = await ClusterView.of(cluster);
      const [early, late] = [named(20, "early"), named(40, "late")];
      const keys = [...early, ...late];
      const { data } = cluster.node("n1");
      const backup = join(elsewhere, "backup");
      await fill(cluster, "n1", early);
      await cluster.stop("n1");
      await copyDirectory(data, backup);
      await cluster.restart("n1");
      await allSettled(cluster);
      await fill(cluster, "n1", late);
      // The others learn by gossip how much n1 has written since this start.
      await until("the others have all keys of n1", async () => {
        const held = await Promise.all(["n2", "n3"].map((id) => view.keys(id)));
        return held.every((each) => each.keys.length === keys.length);
      });
      await cluster.stop("n1");
      await Deno.remove(data, { recursive: true });
      await copyDirectory(backup, data);

      const reader = new Reader(cluster, keys);
      // While n2 is paused, n1 cannot complete its recovery, so its state can be checked.
      await cluster.pause("n2");
      await cluster.restart("n1");
      await until("n1 waits for n2", async () => {
        const { status, cause, waitingFor } = (await statusOf(cluster, "n1")).recovery;
        return status === "recovering" && cause === "restored" && waitingFor.join() === "n2";
      });
      const refused = await get(cluster.node("n1").url, "late-0", STRICT);
      assert.equal(refused.status, 503, refused.text);
      await cluster.resume("n2");
      await allReadable(cluster, keys);
      await allSettled(cluster);
      await reader.end();
      for (const key of keys) {
        const held = await Promise.all(["n1", "n2"].map((id) => view.record(id, key)));
        assert.notEqual(held[0], null, `n1 has ${key} again`);
        assert.equal(contentsOf(held[0] ?? null), contentsOf(held[1] ?? null));
      }
    });
  });
});

/** Removes the data ids, as in a configuration that was written by hand. */
async function removeDataIds(dataDir: string): Promise<void> {
  const path = join(dataDir, "cluster.json");
  const initialConfig = JSON.parse(await Deno.readTextFile(path));
  const members = initialConfig.members.map(({ dataId: _, ...member }: { dataId: string }) =>
    member
  );
  await Deno.writeTextFile(path, JSON.stringify({ ...initialConfig, members }));
}

async function directoriesKnown(cluster: RunningCluster): Promise<void> {
  await until("every node knows every data id", async () => {
    const all = await Promise.all(cluster.nodes.map(({ id }) => statusOf(cluster, id)));
    return all.every(({ members }) => all.every(({ dataId }, i) => members[i]?.dataId === dataId));
  });
}

Deno.test("without data ids in the configuration, empty directories count at once and get registered", async () => {
  await withDirectory(async (directory) => {
    const dataDir = join(directory, "cluster");
    const options = { nodes: 3, config: CONFIG, dataDir };
    await withCluster(options, () => Promise.resolve());
    await removeDataIds(dataDir);
    for (const id of ["n1", "n2", "n3"]) {
      await Deno.remove(join(dataDir, id, "node.sqlite3"));
    }
    await withCluster(options, async (cluster) => {
      await allSettled(cluster);
      await directoriesKnown(cluster);
      await fill(cluster, "n1", named(5));
    });
    await withCluster(options, (cluster) => allReadable(cluster, named(5)));
  });
});
