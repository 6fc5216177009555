import assert from "node:assert/strict";
import { join } from "node:path";
import {
  isAlive,
  processState,
  statusOf,
  until,
  withCluster,
  withDirectory,
} from "../../tests/live_cluster.ts";
import { freePorts } from "../process/ports.ts";
import { launchCluster, LaunchError, type LaunchOptions, type NodeChange } from "./launcher.ts";
import { NodeChild } from "./node_process.ts";

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, message);
    return true;
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("a cluster starts, serves on every node, and leaves nothing behind", async () => {
  const cluster = await launchCluster({ nodes: 3, port: 0 });
  const pids = cluster.nodes.map((node) => node.pid ?? 0);
  assert.deepEqual(cluster.nodes.map((node) => node.id), ["n1", "n2", "n3"]);
  assert.equal(new Set(pids).size, 3);
  for (const node of cluster.nodes) {
    assert.equal(node.state, "running");
    assert.equal(await statusOf(`${node.url}/health`), 200);
  }
  assert.equal((Deno.statSync(cluster.secretFile).mode ?? 0) & 0o777, 0o600);
  await Promise.all([cluster.close(), cluster.close()]);
  await cluster.close();
  for (const pid of pids) assert.equal(await isAlive(pid), false);
  assert.equal(exists(cluster.dataDir), false);
});

Deno.test("kill, stop, restart, pause, resume and wipe act on the node's process", async () => {
  await withCluster({ nodes: 3 }, async (cluster) => {
    const changes: string[] = [];
    const unsubscribe = cluster.onChange(({ node, before }: NodeChange) => {
      changes.push(`${node.id} ${before} ${node.state}`);
    });
    const { url, pid, data } = cluster.node("n2");

    await cluster.kill("n2");
    assert.equal(cluster.node("n2").state, "killed");
    assert.equal(cluster.node("n2").exit?.signal, "SIGKILL");
    assert.equal(cluster.node("n2").pid, null);
    assert.equal(await isAlive(pid ?? 0), false);
    await cluster.restart("n2");
    assert.equal(cluster.node("n2").url, url);
    assert.notEqual(cluster.node("n2").pid, pid);
    assert.equal(await statusOf(`${url}/health`), 200);

    await cluster.stop("n2");
    assert.equal(cluster.node("n2").state, "stopped");
    assert.equal(cluster.node("n2").exit?.code, 0);
    await cluster.restart("n2");

    await cluster.pause("n2");
    const paused = cluster.node("n2").pid ?? 0;
    await until("the paused process is stopped", async () => await processState(paused) === "T");
    await cluster.resume("n2");
    assert.equal(await statusOf(`${url}/health`), 200);
    assert.equal(cluster.node("n2").pid, paused);

    Deno.writeTextFileSync(join(data, "mark"), "on the old disk");
    await cluster.wipe("n2");
    assert.equal(exists(join(data, "mark")), false);
    assert.equal(await statusOf(`${url}/health`), 200);

    unsubscribe();
    assert.deepEqual(changes, [
      "n2 running killed",
      "n2 killed starting",
      "n2 starting running",
      "n2 running stopped",
      "n2 stopped starting",
      "n2 starting running",
      "n2 running paused",
      "n2 paused running",
      "n2 running stopped",
      "n2 stopped starting",
      "n2 starting running",
    ]);
  });
});

Deno.test("an action that a node's state does not allow is refused, naming the state", async () => {
  await withCluster({ nodes: 1, config: { r: 1, w: 1 } }, async (cluster) => {
    await assert.rejects(cluster.resume("n1"), refused(/resume node n1: .*paused.*it is running/));
    await cluster.pause("n1");
    await assert.rejects(cluster.pause("n1"), refused(/pause node n1: .*running.*it is paused/));
    await assert.rejects(cluster.stop("n1"), refused(/stop node n1: .*running.*it is paused/));
    await cluster.kill("n1");
    await assert.rejects(cluster.kill("n1"), refused(/kill node n1: .*it is killed/));
    await assert.rejects(cluster.kill("n9"), refused(/no node 'n9'.*there are n1/));
    const restart = cluster.restart("n1");
    await assert.rejects(cluster.wipe("n1"), refused(/wipe node n1: its restart is in progress/));
    await restart;
  });
});

Deno.test("a node that ends by itself is reported as crashed, with its exit", async () => {
  await withCluster({ nodes: 2 }, async (cluster) => {
    const seen = Promise.withResolvers<NodeChange>();
    cluster.onChange(seen.resolve);
    Deno.kill(cluster.node("n1").pid ?? 0, "SIGKILL");
    const { node, before } = await seen.promise;
    assert.equal(before, "running");
    assert.equal(node.state, "crashed");
    assert.equal(node.exit?.signal, "SIGKILL");
    await cluster.restart("n1");
    assert.equal(cluster.node("n1").state, "running");
  });
});

Deno.test("a cluster closes while a node is paused and another restarts", async () => {
  const cluster = await launchCluster({ nodes: 2, port: 0 });
  const pids = cluster.nodes.map((node) => node.pid ?? 0);
  await cluster.pause("n1");
  const restart = cluster.restart("n2");
  await Promise.all([
    cluster.close(),
    // The restart may succeed or fail, but no process may be left.
    restart.catch((error) => assert.ok(error instanceof LaunchError)),
  ]);
  for (const pid of pids) assert.equal(await isAlive(pid), false);
  assert.deepEqual(cluster.nodes.map((node) => node.pid), [null, null]);
  await assert.rejects(cluster.restart("n1"), refused(/its cluster is closed/));
});

Deno.test("a directory always gives the same cluster; another N, mode or size is refused", async () => {
  await withDirectory(async (dataDir) => {
    const again = (options: LaunchOptions) => launchCluster({ port: 0, dataDir, ...options });
    const first = await again({
      nodes: 3,
      config: { timeoutMs: 1_000, partitioning: "random-tokens" },
      zones: ["a", "b", "c"],
    });
    const secret = await Deno.readTextFile(first.secretFile);
    await assert.rejects(
      again({}),
      refused(new RegExp(`launcher with pid ${Deno.pid} is running`)),
    );
    await first.close();

    for (
      const [options, message] of [
        [{ config: { n: 2 } }, /created with n 3.*current value is n 2/],
        [{ config: { mode: "lww" } }, /created with mode dvv.*current value is mode lww/],
        [{ config: { partitioning: "equal-partitions" } }, /partitioning random-tokens/],
        [{ nodes: 4 }, /created with nodes 3.*current value is nodes 4/],
        [{ zones: ["a", "a", "c"] }, /created with zones a,b,c.*current value is zones a,a,c/],
        [{ seed: 1 }, /seed another.*current value is seed 1/],
      ] satisfies [LaunchOptions, RegExp][]
    ) {
      await assert.rejects(again(options), refused(message));
    }

    const second = await again({ nodes: 3, config: { r: 1 } });
    try {
      assert.deepEqual(second.initialConfig.ring, first.initialConfig.ring);
      assert.equal(second.id, first.id);
      assert.equal(second.initialConfig.config.r, 1);
      assert.equal(second.initialConfig.config.timeoutMs, 1_000);
      assert.equal(await Deno.readTextFile(second.secretFile), secret);
      assert.equal(second.reopened, true);
      assert.deepEqual(
        second.moved.map(({ id, to }) => [id, to]),
        second.nodes.filter(({ id, url }) => first.node(id).url !== url).map((n) => [n.id, n.url]),
      );
    } finally {
      await second.close();
    }
  });
});

Deno.test("a seed always gives the same ring", async () => {
  const rings: string[] = [];
  for (const _ of [1, 2]) {
    await withCluster(
      { nodes: 1, config: { partitions: 8, n: 1, r: 1, w: 1 }, seed: 42 },
      (cluster) => {
        rings.push(JSON.stringify(cluster.initialConfig.ring));
        return Promise.resolve();
      },
    );
  }
  assert.equal(rings[0], rings[1]);
});

Deno.test("a taken port and the process that uses it are named before anything starts", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    await withDirectory(async (directory) => {
      const dataDir = join(directory, "new");
      const { port } = listener.addr;
      await assert.rejects(
        launchCluster({ nodes: 3, port: port - 1, dataDir }),
        refused(new RegExp(`port ${port} is taken by pid ${Deno.pid} `)),
      );
      assert.equal(exists(join(dataDir, "cluster.json")), false);
    });
  } finally {
    listener.close();
  }
});

Deno.test("if a node cannot start, the others end and the error says why", async () => {
  await withDirectory(async (dataDir) => {
    // A directory where the database file should be.
    const mine = join(dataDir, "mine");
    const first = await launchCluster({ nodes: 2, port: 0, dataDir: mine });
    await first.close();
    Deno.removeSync(join(mine, "n2"), { recursive: true });
    Deno.mkdirSync(join(mine, "n2", "node.sqlite3", "x"), { recursive: true });
    await assert.rejects(
      launchCluster({ port: 0, dataDir: mine }),
      refused(/^Node n2 could not start: it ended with exit code \d+\.\n\nIt printed:\n.+/),
    );
    // The lock is free again.
    Deno.removeSync(join(mine, "n2"), { recursive: true });
    const second = await launchCluster({ port: 0, dataDir: mine });
    await second.close();
  });
});

Deno.test("a second process on a running node's directory is refused, and the first keeps serving", async () => {
  await withCluster({ nodes: 1, config: { r: 1, w: 1 } }, async (cluster) => {
    const { id, url, data } = cluster.node("n1");
    const [port] = freePorts("127.0.0.1", 1);
    const second = new NodeChild({
      id,
      url: `http://127.0.0.1:${port}`,
      directory: data,
      initialConfigFile: join(cluster.dataDir, "cluster.json"),
      secretFile: cluster.secretFile,
    }, () => {});
    await assert.rejects(
      second.ready,
      refused(/^Node \w+ could not start: it ended with exit code 2\.\n\nIt printed:\n/),
    );
    await second.exited;
    assert.equal(await statusOf(`${url}/health`), 200);
  });
});

Deno.test("a directory that is neither empty nor a cluster's is refused and kept unchanged", async () => {
  await withDirectory(async (dataDir) => {
    Deno.writeTextFileSync(join(dataDir, "thesis.tex"), "x");
    await assert.rejects(launchCluster({ port: 0, dataDir }), refused(/it contains thesis\.tex/));
    assert.equal(exists(join(dataDir, "thesis.tex")), true);
    Deno.removeSync(join(dataDir, "thesis.tex"));
    Deno.mkdirSync(join(dataDir, "thesis"));
    Deno.writeTextFileSync(join(dataDir, "thesis", "identity.json.old"), "x");
    await assert.rejects(launchCluster({ port: 0, dataDir }), refused(/it contains thesis$/));
  });
});

Deno.test("a first start that was interrupted before it wrote the initial configuration can be repeated", async () => {
  await withDirectory(async (dataDir) => {
    Deno.mkdirSync(join(dataDir, "n1"));
    Deno.writeTextFileSync(join(dataDir, "n1", "identity.json"), '{"cluster":"a","no');
    Deno.mkdirSync(join(dataDir, "n2"));
    Deno.writeTextFileSync(join(dataDir, "secret"), "x".repeat(32));
    const cluster = await launchCluster({ nodes: 3, port: 0, dataDir });
    for (const { url } of cluster.nodes) assert.equal(await statusOf(`${url}/health`), 200);
    await cluster.close();
  });
});

Deno.test("an option out of range is refused with its value and what is allowed", async () => {
  for (
    const [options, message] of [
      [{ nodes: 0 }, /nodes must be .* from 1 to 64: current value is 0/],
      [{ config: { n: 3, r: 4 } }, /r must be a whole number from 1 to 3: current value is 4/],
      [{ nodes: 3, weights: [1, 2] }, /weights must name one for each of the 3 nodes: 2 are given/],
      [{ nodes: 2, weights: [1, 0] }, /weight must be a number above 0.*current value is 0/],
      [{ nodes: 2, zones: ["a", ""] }, /zone must be .*current value is ''/],
      [{ nodes: 5, config: { partitions: 4 } }, /partitions must be at least .*5.*value is 4/],
      [{ nodes: 3, port: 65_535 }, /port must be .* from 1 to 65533: current value is 65535/],
      [{ latency: "uniform(5)" }, /,/],
    ] satisfies [LaunchOptions, RegExp][]
  ) {
    await assert.rejects(launchCluster({ port: 0, ...options }), refused(message));
  }
});

Deno.test("an aborted start ends every process and removes the initial configuration", async () => {
  await withDirectory(async (directory) => {
    const dataDir = join(directory, "new");
    const aborter = new AbortController();
    const start = launchCluster({ nodes: 3, port: 0, dataDir, signal: aborter.signal });
    start.catch(() => {});
    await until(
      "the initial configuration is written",
      () => exists(join(dataDir, "cluster.json")),
    );
    aborter.abort(new LaunchError("failed", "no longer wanted"));
    await assert.rejects(start, refused(/no longer wanted/));
    assert.equal(exists(join(dataDir, "cluster.json")), false);
    assert.equal(exists(join(dataDir, "n1")), false);
  });
});
