/**
 * `deno task cluster`: a cluster of real processes on this machine, until Ctrl-C.
 *
 * It prints the nodes' addresses on stdout, as text or as one JSON line, and events on stderr.
 */
import { Option } from "commander";
import { ConfigError } from "../lib/dynamo/types/config.ts";
import {
  launchCluster,
  LaunchError,
  type LaunchOptions,
  type NodeChange,
  PORT_DEFAULT,
  type RunningCluster,
} from "../nodes/cluster/launcher.ts";
import { describeExit } from "../nodes/cluster/node_process.ts";
import { PORT_MAX } from "../nodes/process/ports.ts";
import {
  clusterFlags,
  EXIT_REFUSED,
  fail,
  flagged,
  given,
  initialConfigOptions,
  integer,
  latencySpec,
  newCommand,
  readArguments,
  writeAll,
} from "./options.ts";

const say = (text: string) => writeAll(Deno.stderr, `${text}\n`);
const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);

function readOptions(): { readonly launch: LaunchOptions; readonly json: boolean } {
  const command = clusterFlags(
    newCommand("cluster", "A Dynamo cluster of real node processes on this machine, until Ctrl-C."),
  )
    .addOption(
      new Option(
        "--port <port>",
        `port of the first node; 0: any free ports (default: ${PORT_DEFAULT}, or as last time)`,
      ).argParser(integer(0, PORT_MAX)),
    )
    .option("--data <dir>", "keeps the data in this directory and reuses it (default: deleted)")
    .addOption(
      new Option(
        "--latency <spec>",
        "delays messages between nodes, ms: 10, uniform(0,20), exp(0.183), LNKD-DISK, W=…;A=…;R=…;S=…",
      ).argParser(latencySpec),
    )
    .option("--allow-faults", "allows fault injection with /faults")
    .option("--json", "prints one JSON line when all nodes are ready");
  readArguments(command);
  const flags = command.opts();
  const launch: LaunchOptions = {
    ...initialConfigOptions(flags),
    ...given({
      port: flags.port,
      dataDir: flags.data,
      latency: flags.latency,
      allowFaults: flags.allowFaults,
    }),
  };
  return { launch, json: flags.json === true };
}

/** Resolves with the first signal that asks the launcher to end. Later signals are ignored. */
function untilAskedToEnd(): { readonly asked: Promise<Deno.Signal>; readonly signal: AbortSignal } {
  const aborter = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  // A terminal sends SIGINT to npx, deno and all children at once, and some of them forward it too.
  for (const name of endSignals()) {
    Deno.addSignalListener(name, () => {
      resolve(name);
      aborter.abort(new LaunchError("failed", `Ended by ${name} before all nodes were ready`));
    });
  }
  return { asked: promise, signal: aborter.signal };
}

function endSignals(): Deno.Signal[] {
  return Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
}

function report(cluster: RunningCluster, { node, before }: NodeChange): void {
  if (!cluster.nodes.some(({ id }) => id === node.id)) {
    say(`node ${node.id} is no longer a member: it has ended and will not be restarted`);
  } else if (node.state === "crashed" && node.exit !== null) {
    say(
      `node ${node.id} (pid ${node.exit.pid}) ended unexpectedly: ${describeExit(node.exit)}. ` +
        `Restart it with: kill -USR2 ${Deno.pid}`,
    );
  } else if (before === "starting" && node.state === "running") {
    say(`node ${node.id} is running again at ${node.url}, pid ${node.pid}`);
  }
}

/** Starts all nodes that are down. */
async function restartAll(cluster: RunningCluster): Promise<void> {
  const down = cluster.nodes.filter((node) => node.pid === null);
  if (down.length === 0) say("all nodes are running: there is nothing to start");
  await Promise.all(down.map(async ({ id }) => {
    try {
      await cluster.restart(id);
    } catch (error) {
      say((error as Error).message);
    }
  }));
}

function describe(cluster: RunningCluster, tookMs: number): string {
  const { n, r, w } = cluster.initialConfig.config;
  const [first, second, third] = [0, 1, 2].map((i) => cluster.nodes[i % cluster.nodes.length]);
  const width = Math.max(...cluster.nodes.map((node) => node.id.length));
  return [
    `Cluster ${cluster.id}: ${cluster.nodes.length} nodes, N=${n} R=${r} W=${w}, ` +
    `${cluster.reopened ? "restarted" : "created"} in ${(tookMs / 1000).toFixed(1)} s`,
    "",
    ...cluster.nodes.map((node) => `  ${node.id.padEnd(width)}  ${node.url}  pid ${node.pid}`),
    "",
    "Store a value on one node, read it on another, and see which nodes keep it:",
    `  curl -X PUT --data-binary hello ${first?.url}/kv/greeting`,
    `  curl -i ${second?.url}/kv/greeting`,
    `  curl ${third?.url}/ring/greeting`,
    `Kill a node, then read again:  kill -9 ${first?.pid}`,
    `Restart nodes that are down:   kill -USR2 ${Deno.pid}`,
    "Add a node:",
    `  deno task node --id ${newId(cluster)} --port 0 --join ${first?.url} \\`,
    `    --secret-file ${cluster.secretFile}`,
    `API documentation:             ${first?.url}/docs`,
    "",
    cluster.temporary
      ? `Data is in ${cluster.dataDir} and is deleted at the end; --data DIR keeps it.`
      : `Data is in ${cluster.dataDir} and stays there.`,
    "Ctrl-C ends all nodes.",
  ].join("\n");
}

/** An unused node id. */
function newId({ nodes }: RunningCluster): string {
  const numbers = nodes.map(({ id }) => Number(/^n(\d{1,9})$/.exec(id)?.[1] ?? 0));
  return `n${Math.max(...numbers) + 1}`;
}

function asJson(cluster: RunningCluster): string {
  return JSON.stringify({
    cluster: cluster.id,
    pid: Deno.pid,
    nodes: cluster.nodes.map(({ id, url, pid, data }) => ({ id, url, pid, data })),
    secretFile: cluster.secretFile,
  });
}

async function launched(options: LaunchOptions): Promise<RunningCluster> {
  try {
    return await launchCluster(options);
  } catch (error) {
    if (error instanceof ConfigError) fail(flagged(error), EXIT_REFUSED);
    if (error instanceof LaunchError) {
      fail(error.message, error.kind === "refused" ? EXIT_REFUSED : 1);
    }
    throw error;
  }
}

async function main(): Promise<void> {
  const { launch, json } = readOptions();
  const { asked, signal } = untilAskedToEnd();
  const begunMs = performance.now();
  const cluster = await launched({
    ...launch,
    signal,
    onOutput: (id, line) => say(`${id} | ${line}`),
  });
  cluster.onChange((change) => report(cluster, change));
  for (const { id, from, to } of cluster.moved) {
    say(`node ${id} listens at ${to}; last time it was ${from}`);
  }
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGUSR2", () => void restartAll(cluster));
  }
  print(json ? asJson(cluster) : describe(cluster, performance.now() - begunMs));
  await asked;
  await cluster.close();
  Deno.exit(0);
}

if (import.meta.main) await main();
