/**
 * The systems to measure: this store and, if it is installed, etcd. Each runs as three processes on
 * loopback with data in a temporary directory.
 */
import { launchCluster } from "../../nodes/cluster/launcher.ts";
import { freePorts } from "../../nodes/process/ports.ts";
import type { Dialect } from "./load.ts";

export interface BenchedSystem {
  readonly name: string;
  readonly dialect: Dialect;
  /** `host:port` of each node. */
  readonly hosts: readonly string[];
  readonly pids: readonly number[];
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const NODES = 3;
const READY_MS = 20_000;

/** N=3, R=W=2, durable: the defaults. */
export async function startDynamo(): Promise<BenchedSystem> {
  const cluster = await launchCluster({ nodes: NODES, port: 0, config: { n: 3, r: 2, w: 2 } });
  return {
    name: "dynamo",
    dialect: "dynamo",
    hosts: cluster.nodes.map((node) => new URL(node.url).host),
    pids: cluster.nodes.flatMap((node) => node.pid ?? []),
    close: () => cluster.close(),
  };
}

/** The version that `etcd --version` prints; null when there is no etcd on PATH. */
export async function etcdVersion(): Promise<string | null> {
  try {
    const { stdout } = await new Deno.Command("etcd", { args: ["--version"] }).output();
    return /etcd Version: (\S+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? "unknown";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Linearizable reads, and writes on two of three disks: etcd's defaults, comparable to R=W=2. */
export async function startEtcd(): Promise<BenchedSystem> {
  const directory = await Deno.makeTempDir({ prefix: "dynamo-bench-etcd-" });
  const ports = freePorts(HOST, 2 * NODES);
  const urls = ports.map((port) => `http://${HOST}:${port}`);
  const members = Array.from({ length: NODES }, (_, i) => ({
    name: `e${i + 1}`,
    client: urls[i] as string,
    peer: urls[NODES + i] as string,
  }));
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const children = members.map(({ name, client, peer }) =>
    new Deno.Command("etcd", {
      args: [
        "--name",
        name,
        "--data-dir",
        `${directory}/${name}`,
        "--log-level",
        "error",
        "--listen-client-urls",
        client,
        "--advertise-client-urls",
        client,
        "--listen-peer-urls",
        peer,
        "--initial-advertise-peer-urls",
        peer,
        "--initial-cluster",
        cluster,
        "--initial-cluster-state",
        "new",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn()
  );
  const close = async () => {
    for (const child of children) {
      try {
        child.kill("SIGTERM");
      } catch {
        // The process has already ended.
      }
    }
    await Promise.all(children.map((child) => child.status));
    await Deno.remove(directory, { recursive: true });
  };
  try {
    await Promise.all(members.map(({ client }) => untilHealthy(client)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: "etcd",
    dialect: "etcd",
    hosts: members.map(({ client }) => new URL(client).host),
    pids: children.map((child) => child.pid),
    close,
  };
}

async function untilHealthy(url: string): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    try {
      const body = await (await fetch(`${url}/health`)).text();
      if (body.includes(`"true"`)) return;
    } catch {
      // It does not listen yet.
    }
    if (performance.now() - startedMs > READY_MS) {
      throw new Error(`etcd at ${url} must be healthy within ${READY_MS} ms: it is not`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
