/**
 * Starting and stopping one node: its store, its place in the cluster, its server.
 *
 * What can be wrong at a start is told as a {@link StartError} whose message is for the person who
 * typed the command: what is wrong, its value, and what to do.
 */
import { dirname } from "node:path";
import type { MembershipDocument } from "../../lib/dynamo/membership/membership_state.ts";
import { fixedPart } from "../../lib/dynamo/types/config.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { Legs } from "../../lib/random/latency.ts";
import { MEMBERSHIP } from "../host/host.ts";
import { type JoinAttributes, NodeService } from "../host/node_service.ts";
import { isLoopback } from "../http/access.ts";
import { createRest } from "../rest/rest.ts";
import { validateDocument } from "../rpc/validate_membership.ts";
import { openStorage } from "../storage/open_storage.ts";
import { type RecordStore, StorageError, type StorageReport } from "../storage/storage.ts";
import type { NodeSetup, StoredState } from "./initial_config.ts";
import type { TlsOptions } from "./tls_front.ts";

/** Why a node cannot start. */
export class StartError extends Error {
  override name = "StartError";
}

interface NodeOptions {
  readonly self: NodeId;
  readonly host: string;
  /** A file, or the URL of a KV Connect service. */
  readonly kv: string;
  /** Which cluster, and which part in it, going by what the disk remembers. */
  readonly place: (home: StoredState) => Promise<NodeSetup>;
  /** With what it would join. */
  readonly joinAttributes?: JoinAttributes | undefined;
  readonly secret: string | null;
  readonly kvToken?: string | null;
  readonly allowOrigins?: readonly string[];
  readonly legs?: Legs | undefined;
  /** Let `/faults` make the node misbehave. */
  readonly allowFaults?: boolean | undefined;
  readonly seed?: string | undefined;
  /** Serve TLS. */
  readonly tls?: TlsOptions | undefined;
  /** Certificates of peers to trust beside the system's, PEM. */
  readonly ca?: string | undefined;
  readonly log: NodeLog;
  /** The node cannot go on: the process should end. */
  readonly onDefect: (error: unknown) => void;
}

export interface NodeLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RunningNode {
  readonly service: NodeService;
  /** Where it listens: `http://host:port`. */
  readonly url: string;
  /** Its peers were asked what they remember of it: clients are served. */
  readonly settled: Promise<void>;
  /** Takes no more requests, finishes those under way within a bound, and closes everything. */
  stop(): Promise<void>;
}

/** How long requests under way have when the node stops, ms. */
const FINISH_MS = 3_000;
const FIXED = "founded";
/** The initial configuration, as a running node told them. */
const INITIAL_CONFIG = "initial-config";
const WARNINGS_MAX = 20;

/** Starts a node; it serves when this resolves. Throws {@link StartError}. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { log } = options;
  const warnings: string[] = [];
  const store = await openStore(options, (report) => {
    const told = describeReport(report);
    if (report.kind !== "orphans-removed" && warnings.length < WARNINGS_MAX) warnings.push(told);
    log.warn(told);
  });
  try {
    const place = await options.place(await homeIn(store));
    const { initialConfig, membership, hasNews, self, port } = place;
    requireSecret(options, initialConfig);
    await keepFixedConfig(store, options.self, initialConfig);
    if (hasNews) await store.writeMeta(MEMBERSHIP, membership);
    if (place.keepsInitialConfig) await store.writeMeta(INITIAL_CONFIG, initialConfig);
    const service = new NodeService({
      initialConfig,
      membership,
      self,
      joinAttributes: options.joinAttributes,
      store,
      secret: options.secret,
      sealSecret: options.secret ?? await ownSeal(store),
      ca: options.ca,
      legs: options.legs,
      allowFaults: options.allowFaults,
      seed: options.seed,
      warnings: () => warnings,
      onDefect: options.onDefect,
    });
    return await serve(service, options, port);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function homeIn(store: RecordStore): Promise<StoredState> {
  return {
    dataId: store.dataId,
    condition: store.condition,
    initialConfig: await store.readMeta(INITIAL_CONFIG) as InitialClusterConfig | undefined ?? null,
    membership: membershipIn(await store.readMeta(MEMBERSHIP)),
  };
}

/** What was promised by it must not be forgotten: a fence that is lost would be a lost write. */
function membershipIn(stored: unknown): MembershipDocument | null {
  if (stored === undefined) return null;
  const invalid = validateDocument(stored);
  if (invalid === null) return stored as MembershipDocument;
  throw new StartError(
    `Cannot start on this data, as the membership in it is damaged: ${invalid}. Give an empty ` +
      "--kv: the other nodes will fill it",
  );
}

function requireSecret(
  { host, secret, self }: NodeOptions,
  initialConfig: InitialClusterConfig,
): void {
  if (secret !== null) return;
  if (!isLoopback(host)) {
    throw new StartError(
      `Cannot listen on ${host} without a secret, as it is reachable from beyond this machine: give ` +
        "one in a file (--secret-file) or in the environment (DYNAMO_SECRET)",
    );
  }
  if (initialConfig.members.length > 1) {
    throw new StartError(
      `Cannot start ${self} without the cluster's secret, by which its ${initialConfig.members.length} ` +
        "members know each other: give it in a file (--secret-file) or the environment (DYNAMO_SECRET)",
    );
  }
}

async function openStore(
  { kv: location, self: node }: NodeOptions,
  report: (report: StorageReport) => void,
): Promise<RecordStore> {
  try {
    return await openStorage({ location, node, report });
  } catch (error) {
    if (error instanceof StorageError) throw new StartError(error.message);
    throw error;
  }
}

function describeReport(report: StorageReport): string {
  switch (report.kind) {
    case "file-set-aside":
      return `the store ${report.path} was set aside as ${report.movedTo}: ${report.reason}`;
    case "record-unreadable":
      return `a record cannot be read (key ${
        report.record.key ?? "unknown"
      }): ${report.record.reason}`;
    case "write-failed":
      return `a write failed: ${report.reason}`;
    case "orphans-removed":
      return `${report.chunks} parts of unfinished writes were removed`;
  }
}

interface FixedDocument {
  readonly id: NodeId;
  readonly config: ReturnType<typeof fixedPart>;
}

/** Where objects lie follows from what was founded: data founded otherwise must not be served. */
async function keepFixedConfig(
  store: RecordStore,
  id: NodeId,
  initialConfig: InitialClusterConfig,
): Promise<void> {
  const given: FixedDocument = { id, config: fixedPart(initialConfig.config) };
  const stored = await store.readMeta(FIXED) as FixedDocument | undefined;
  if (stored === undefined) {
    await store.writeMeta(FIXED, given);
    return;
  }
  const differences = differencesOf(stored, given);
  if (differences.length > 0) {
    throw new StartError(
      `Cannot start on this data: ${differences.join("; ")}. This cannot change: use the stored ` +
        "value, or another --kv",
    );
  }
}

function differencesOf(stored: FixedDocument, given: FixedDocument): string[] {
  const found = stored.id === given.id
    ? []
    : [`id is '${stored.id}' in the store, given is '${given.id}'`];
  for (const name of Object.keys(given.config) as (keyof FixedDocument["config"])[]) {
    const was = stored.config[name];
    const is = given.config[name];
    if (was !== is) found.push(`${name} is '${was}' in the store, given is '${is}'`);
  }
  return found;
}

/** A lone node without a secret seals contexts with a value of its own, which restarts must not change. */
async function ownSeal(store: RecordStore): Promise<string> {
  const kept = await store.readMeta("seal");
  if (typeof kept === "string") return kept;
  const made = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await store.writeMeta("seal", made);
  return made;
}

async function serve(
  service: NodeService,
  options: NodeOptions,
  port: number,
): Promise<RunningNode> {
  const { host, log } = options;
  const onError = (error: unknown) => {
    log.error(`a request failed by our mistake: ${stackOf(error)}`);
  };
  const rest = createRest(service, {
    host,
    secret: options.secret,
    kvToken: options.kvToken ?? null,
    allowOrigins: options.allowOrigins ?? [],
    onError,
  });
  const listening = await listen(options, port, rest.fetch, onError);
  const settled = service.start();
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    service.stopAccepting();
    await finishRequests(service);
    await listening.close();
    await service.close();
  };
  const scheme = options.tls === undefined ? "http" : "https";
  const url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${listening.port}`;
  return { service, url, settled, stop: () => stopping ??= stop() };
}

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(
  { host, tls, kv }: NodeOptions,
  port: number,
  fetch: (request: Request) => Promise<Response>,
  onError: (error: unknown) => void,
): Promise<Listening> {
  const aborted = new AbortController();
  const common = {
    signal: aborted.signal,
    onListen: () => {},
    onError: (error: unknown) => {
      onError(error);
      return new Response(null, { status: 500 });
    },
  };
  // Peers keep their connections open, and a graceful end would wait for them.
  const closing = async (server: Deno.HttpServer<Deno.Addr>) => {
    aborted.abort();
    await server.finished.catch(() => {});
  };
  try {
    if (tls === undefined) {
      const server = Deno.serve({ ...common, hostname: host, port }, fetch);
      return { port: server.addr.port, close: () => closing(server) };
    }
    const { openTlsFront, socketPathIn } = await import("./tls_front.ts");
    const path = await socketPathIn(/^https?:/.test(kv) ? null : dirname(kv));
    const server = Deno.serve({ ...common, path }, fetch);
    const front = await openTlsFront(tls, host, port, path).catch(async (error) => {
      await closing(server);
      throw error;
    });
    const close = async () => {
      await front.close();
      await closing(server);
      await Deno.remove(path).catch(() => {});
    };
    return { port: front.port, close };
  } catch (error) {
    throw await explainListen(error, host, port);
  }
}

async function explainListen(error: unknown, host: string, port: number): Promise<unknown> {
  const { code, message } = error as { code?: string; message: string };
  if (error instanceof Deno.errors.AddrInUse || code === "EADDRINUSE") {
    const holder = await whoHolds(port);
    return new StartError(
      `Cannot listen on ${host}:${port}: the port is taken${
        holder === null ? "" : ` by ${holder}`
      }. Give another --port`,
    );
  }
  return new StartError(`Cannot listen on ${host}:${port}: ${message}`);
}

/** Only with leave to look: a question at the terminal would be worse than not knowing. */
async function whoHolds(port: number): Promise<string | null> {
  const { state } = await Deno.permissions.query({ name: "read", path: "/proc" });
  if (state !== "granted") return null;
  const { holderOf } = await import("./port_holder.ts");
  return await holderOf(port).catch(() => null);
}

async function finishRequests(service: NodeService): Promise<void> {
  const until = performance.now() + FINISH_MS;
  while (service.host.requestsWaiting > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // Answers that were given a moment ago are still being written.
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
