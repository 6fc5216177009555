/**
 * `deno task start`: the dashboard and a demo cluster.
 *
 * The dashboard is available at once, while the cluster starts. When this process ends, every node ends
 * too. On a signal the nodes are asked to stop. If the process is killed, each node sees that its
 * standard input closes.
 */
import { Option } from "commander";
import { EXIT_REFUSED, fail, integer, newCommand, readArguments, writeAll } from "./cli/options.ts";
import { launchCluster } from "./nodes/cluster/launcher.ts";
import { fetchPackages } from "./nodes/cluster/package_cache.ts";
import { holderOf } from "./nodes/process/port_holder.ts";
import { PORT_MAX } from "./nodes/process/ports.ts";
import { buildAssets } from "./routes/(_server)/assets.ts";
import { clientSender } from "./routes/(_server)/clusters/load_sender.ts";
import { ClusterRegistry, type Registered } from "./routes/(_server)/clusters/registry.ts";
import { createDashboard } from "./routes/(_server)/dashboard.ts";

const HOST = "127.0.0.1";
const PORT_DEFAULT = 8_000;
const DEMO = { name: "demo", nodes: 5, n: 3, r: 2, w: 2 };

const say = (text: string) => writeAll(Deno.stderr, `${text}\n`);
const print = (text: string) => writeAll(Deno.stdout, `${text}\n`);

interface StartOptions {
  readonly port: number;
  readonly cluster: boolean;
}

function readOptions(): StartOptions {
  const command = newCommand("start", "The dashboard, with a demo cluster, until Ctrl-C.")
    .addOption(
      new Option("--port <port>", "the port of the dashboard; 0 for any free one")
        .argParser(integer(0, PORT_MAX)).default(PORT_DEFAULT),
    )
    .option("--no-cluster", "start no demo cluster");
  readArguments(command);
  return command.opts<StartOptions>();
}

async function refusePort(port: number): Promise<never> {
  const holder = await holderOf(port) ?? "an unknown process";
  fail(
    `Cannot listen on port ${port} of ${HOST}: it is taken by ${holder}.\n` +
      "Stop that process, or use another port with --port (0: any free one)",
    EXIT_REFUSED,
  );
}

/** Starts the demo cluster in the background. */
function startDemo(registry: ClusterRegistry): Registered {
  const { name, nodes, n, r, w } = DEMO;
  return registry.launch({ nodes, config: { n, r, w }, port: 0 }, name);
}

/** Prints how to use the demo cluster, once it has started. */
async function printDemoHelp({ live }: Registered): Promise<void> {
  await live.settled;
  if (live.failure !== null) return say(`The demo cluster did not start.\n${live.failure}`);
  const [first, second] = live.summary().nodes;
  if (first === undefined || second === undefined) return;
  print(
    [
      `Cluster ${DEMO.name}: ${DEMO.nodes} nodes, N=${DEMO.n} R=${DEMO.r} W=${DEMO.w}. Try:`,
      `  curl -X PUT --data-binary hello ${first.url}/kv/greeting`,
      `  curl ${second.url}/kv/greeting`,
      `Its secret, for the nodes' /debug and /membership, is in: ${live.cluster?.secretFile}`,
    ].join("\n"),
  );
}

async function main(): Promise<void> {
  const options = readOptions();
  const registry = new ClusterRegistry({ launch: launchCluster, loadSender: clientSender });
  const assets = buildAssets(fetchPackages);
  const dashboard = createDashboard({
    registry,
    assets,
    onError: (error) => say(error instanceof Error ? error.stack ?? error.message : String(error)),
  });
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname: HOST, port: options.port, onListen: () => {} },
      dashboard,
    );
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) await refusePort(options.port);
    throw error;
  }
  const ending = endOnSignals();
  print(`Dynamo Simulator: http://${HOST}:${server.addr.port}/`);
  print(
    options.cluster
      ? "Open it in a browser. Five nodes are starting. Ctrl-C stops everything."
      : "Open it in a browser and start a cluster. Ctrl-C stops everything.",
  );
  void assets.then(({ warning }) => warning !== null && say(warning));
  if (options.cluster) void printDemoHelp(startDemo(registry));
  await ending;
  await registry.close();
  // The event streams have ended with their clusters; nothing else must finish.
  Deno.exit(0);
}

/** Resolves at the first signal to end; later ones are ignored. */

function endOnSignals(): Promise<void> {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of signals) Deno.addSignalListener(signal, () => resolve());
  return promise;
}

if (import.meta.main) await main();
