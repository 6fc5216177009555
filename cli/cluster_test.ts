import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readLines } from "../nodes/cluster/text_lines.ts";
import { isAlive, processState, statusOf, until } from "../tests/live_cluster.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));

interface Announced {
  readonly cluster: string;
  readonly pid: number;
  readonly nodes: readonly { id: string; url: string; pid: number; data: string }[];
  readonly secretFile: string;
}

/** A `deno task cluster` process that has printed its line. */
class Command {
  readonly child: Deno.ChildProcess;
  readonly printed: string[] = [];
  readonly said: string[] = [];
  private readonly heard: Promise<unknown>;
  private readonly first = Promise.withResolvers<string>();

  constructor(args: string[], env: Record<string, string> = {}) {
    this.child = new Deno.Command(Deno.execPath(), {
      args,
      env,
      cwd: PROJECT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.heard = Promise.all([
      readLines(this.child.stdout, (line) => {
        this.printed.push(line);
        this.first.resolve(line);
      }),
      readLines(this.child.stderr, (line) => void this.said.push(line)),
    ]);
  }

  async announced(): Promise<Announced> {
    const ended = this.child.status.then(({ code }) => {
      throw new Error(`it ended with ${code}: ${this.said.join("\n")}`);
    });
    return JSON.parse(await Promise.race([this.first.promise, ended]));
  }

  async ended(): Promise<Deno.CommandStatus> {
    const status = await this.child.status;
    await this.heard;
    return status;
  }
}

function cluster(...args: string[]): Command {
  return new Command(["run", "-A", "cli/cluster.ts", "--port", "0", "--json", ...args]);
}

async function assertAllGone(announced: Announced): Promise<void> {
  for (const { id, pid } of announced.nodes) {
    await until(`node ${id} with pid ${pid} ends`, async () => !await isAlive(pid));
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`--json prints one line; ${signal} ends everything cleanly`, async () => {
    const command = cluster("--nodes", "3");
    const announced = await command.announced();
    assert.equal(announced.pid, command.child.pid);
    assert.deepEqual(Object.keys(announced), ["cluster", "pid", "nodes", "secretFile"]);
    assert.deepEqual(announced.nodes.map(({ id }) => id), ["n1", "n2", "n3"]);
    for (const node of announced.nodes) {
      assert.deepEqual(Object.keys(node), ["id", "url", "pid", "data"]);
      assert.equal(await statusOf(`${node.url}/health`), 200);
    }
    command.child.kill(signal);
    command.child.kill(signal);
    assert.equal((await command.ended()).code, 0);
    await assertAllGone(announced);
    assert.equal(command.printed.length, 1);
    assert.throws(() => Deno.statSync(announced.secretFile), Deno.errors.NotFound);
  });
}

/** Launches a cluster with temporary data below `root`. */
function launcherIn(root: string, then: string): Command {
  const program = `
    import { launchCluster } from "./nodes/cluster/launcher.ts";
    const cluster = await launchCluster({ nodes: 3, port: 0 });
    const { id, nodes, secretFile, dataDir } = cluster;
    ${then}
    console.log(JSON.stringify({ cluster: id, pid: Deno.pid, nodes, secretFile, dataDir }));
  `;
  return new Command(["eval", "--ext=ts", program], { TMPDIR: root });
}

Deno.test("SIGKILL of the launcher ends all nodes, even a paused one; the next start deletes its data", async () => {
  const root = await Deno.makeTempDir({ prefix: "dynamo-test-" });
  try {
    const killed = launcherIn(root, 'await cluster.pause("n2"); setInterval(() => {}, 1000);');
    const announced = await killed.announced() as Announced & { dataDir: string };
    const paused = announced.nodes[1]?.pid ?? 0;
    await until("n2 is stopped", async () => await processState(paused) === "T");
    // Another launcher does not touch the directory of a running one.
    const neighbour = launcherIn(root, "await cluster.close();");
    assert.equal((await neighbour.ended()).code, 0, neighbour.said.join("\n"));
    assert.ok(Deno.statSync(announced.secretFile).isFile);

    killed.child.kill("SIGKILL");
    await killed.ended();
    await assertAllGone(announced);
    assert.ok(Deno.statSync(announced.secretFile).isFile);
    const next = launcherIn(root, "await cluster.close();");
    assert.equal((await next.ended()).code, 0, next.said.join("\n"));
    assert.deepEqual([...Deno.readDirSync(root)].map(({ name }) => name), []);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("the data of a launcher that was killed can be reused with --data and is then kept", async () => {
  const root = await Deno.makeTempDir({ prefix: "dynamo-test-" });
  try {
    const killed = launcherIn(root, "setInterval(() => {}, 1000);");
    const announced = await killed.announced() as Announced & { dataDir: string };
    killed.child.kill("SIGKILL");
    await killed.ended();
    await assertAllGone(announced);
    const taken = cluster("--data", announced.dataDir);
    assert.equal((await taken.announced()).cluster, announced.cluster);
    taken.child.kill("SIGTERM");
    assert.equal((await taken.ended()).code, 0);
    const next = launcherIn(root, "await cluster.close();");
    assert.equal((await next.ended()).code, 0, next.said.join("\n"));
    assert.ok(Deno.statSync(announced.secretFile).isFile);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

for (
  const [args, message] of [
    [["--nodes", "0"], /'--nodes <count>' argument '0' is invalid.*whole number from 1 to 64/],
    [["--nodes", "3.5"], /'--nodes <count>' argument '3.5' is invalid/],
    [["--n", "3", "--r", "4"], /--r must be a whole number from 1 to 3: current value is 4/],
    [["--port", "70000"], /'--port <port>' argument '70000'.*from 0 to 65535/],
    [["--latency", "uniform(0"], /'--latency <spec>' argument 'uniform\(0' is invalid/],
    [["--mode", "crdt"], /'--mode <mode>' argument 'crdt'.*dvv, vector-clock, lww/],
    [["--partitioning", "x"], /argument 'x'.*equal-partitions, random-tokens/],
    [["--weights", "1,-2", "--nodes", "2"], /'--weights <list>' argument '1,-2'.*above 0.*'-2'/],
    [["--zones", "a,b", "--nodes", "3"], /zones must name one for each of the 3 nodes: 2/],
    [["--name", "a b"], /--name must be 1 to 64 of .*'a b'/],
    [["--sloppy", "maybe"], /argument 'maybe'.*true, false/],
    [["--timeout-ms", "0"], /'--timeout-ms <ms>' argument '0'.*from 1 to 600000/],
    [["--node", "3"], /unknown option '--node'.*--nodes/],
    [["five"], /too many arguments/],
  ] satisfies [string[], RegExp][]
) {
  Deno.test(`cluster ${args.join(" ")} is rejected with flag, value and what is allowed`, async () => {
    const command = cluster(...args);
    assert.equal((await command.ended()).code, 2);
    assert.match(command.said.join(" "), message);
    assert.deepEqual(command.printed, []);
  });
}

Deno.test("a port in use is rejected with the name of its owner", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const { port } = listener.addr;
    const command = new Command([
      "run",
      "-A",
      "cli/cluster.ts",
      "--nodes",
      "2",
      "--port",
      `${port}`,
    ]);
    assert.equal((await command.ended()).code, 2);
    assert.match(
      command.said.join("\n"),
      new RegExp(`port ${port} is taken by pid ${Deno.pid} \\(.*deno`),
    );
  } finally {
    listener.close();
  }
});

Deno.test("an invalid configuration is rejected first, even if the ports are in use", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const port = `${listener.addr.port}`;
    const cases: [string[], RegExp][] = [
      [["--n", "3", "--r", "4"], /--r must be a whole number from 1 to 3: current value is 4/],
      [["--nodes", "3", "--zones", "a,b"], /zones must name one for each of the 3 nodes: 2/],
    ];
    for (const [args, message] of cases) {
      const command = new Command(["run", "-A", "cli/cluster.ts", "--port", port, ...args]);
      assert.equal((await command.ended()).code, 2);
      assert.match(command.said.join("\n"), message);
    }
  } finally {
    listener.close();
  }
});

Deno.test("--help lists every flag and exits with 0", async () => {
  const command = cluster("--help");
  assert.equal((await command.ended()).code, 0);
  for (const flag of ["--nodes", "--latency", "--data", "--zones", "--sloppy", "--seed"]) {
    assert.ok(command.printed.some((line) => line.includes(flag)), flag);
  }
});

Deno.test("a directory in use by a running launcher is rejected with its pid", async () => {
  const data = await Deno.makeTempDir({ prefix: "dynamo-test-" });
  try {
    const first = cluster("--nodes", "1", "--r", "1", "--w", "1", "--data", join(data, "mine"));
    const announced = await first.announced();
    const second = cluster("--nodes", "1", "--r", "1", "--w", "1", "--data", join(data, "mine"));
    assert.equal((await second.ended()).code, 2);
    assert.match(
      second.said.join("\n"),
      new RegExp(`launcher with pid ${announced.pid} is running`),
    );
    first.child.kill("SIGTERM");
    assert.equal((await first.ended()).code, 0);
    const third = cluster("--nodes", "2", "--data", join(data, "mine"));
    assert.equal((await third.ended()).code, 2);
    assert.match(third.said.join("\n"), /created with nodes 1.*current value is nodes 2/);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
