/** Nodes that join, leave and are removed: real processes, operated by command line and REST. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import { launchCluster, type LaunchOptions, type RunningCluster } from "../cluster/launcher.ts";
import { refusal, start, type Started, withDirectory } from "./node_under_test.ts";
import { freePorts } from "./ports.ts";

interface TestCluster {
  readonly cluster: RunningCluster;
  /** Contains all files of the test, including the secret. */
  readonly directory: string;
  readonly secretFile: string;
  /** The URL of n1. */
  readonly first: string;
  /** The directory and the arguments to start a node that joins through n1. */
  joinArgs(id: string, ...more: readonly string[]): Promise<[directory: string, args: string[]]>;
  /** Sends a membership request to a node; default: n1. */
  order(path: string, body?: unknown, node?: string): Promise<Answer>;
  transfers(node: string): Promise<TransfersState>;
}

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, never>> & {
    readonly type: string;
    readonly detail: string;
    readonly planId: string;
    readonly act: { readonly kind: string; readonly member?: { readonly id: string } };
    readonly moves: readonly { readonly to: string | null }[];
    readonly keys: number;
    readonly bytes: number;
    readonly balance: {
      readonly before: Readonly<Record<string, { readonly tokens: number }>>;
      readonly after: Readonly<Record<string, { readonly tokens: number }>>;
    };
  };
}

const PARTITIONS = 32;
const BASE = { gossipIntervalMs: 100, partitions: PARTITIONS };

async function withCluster(
  options: LaunchOptions,
  work: (test: TestCluster) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    const cluster = await launchCluster({ port: 0, dataDir: `${directory}/cluster`, ...options });
    const { secretFile } = cluster;
    const first = cluster.node("n1").url;
    const secret = (await Deno.readTextFile(secretFile)).trim();
    const headers = { authorization: `Bearer ${secret}` };
    const ask = async (url: string, init: RequestInit): Promise<Answer> => {
      const response = await fetch(url, { ...init, headers });
      return { status: response.status, json: await response.json() };
    };
    try {
      await work({
        cluster,
        directory,
        secretFile,
        first,
        joinArgs: async (id, ...more) => {
          const dataDir = `${directory}/${id}`;
          await Deno.mkdir(dataDir, { recursive: true });
          const args = ["--id", id, "--join", first, "--secret-file", secretFile];
          return [directory, [...args, "--kv", `${dataDir}/node.sqlite3`, ...more]];
        },
        order: (path, body, node = first) =>
          ask(`${node}/membership/${path}`, { method: "POST", body: JSON.stringify(body) }),
        transfers: async (node) =>
          (await ask(`${node}/membership/transfers`, {})).json as unknown as TransfersState,
      });
    } finally {
      await cluster.close();
    }
  });
}

const PATIENCE_MS = 60_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    ok(performance.now() < deadline, `not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function statusOf(url: string): Promise<Record<string, unknown>> {
  return await (await fetch(`${url}/status`)).json();
}

async function fill(url: string, keys: number): Promise<void> {
  for (let i = 0; i < keys; i++) {
    const answer = await fetch(`${url}/kv/key-${i}`, { method: "PUT", body: `value ${i}` });
    await answer.body?.cancel();
    equal(answer.status, 200);
  }
}

async function readAll(url: string, keys: number): Promise<void> {
  for (let i = 0; i < keys; i++) {
    equal(await (await fetch(`${url}/kv/key-${i}`)).text(), `value ${i}`);
  }
}

/** Waits until all data is with its owners, in the view of every node. */
async function settled({ transfers }: TestCluster, urls: readonly string[]): Promise<void> {
  await until("no transfers are left", async () => {
    const views = await Promise.all(urls.map(transfers));
    return views.every(({ left, orphanedReplicas }) => left === 0 && !orphanedReplicas);
  });
}

function countedTokens(ring: { readonly tokens: readonly { readonly owner: string }[] }) {
  const counts: Record<string, number> = {};
  for (const { owner } of ring.tokens) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

async function ringOf(url: string) {
  return await (await fetch(`${url}/ring`)).json();
}

async function stopped(node: Started): Promise<string> {
  equal(await node.end("SIGTERM"), 0);
  return await node.stderr;
}

Deno.test("a node joins, restarts while the node it joined through is down, and leaves", async () => {
  await withCluster({ nodes: 3, config: { n: 2, r: 1, w: 2, ...BASE } }, async (test) => {
    const { cluster, first, joinArgs, order } = test;
    const urls = cluster.nodes.map(({ url }) => url);
    await fill(first, 60);
    const [home, args] = await joinArgs("n4", "--weight", "2", "--zone", "attic", "--port", "0");
    const node = await start(home, args);
    const { url } = node.ready;
    await settled(test, [...urls, url]);
    const before = await statusOf(url);
    equal(before["memberStatus"], "member");
    const members = before["members"] as { id: string; weight: number; zone?: string }[];
    const own = members.find(({ id }) => id === "n4");
    deepEqual([own?.weight, own?.zone], [2, "attic"]);
    ok(before["keys"] as number > 0, "it stores a part of the data");
    await readAll(url, 60);
    // With weight 2 it has two fifths of the tokens, in the view of every node.
    const tokens = countedTokens(await ringOf(url));
    deepEqual(countedTokens(await ringOf(first)), tokens);
    ok(Math.abs((tokens["n4"] ?? 0) - PARTITIONS * 2 / 5) <= 1, JSON.stringify(tokens));
    equal((await (await fetch(`${first}/ring/key-1`)).json()).ringVersion, before["ringVersion"]);
    match(await (await fetch(`${first}/metrics`)).text(), /^dynamo_peer_up\{peer="n4".*\} 1$/m);
    const stderr = await stopped(node);
    match(stderr, /joining the cluster of .* as 'n4' at .*: \d+ ranges change owners/);
    match(stderr, /'n4' is admitted/);

    // n1 is down and no port is given: the configuration and the port come from the disk.
    await cluster.stop("n1");
    const again = await start(home, args.slice(0, -2));
    equal(again.ready.url, url);
    equal((await statusOf(url))["memberStatus"], "member");
    await cluster.restart("n1");
    await settled(test, [...urls, url]);
    await readAll(url, 60);

    const { json: plan, status } = await order("leave", { plan: true, node: "n4" });
    equal(status, 200, plan.detail);
    equal(plan.balance.after["n4"], undefined);
    ok(plan.bytes > 0 && plan.keys > 0);
    equal((await order("leave", { planId: plan.planId })).status, 200);
    await until("n4 has left", async () => (await statusOf(url))["memberStatus"] === "left");
    await settled(test, urls);
    equal((await statusOf(url))["keys"], 0);
    await readAll(first, 60);
    const counts = Object.values(countedTokens(await ringOf(first)));
    ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
    match(await stopped(again), /using the stored configuration/);
  });
});

Deno.test("a joining node that is killed during its transfers finishes them after a restart", async () => {
  // One key at a time, so that the transfers take long enough.
  const slow = { transfersMax: 1, transferKeysMax: 1 };
  await withCluster({ nodes: 3, config: { n: 3, r: 2, w: 2, ...BASE, ...slow } }, async (test) => {
    const { cluster, first, joinArgs, transfers } = test;
    await fill(first, 200);
    const [home, args] = await joinArgs("n4", "--port", "0");
    const node = await start(home, args);
    const { url } = node.ready;
    await until("it has received some ranges but not all", async () => {
      const { left, moves } = await transfers(url);
      ok(left > 0, "the transfers ended before the node could be killed");
      const { counters } = await statusOf(url) as { counters: { rangesTaken: number } };
      return counters.rangesTaken > 2 && moves.some(({ phase }) => phase !== "waiting");
    });
    await node.end("SIGKILL");
    const again = await start(home, args);
    equal(again.ready.url, url, "its URL stays");
    await settled(test, [...cluster.nodes.map((each) => each.url), url]);
    const ring = await ringOf(first);
    const ranges = ring.ranges as { primaries: string[] }[];
    ok(ranges.some(({ primaries }) => primaries.includes("n4")));
    deepEqual((await ringOf(url)).ranges, ring.ranges);
    await readAll(url, 200);
    await stopped(again);
  });
});

Deno.test("a refused join gives the reason: another cluster, a taken id, no answer", async () => {
  await withCluster({ nodes: 3, config: { n: 3, r: 2, w: 2, ...BASE } }, async (test) => {
    const { directory, secretFile, first, joinArgs, order, cluster } = test;
    const refuse = async (act: string, body: object, reason: RegExp) => {
      const { status, json } = await order(act, { plan: true, ...body });
      deepEqual([status, json.type.split(":").at(-1)], [409, "act-refused"]);
      match(json.detail, reason);
    };
    const secret = ["--secret-file", secretFile];
    await Deno.mkdir(`${directory}/alone`);
    const alone = ["--id", "solo", "--port", "0", "--kv", `${directory}/alone/node.sqlite3`];
    const other = await start(directory, [...alone, "--cluster", "elsewhere", ...secret]);
    const name = cluster.initialConfig.config.cluster;
    const url = other.ready.url;
    await refuse(
      "join",
      { url },
      new RegExp(`cluster is 'elsewhere', this cluster's is '${name}'`),
    );
    await stopped(other);
    await Deno.writeTextFile(`${directory}/theirs`, "quite-another-secret");
    const theirs = ["--secret-file", `${directory}/theirs`];
    const foreign = await start(directory, [...alone, "--cluster", "elsewhere", ...theirs]);
    await refuse("join", { url: foreign.ready.url }, /does not accept this cluster's secret/);
    await stopped(foreign);
    const [port] = freePorts("127.0.0.1", 1);
    await refuse("join", { url: `http://127.0.0.1:${port}` }, /connection refused/);
    await refuse(
      "join",
      { url: cluster.node("n2").url },
      /a node with this id is a member already/,
    );
    await refuse("remove", { node: "n2" }, /Cannot remove 'n2' as it is alive/);
    await refuse(
      "leave",
      { node: "n9" },
      /Cannot let 'n9' leave as it is no member; members are n1, n2, n3/,
    );

    const [home, taken] = await joinArgs("n2", "--port", "0");
    const twin = await refusal(home, taken);
    equal(twin.code, 2);
    match(twin.stderr, /Cannot start 'n2': a node with this id is a member already and answers at/);
    const [, nameless] = await joinArgs("n8", "--port", "0", "--host", "0.0.0.0");
    match((await refusal(home, nameless)).stderr, /--url is required with --host 0\.0\.0\.0/);
    const { ranges } = await ringOf(first);
    ok(ranges.every(({ epoch }: { epoch: number }) => epoch === 1), "no range has changed");
  });
});

Deno.test("a dead node is removed, unless only it has its data, and cannot return with old data", async () => {
  const config = { n: 2, r: 1, w: 2, ...BASE };
  await withCluster({ nodes: 3, config }, async (test) => {
    const { cluster, first, joinArgs, order, secretFile, directory } = test;
    await fill(first, 40);
    const remove = (node: string) => order("remove", { plan: true, node });
    const down = (node: string) =>
      until(`${node} is believed down`, async () => {
        const { peers } = await statusOf(first) as { peers: Record<string, { up: boolean }> };
        return peers[node]?.up === false;
      });
    await cluster.kill("n3");
    await down("n3");
    const plan = await remove("n3");
    equal(plan.status, 200, plan.json.detail);
    equal((await order("remove", { planId: plan.json.planId })).status, 200);
    await settled(test, ["n1", "n2"].map((id) => cluster.node(id).url));
    await readAll(first, 40);

    // It cannot return with its old data, but can join with an empty disk.
    const initialConfig = ["--initial-config", `${directory}/cluster/cluster.json`];
    const data = ["--kv", `${directory}/cluster/n3/node.sqlite3`, "--secret-file", secretFile];
    const [home, args] = await joinArgs("n3", "--port", "0");
    const late = await refusal(directory, [
      ...args.slice(0, 6),
      "--port",
      "0",
      ...data.slice(0, 2),
    ]);
    equal(late.code, 2);
    match(late.stderr, /'n3' with this data: it was removed from the cluster/);
    const removed = await start(directory, ["--id", "n3", ...initialConfig, ...data]);
    await until(
      "it learns that it was removed",
      async () => (await statusOf(removed.ready.url))["memberStatus"] === "removed",
    );
    const refused = await fetch(`${removed.ready.url}/kv/key-1`);
    await refused.body?.cancel();
    equal(refused.status, 503);
    match(await stopped(removed), /'n3' was removed from the cluster and serves no requests/);
    const fresh = await start(home, args);
    await settled(test, [first, cluster.node("n2").url, fresh.ready.url]);
    await readAll(fresh.ready.url, 40);
    await stopped(fresh);
  });
  await withCluster({ nodes: 3, config: { n: 1, r: 1, w: 1, ...BASE } }, async (test) => {
    const { cluster, first, order } = test;
    await cluster.kill("n3");
    await until("n3 is believed down", async () => {
      const { peers } = await statusOf(first) as { peers: Record<string, { up: boolean }> };
      return peers["n3"]?.up === false;
    });
    const { status, json } = await order("remove", { plan: true, node: "n3" });
    equal(status, 409);
    match(json.detail, /Cannot remove 'n3' as it is the last owner of the data in \d+ ranges/);
  });
});

Deno.test("a node removed while all others had just restarted cannot return with its data", async () => {
  await withCluster({ nodes: 3, config: { n: 2, r: 1, w: 2, ...BASE } }, async (test) => {
    const { cluster, first, joinArgs, order, secretFile, directory } = test;
    await fill(first, 20);
    // No running node has heard from n3: only the membership knows the id of its data directory.
    for (const { id } of cluster.nodes) await cluster.stop(id);
    for (const id of ["n1", "n2"]) await cluster.restart(id);
    await until("n3 is believed down", async () => {
      const { peers } = await statusOf(first) as { peers: Record<string, { up: boolean }> };
      return peers["n3"]?.up === false;
    });
    const plan = await order("remove", { plan: true, node: "n3" });
    equal(plan.status, 200, plan.json.detail);
    equal((await order("remove", { planId: plan.json.planId })).status, 200);

    const data = ["--kv", `${directory}/cluster/n3/node.sqlite3`, "--secret-file", secretFile];
    const [, args] = await joinArgs("n3");
    const late = await refusal(directory, [...args.slice(0, 4), ...data, "--port", "0"]);
    equal(late.code, 2);
    match(late.stderr, /Cannot start 'n3' with this data: it was removed from the cluster/);
    // Started from the initial configuration, it does not know of its removal at first. A join is
    // refused too.
    const initialConfig = ["--initial-config", `${directory}/cluster/cluster.json`];
    const removed = await start(directory, ["--id", "n3", ...initialConfig, ...data]);
    const join = await order("join", { plan: true, url: removed.ready.url });
    equal(join.status, 409, join.json.detail);
    match(
      join.json.detail,
      /join with the data that it was removed with/,
    );
    await until(
      "it learns that it was removed",
      async () => (await statusOf(removed.ready.url))["memberStatus"] === "removed",
    );
    await stopped(removed);
  });
});

Deno.test("a commit is refused after another change; invalid requests get a reason", async () => {
  await withCluster({ nodes: 4, config: { n: 2, r: 1, w: 1, ...BASE } }, async (test) => {
    const { order, first } = test;
    const plan = async (node: string) => (await order("leave", { plan: true, node })).json.planId;
    const [late, early] = [await plan("n2"), await plan("n3")];
    equal((await order("leave", { planId: early })).status, 200);
    const moved = await order("leave", { planId: late });
    deepEqual([moved.status, moved.json.type.split(":").at(-1)], [409, "ring-moved"]);
    equal((await order("leave", { planId: late })).status, 404, "the plan is discarded");
    const refused = [
      ["leave", {}, /plan must be true, or planId must name a plan/],
      ["leave", { plan: true }, /node must be a member's id: current value is missing/],
      ["join", { plan: true, url: "n5" }, /url must be where the node listens/],
      ["join", { plan: true, url: first, weight: -1 }, /a weight must be a number above 0/],
      ["join", { plan: true, url: first, zone: "?" }, /a zone must be/],
      ["leave", { planId: 7 }, /planId must be the id of a plan: current value is 7/],
      ["leave", { planId: "x", node: "n2" }, /give planId alone/],
      ["leave", { plan: true, node: "n2", url: first }, /unknown field 'url'/],
    ] as const;
    for (const [act, body, reason] of refused) {
      const { status, json } = await order(act, body);
      equal(status, 400, json.detail);
      match(json.detail, reason);
    }
    const open = await fetch(`${first}/membership/transfers`);
    equal(open.status, 401);
    await open.body?.cancel();
  });
});
