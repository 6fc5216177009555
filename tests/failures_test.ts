/**
 * Real processes with failures: fallbacks and hinted handoff, recovery of a wiped disk, partitions, and
 * anti-entropy. The tests check the disks of all nodes.
 */
import assert from "node:assert/strict";
import type { ClusterConfig } from "../lib/dynamo/types/config.ts";
import { ClusterView, contentsOf } from "../nodes/cluster/cluster_view.ts";
import type { LaunchOptions, RunningCluster } from "../nodes/cluster/launcher.ts";
import { until, withCluster } from "./live_cluster.ts";
import { assertProblem, get, put } from "./rest_calls.ts";

const CONFIG: Partial<ClusterConfig> = {
  n: 3,
  r: 2,
  w: 2,
  timeoutMs: 1_000,
  gossipIntervalMs: 200,
  handoffIntervalMs: 200,
  antiEntropyIntervalMs: 300,
};

async function withView(
  options: LaunchOptions,
  work: (cluster: RunningCluster, view: ClusterView) => Promise<void>,
): Promise<void> {
  await withCluster(options, async (cluster) => await work(cluster, await ClusterView.of(cluster)));
}

/** Whether all primaries of the key have the same record, and have one at all. */
async function areEqual(view: ClusterView, key: string): Promise<boolean> {
  const primaries = await view.primaries(key);
  const held = await Promise.all(primaries.map((id) => view.record(id, key)));
  const [first = "", ...others] = held.map(contentsOf);
  return first !== "" && others.every((each) => each === first);
}

/**
 * Whether `node` firmly believes that the others are down: phi is so high that a late heartbeat, passed
 * on by a third node, does not end the suspicion.
 */
async function believesDown(view: ClusterView, node: string, others: readonly string[]) {
  const { peers } = await view.status(node);
  // A missing phi is infinite.
  return others.every((id) => peers[id]?.up === false && (peers[id]?.phi ?? Infinity) > 8);
}

Deno.test("with two of three primaries killed, puts at W=2 leave hints, delivered after a restart", async () => {
  // Without anti-entropy and reads, only hints can bring the data back.
  const config = { ...CONFIG, antiEntropyIntervalMs: 0 };
  await withView({ nodes: 5, config }, async (cluster, view) => {
    const [keeper = "", ...dead] = await view.primaries("cart");
    const url = (id: string) => cluster.node(id).url;
    await Promise.all(dead.map((id) => cluster.kill(id)));

    const written = await put(url(keeper), "cart", "milk");
    assert.equal(written.status, 200, written.text);
    assert.ok(written.json.acks.includes(keeper) && written.json.acks.length >= 2, written.text);
    assert.ok(written.json.hints.length >= 1, written.text);
    for (const { holder, for: target } of written.json.hints) {
      assert.ok(written.json.acks.includes(holder) && dead.includes(target), written.text);
    }
    // Only one primary is up, so two cannot acknowledge.
    const strict = await put(url(keeper), "cart", "beer", { query: "sloppy=false" });
    assertProblem(strict, 503, /replica|quorum/i);
    assert.deepEqual([strict.json.needed, strict.json.got], [2, 1], strict.text);
    const primaries = await put(url(keeper), "cart", "wine", { query: "pw=2" });
    assertProblem(primaries, 503, /primar/i);
    assert.equal((await put(url(keeper), "cart", "bread", { query: "pw=1" })).status, 200);

    const fallbacks = cluster.nodes.filter(({ id }) => id !== keeper && !dead.includes(id));
    const hintTargets = async (): Promise<string[]> => {
      const held = await Promise.all(fallbacks.map(({ id }) => view.keys(id)));
      return held.flatMap(({ hints }) => hints)
        .flatMap((hint) => hint.key === "cart" ? hint.for : []).toSorted();
    };
    await until("each dead node has a hint", async () => (await hintTargets()).length === 2);
    assert.deepEqual(await hintTargets(), dead.toSorted());
    for (const { id } of fallbacks) {
      assert.deepEqual((await view.keys(id)).keys, [], "hints are listed separately");
      assert.equal((await view.record(id, "cart"))?.primary, false);
    }

    await Promise.all(dead.map((id) => cluster.restart(id)));
    await until("the hints are delivered", async () => await view.hints() === 0);
    for (const id of dead) {
      const delivered = await view.record(id, "cart");
      assert.equal(delivered?.primary, true);
      assert.equal(contentsOf(delivered), contentsOf(await view.record(keeper, "cart")));
    }
    for (const { id } of fallbacks) {
      assert.equal(await view.record(id, "cart"), null, "a delivered hint is deleted");
    }
    const text = await (await fetch(`${url(keeper)}/metrics`)).text();
    assert.match(text, /^dynamo_hints_for\{peer=.*\} 0$/m);
    assert.match(text, /^dynamo_phi\{peer=/m);
  });
});

Deno.test("a wiped disk recovers without client reads, and no dot is reused", async () => {
  await withView({ nodes: 4, config: CONFIG }, async (cluster, view) => {
    const wiped = "n3";
    const { url } = cluster.node(wiped);
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    for (const key of keys) assert.equal((await put(url, key, `${key} before`)).status, 200);
    await until("every replica has every key", async () => {
      const equal = await Promise.all(keys.map((key) => areEqual(view, key)));
      return equal.every((each) => each);
    });
    const before = await view.keys(wiped);
    assert.ok(before.keys.length > 10, `${before.keys.length} keys to lose`);
    const { dataId } = await view.status(wiped);

    await cluster.wipe(wiped);
    const fresh = (await view.status(wiped)).dataId;
    assert.notEqual(fresh, dataId);
    await until("the disk has recovered", async () => {
      const { keys } = await view.keys(wiped);
      return keys.length === before.keys.length;
    });
    assert.deepEqual((await view.keys(wiped)).keys.toSorted(), before.keys.toSorted());

    const own = before.keys[0] ?? "";
    const old = (await view.record(wiped, own))?.siblings.map(({ dot }) => dot) ?? [];
    const written = await put(url, own, "after");
    assert.equal(written.status, 200, written.text);
    assert.equal((written.json as { coordinator: string }).coordinator, wiped);
    const added = (await view.record(wiped, own))?.siblings
      .filter(({ dot }) => !old.some(([actor, count]) => actor === dot[0] && count === dot[1]));
    const [actor] = added?.[0]?.dot ?? [];
    assert.ok(actor?.startsWith(`${wiped}/${fresh}/`), `the new dot's actor is ${actor}`);
    assert.ok(old.every(([each]) => !each.includes(fresh)), "old dots have the old data id");
  });
});

Deno.test("both sides of a partition accept writes, and after healing all nodes have both", async () => {
  await withView({ nodes: 5, config: CONFIG, allowFaults: true }, async (cluster, view) => {
    const left = ["n1", "n2"];
    const right = ["n3", "n4", "n5"];
    const keys = Array.from({ length: 12 }, (_, i) => `cut-${i}`);
    for (const id of left) await cluster.setFaults(id, { partition: { nodes: right } });
    await until("each side believes that the other is down", async () => {
      const seen = [
        ...left.map((id) => believesDown(view, id, right)),
        ...right.map((id) => believesDown(view, id, left)),
      ];
      return (await Promise.all(seen)).every((each) => each);
    });
    for (const [i, key] of keys.entries()) {
      const west = await put(cluster.node(left[i % 2] ?? "").url, key, `${key} west`);
      assert.equal(west.status, 200, west.text);
      const east = await put(cluster.node(right[i % 3] ?? "").url, key, `${key} east`);
      assert.equal(east.status, 200, east.text);
      for (const [answer, side] of [[west, left], [east, right]] as const) {
        assert.ok(answer.json.acks.every((id) => side.includes(id)), answer.text);
      }
    }
    for (const id of left) await cluster.setFaults(id, null);
    await until("no hints are left", async () => await view.hints() === 0);
    await until("replicas are equal", async () => {
      const equal = await Promise.all(keys.map((key) => areEqual(view, key)));
      return equal.every((each) => each);
    });
    for (const [i, key] of keys.entries()) {
      const read = await get(cluster.nodes[i % 5]?.url ?? "", key);
      assert.equal(read.status, 300, read.text);
      const values = read.json.siblings.map(({ value }) => value).toSorted();
      assert.deepEqual(values, [`${key} east`, `${key} west`]);
    }
  });
});

Deno.test("a requested exchange finds the differing keys, and only those are sent", async () => {
  const config = { ...CONFIG, antiEntropyIntervalMs: 600_000, hintedHandoff: false };
  await withView({ nodes: 3, config, allowFaults: true }, async (cluster, view) => {
    const [one, two, three] = ["n1", "n2", "n3"] as const;
    const { url } = cluster.node(one);
    for (let i = 0; i < 200; i++) assert.equal((await put(url, `same-${i}`, "x")).status, 200);
    await until("the trees are built", async () => {
      const built = [one, two, three].map(async (id) => (await view.status(id)).antiEntropy.ready);
      return (await Promise.all(built)).every((each) => each);
    });
    // n3 misses some writes, because its incoming calls are dropped.
    await cluster.setFaults(three, { partition: { nodes: [one, two], direction: "in" } });
    for (let i = 0; i < 5; i++) assert.equal((await put(url, `new-${i}`, "y")).status, 200);
    assert.equal((await view.keys(three)).keys.length, 200);
    const before = await view.status(three);
    await cluster.setFaults(three, null);
    const { exchanges, unreachable } = await view.antiEntropy(three);
    assert.deepEqual(unreachable, []);
    assert.deepEqual(exchanges.map(({ completed }) => completed), [true, true]);
    const repaired = exchanges.map(({ keysRepaired }) => keysRepaired);
    assert.deepEqual(repaired, [5, 0], "the first peer had them all");
    assert.equal((await view.keys(three)).keys.length, 205);
    const after = await view.status(three);
    const calls = (name: string) =>
      (after.traffic[name]?.calls ?? 0) - (before.traffic[name]?.calls ?? 0);
    assert.equal(calls("replica.get/repair"), 5);
    assert.equal(after.counters["exchanges"], (before.counters["exchanges"] ?? 0) + 2);
    // Nothing differs any more, so nothing is repaired. A request for one key covers one range.
    const again = await view.antiEntropy(one, { key: "new-0" });
    assert.ok(
      again.exchanges.every(({ ranges, rangesDiffering, keysRepaired }) =>
        ranges === 1 && rangesDiffering === 0 && keysRepaired === 0
      ),
    );
  });
});

Deno.test("faults need --allow-faults, and an invalid fault is refused with the reason", async () => {
  await withCluster({ nodes: 2, config: { n: 2 } }, async (cluster) => {
    await assert.rejects(cluster.setFaults("n1", { drop: 1 }), /without --allow-faults/);
  });
  await withCluster({ nodes: 2, config: { n: 2 }, allowFaults: true }, async (cluster) => {
    await assert.rejects(
      cluster.setFaults("n1", { partition: { nodes: ["n9"] } }),
      /partition\.nodes must be one of n2: current value is 'n9'/,
    );
    await cluster.kill("n2");
    await assert.rejects(cluster.setFaults("n2", null), /Cannot set faults on node n2/);
  });
});
