import assert from "node:assert/strict";
import { join } from "node:path";
import { isAlive, statusOf, until, withCluster, withDirectory } from "../../tests/live_cluster.ts";
import { ClusterView } from "./cluster_view.ts";
import { type ChangePlan, launchCluster, LaunchError, type RunningCluster } from "./launcher.ts";

const KEYS = 60;

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function fill(cluster: RunningCluster): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const node = cluster.nodes[i % cluster.nodes.length];
    const stored = await fetch(`${node?.url}/kv/key-${i}`, { method: "PUT", body: `value ${i}` });
    const answer = await stored.text();
    assert.ok(stored.ok, `key-${i} is stored: ${stored.status} ${answer}`);
  }
}

/** Reads every value back, through all nodes in turn. */
async function requireAll(cluster: RunningCluster): Promise<void> {
  const running = cluster.nodes.filter(({ state }) => state === "running");
  for (let i = 0; i < KEYS; i++) {
    const answer = await fetch(`${running[i % running.length]?.url}/kv/key-${i}`);
    assert.equal(await answer.text(), `value ${i}`, `key-${i}`);
  }
}

async function untilMoved(cluster: RunningCluster): Promise<void> {
  await until("all data has moved", async () => {
    const { left, orphanedReplicas } = await cluster.transfers();
    return left === 0 && !orphanedReplicas;
  });
}

/** How many ranges each node owns, as node `id` reports the ring; every replica counts. */
async function heldBy(cluster: RunningCluster, id: string): Promise<Map<string, number>> {
  const ring = await (await fetch(`${cluster.node(id).url}/ring`)).json() as {
    ranges: { primaries: string[] }[];
  };
  const held = new Map<string, number>();
  for (const owner of ring.ranges.flatMap(({ primaries }) => primaries)) {
    held.set(owner, (held.get(owner) ?? 0) + 1);
  }
  return held;
}

function ids(cluster: RunningCluster): string[] {
  return cluster.nodes.map(({ id }) => id);
}

Deno.test("a sixth node joins after a plan, gets its share, and leaves again; nothing is lost", async () => {
  await withCluster({ nodes: 5, config: { partitions: 32 } }, async (cluster) => {
    await fill(cluster);
    const plan = await cluster.planChange({ kind: "add" });
    assert.deepEqual([plan.act, plan.comes, plan.goes], ["join", "n6", null]);
    assert.ok(plan.moves.length > 0 && plan.bytes >= 0);
    assert.equal(plan.balance.before["n6"]?.tokens ?? 0, 0);
    const after = Object.values(plan.balance.after).map(({ tokens }) => tokens);
    assert.ok(Math.max(...after) - Math.min(...after) <= 1, `tokens after it: ${after}`);
    assert.equal(cluster.nodes.length, 5, "a plan changes nothing");

    assert.deepEqual(await cluster.commitChange(plan.planId), plan);
    assert.deepEqual(ids(cluster), ["n1", "n2", "n3", "n4", "n5", "n6"]);
    const { members } = await cluster.transfers();
    assert.equal(members.find(({ id }) => id === "n6")?.memberStatus, "member");
    await untilMoved(cluster);
    assert.equal((await heldBy(cluster, "n1")).get("n6"), plan.balance.after["n6"]?.ranges);
    await requireAll(cluster);

    const { pid, data } = cluster.node("n6");
    const leave = await cluster.removeNode("n6");
    assert.deepEqual([leave.act, leave.comes, leave.goes], ["leave", null, "n6"]);
    await until(
      "n6 has left and its process has ended",
      async () => !ids(cluster).includes("n6") && !await isAlive(pid ?? 0),
    );
    await untilMoved(cluster);
    assert.equal((await heldBy(cluster, "n1")).has("n6"), false);
    await requireAll(cluster);
    assert.ok(exists(data), "its data is kept");
  });
});

Deno.test("a dead node is removed, another is replaced, and every key keeps N replicas", async () => {
  await withCluster({ nodes: 5, config: { partitions: 16 } }, async (cluster) => {
    await fill(cluster);
    await assert.rejects(cluster.replaceNode("n2"), (error) => {
      assert.ok(error instanceof LaunchError);
      assert.match(error.message, /replace node n2: .*it is running.*can leave instead/);
      return true;
    });
    await cluster.kill("n2");
    const removal = await cluster.removeNode("n2");
    assert.deepEqual([removal.act, removal.goes], ["remove", "n2"]);
    assert.deepEqual(ids(cluster), ["n1", "n3", "n4", "n5"]);
    await untilMoved(cluster);

    await cluster.kill("n3");
    const replaced = await cluster.replaceNode("n3");
    assert.deepEqual([replaced.act, replaced.comes, replaced.goes], ["replace", "n6", "n3"]);
    assert.deepEqual(ids(cluster), ["n1", "n4", "n5", "n6"]);
    await untilMoved(cluster);
    assert.equal(
      (await heldBy(cluster, "n1")).get("n6"),
      replaced.balance.before["n3"]?.ranges,
    );
    await requireAll(cluster);
    const view = await ClusterView.of(cluster);
    for (let i = 0; i < KEYS; i++) {
      for (const id of await view.primaries(`key-${i}`)) {
        assert.notEqual(await view.record(id, `key-${i}`), null, `${id} holds key-${i}`);
      }
    }
  });
});

/** Plans and commits a change at a node directly, as a person would do with curl. */
async function changeAt(cluster: RunningCluster, at: string, act: string, node: string) {
  const authorization = `Bearer ${(await Deno.readTextFile(cluster.secretFile)).trim()}`;
  const ask = async (body: unknown) => {
    const answer = await fetch(`${cluster.node(at).url}/membership/${act}`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: await answer.json() };
  };
  let planned = await ask({ plan: true, node });
  // The failure detector needs some time to notice that a node is dead.
  await until(`${at} plans to ${act} ${node}`, async () => {
    if (planned.status === 409) planned = await ask({ plan: true, node });
    return planned.status === 200;
  });
  const { status, json } = await ask({ planId: planned.json.planId });
  assert.equal(status, 200, json.detail);
}

Deno.test("the launcher learns of changes requested at a node: it ends and forgets nodes that are gone", async () => {
  await withDirectory(async (directory) => {
    const dataDir = join(directory, "kept");
    const options = { port: 0, nodes: 5, dataDir, config: { partitions: 16 } };
    const first = await launchCluster(options);
    try {
      await fill(first);
      const told: string[] = [];
      first.onChange(({ node: { id, state } }) => told.push(`${id} ${state}`));
      await changeAt(first, "n1", "leave", "n5");
      await until("n5 has ended", () => told.includes("n5 stopped"));
      assert.deepEqual(ids(first), ["n1", "n2", "n3", "n4"]);
      await assert.rejects(first.restart("n5"), /There is no node 'n5'/);

      await first.kill("n2");
      await changeAt(first, "n1", "remove", "n2");
      // n2 is reported twice: when it was killed, and when it was forgotten.
      const ends = ["n5 stopped", "n2 killed", "n2 killed"];
      await until("n2 is forgotten", () => told.length === ends.length);
      assert.deepEqual(told, ends);
      assert.deepEqual(ids(first), ["n1", "n3", "n4"]);
      await untilMoved(first);
      await requireAll(first);
    } finally {
      await first.close();
    }
    const second = await launchCluster({ dataDir });
    try {
      assert.deepEqual(ids(second), ["n1", "n3", "n4"], "nodes that are gone are not started");
      await requireAll(second);
    } finally {
      await second.close();
    }
  });
});

Deno.test("a cluster started again starts nodes that joined, but not nodes that are gone", async () => {
  await withDirectory(async (directory) => {
    const dataDir = join(directory, "kept");
    const first = await launchCluster({ port: 0, nodes: 4, dataDir, config: { partitions: 16 } });
    let urls: string[];
    try {
      await fill(first);
      await first.addNode();
      await untilMoved(first);
      await first.removeNode("n1");
      await until("n1 has left", () => !ids(first).includes("n1"));
      await untilMoved(first);
      urls = first.nodes.map(({ url }) => url);
    } finally {
      await first.close();
    }
    await assert.rejects(
      launchCluster({ port: 0, dataDir }),
      /port must be left out, as the membership has changed.*current value is 0/,
    );
    const second = await launchCluster({ dataDir });
    try {
      assert.deepEqual(ids(second), ["n2", "n3", "n4", "n5"]);
      assert.deepEqual(second.nodes.map(({ url }) => url), urls);
      const { members, left } = await second.transfers();
      assert.equal(left, 0);
      assert.deepEqual(
        members.map(({ id, memberStatus }) => `${id} ${memberStatus}`),
        ["n1 left", "n2 member", "n3 member", "n4 member", "n5 member"],
      );
      await requireAll(second);
      assert.equal((await second.addNode()).comes, "n6");
    } finally {
      await second.close();
    }
  });
});

Deno.test("a discarded plan leaves no process and no directory behind", async () => {
  await withCluster({ nodes: 3, config: { partitions: 8 } }, async (cluster) => {
    const plan = await cluster.planChange({ kind: "add" });
    const directory = join(cluster.dataDir, "n4");
    assert.ok(exists(directory));
    // A second plan reuses the process that waits already.
    const other = await cluster.planChange({ kind: "add", weight: 2 });
    assert.equal(other.comes, "n4");
    assert.ok(tokens(other) > tokens(plan));
    await cluster.discardChange(plan.planId);
    assert.ok(exists(directory), "the other plan still needs it");
    await cluster.discardChange(other.planId);
    assert.equal(exists(directory), false);
    await assert.rejects(cluster.commitChange(other.planId), /no plan '.*Make a new plan/);
    assert.deepEqual(ids(cluster), ["n1", "n2", "n3"]);

    // Closing the cluster also removes the directory of a plan that is still open.
    const last = await cluster.planChange({ kind: "add" });
    assert.equal(last.comes, "n4");
    await cluster.close();
    assert.equal(exists(cluster.dataDir), false);
  });
});

function tokens({ balance }: ChangePlan): number {
  return balance.after["n4"]?.tokens ?? 0;
}

Deno.test("an impossible change is refused by the launcher, or with the node's own message", async () => {
  await withCluster({ nodes: 2, config: { n: 2, partitions: 8 } }, async (cluster) => {
    await assert.rejects(cluster.removeNode("n9"), /no node 'n9': there are n1, n2/);
    await assert.rejects(
      cluster.removeNode("n1"),
      /Cannot let 'n1' leave as requests need 2 nodes/,
    );
    await cluster.pause("n2");
    await assert.rejects(cluster.removeNode("n2"), /remove node n2 while it is paused/);
    await assert.rejects(cluster.removeNode("n1"), /no other node is running/);
    await cluster.resume("n2");
    const plan = await cluster.planChange({ kind: "add" });
    await cluster.addNode();
    await assert.rejects(
      cluster.commitChange(plan.planId),
      /no plan .*another change, was committed/,
    );
    assert.equal(await statusOf(`${cluster.node("n3").url}/health`), 200);
  });
});
