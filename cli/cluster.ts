/**
 * `deno task cluster`: a Dynamo of real processes on this machine, until Ctrl-C.
 *
 * stdout carries what the person or script asked for: where the nodes are, as text or as one JSON line.
 * stderr carries what happens to them.
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
        `the first node's; 0 takes any free ones (default: ${PORT_DEFAULT}, or as last time)`,
      ).argParser(integer(0, PORT_MAX)),
    )
    .option("--data <dir>", "keeps the data there, and starts from it again (default: thrown away)")
    .addOption(
      new Option(
        "--latency <spec>",
        "delays messages between nodes, ms: 10, uniform(0,20), exp(0.183), LNKD-DISK, W=…;A=…;R=…;S=…",
      ).argParser(latencySpec),
    )
    .option("--allow-faults", "lets /faults make the nodes misbehave")
    .option("--json", "prints one JSON line when all nodes serve");
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

/** Resolves with the first signal that asks the launcher to end; later ones change nothing. */
function untilAskedToEnd(): { readonly asked: Promise<Deno.Signal>; readonly signal: AbortSignal } {
  const aborter = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  // A terminal sends SIGINT to npx, deno and every child at once, and some of them pass it on as well.
  for (const name of endSignals()) {
    Deno.addSignalListener(name, () => {
      resolve(name);
      aborter.abort(new LaunchError("failed", `Ended by ${name} before all nodes served`));
    });
  }
  return { asked: promise, signal: aborter.signal };
}

function endSignals(): Deno.Signal[] {
  return Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
}

function report(cluster: RunningCluster, { node, before }: NodeChange): void {
  if (!cluster.nodes.some(({ id }) => id === node.id)) {
    say(`node ${node.id} is no member any more: it has ended, and is not started again`);
  } else if (node.state === "crashed" && node.exit !== null) {
    say(
      `node ${node.id} (pid ${node.exit.pid}) ended by itself: ${describeExit(node.exit)}. ` +
        `Start it again with: kill -USR2 ${Deno.pid}`,
    );
  } else if (before === "starting" && node.state === "running") {
    say(`node ${node.id} serves again at ${node.url}, pid ${node.pid}`);
  }
}

/** Starts every node that is down. */
async function restartAll(cluster: RunningCluster): Promise<void> {
  const down = cluster.nodes.filter((node) => node.pid === null);
  if (down.length === 0) say("every node has a process: there is nothing to start");
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
    `${cluster.reopened ? "started again" : "founded"} in ${(tookMs / 1000).toFixed(1)} s`,
    "",
    ...cluster.nodes.map((node) => `  ${node.id.padEnd(width)}  ${node.url}  pid ${node.pid}`),
    "",
    "Store a value on one node, read it on another, and see who keeps it:",
    `  curl -X PUT --data-binary hello ${first?.url}/kv/greeting`,
    `  curl -i ${second?.url}/kv/greeting`,
    `  curl ${third?.url}/ring/greeting`,
    `Kill a node, then read again:  kill -9 ${first?.pid}`,
    `Start what is down:            kill -USR2 ${Deno.pid}`,
    "Let a node join:",
    `  deno task node --id ${newId(cluster)} --port 0 --join ${first?.url} \\`,
    `    --secret-file ${cluster.secretFile}`,
    `The API of a node:             ${first?.url}/docs`,
    "",
    cluster.temporary
      ? `Data is in ${cluster.dataDir} and is thrown away at the end; --data DIR keeps it.`
      : `Data is in ${cluster.dataDir} and stays there.`,
    "Ctrl-C ends all nodes.",
  ].join("\n");
}

/** An id that no node has. */
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
