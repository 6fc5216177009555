/**
 * Starts and stops one node: its store, its role in the cluster, its server.
 *
 * If a node cannot start, a {@link StartError} tells the person who typed the command what is wrong,
 * its value, and what to do.
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
  /** Finds the cluster and the node's role in it. */
  readonly setup: (stored: StoredState) => Promise<NodeSetup>;
  /** The attributes with which it would join. */
  readonly joinAttributes?: JoinAttributes | undefined;
  readonly secret: string | null;
  readonly kvToken?: string | null;
  readonly allowOrigins?: readonly string[];
  readonly legs?: Legs | undefined;
  /** Whether `/faults` may inject faults. */
  readonly allowFaults?: boolean | undefined;
  readonly seed?: string | undefined;
  /** The certificate to serve TLS; without it the node serves cleartext. */
  readonly tls?: TlsOptions | undefined;
  /** Certificates to trust in addition to the system's, PEM. */
  readonly ca?: string | undefined;
  readonly log: NodeLog;
  /** Called when the node cannot continue; the process should end. */
  readonly onDefect: (error: unknown) => void;
}

export interface NodeLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RunningNode {
  readonly service: NodeService;
  /** The address on which it listens: `http://host:port`. */
  readonly url: string;
  /** Resolves when the node is ready for clients. */
  readonly settled: Promise<void>;
  /** Refuses new requests, waits a limited time for running ones, and closes everything. */
  stop(): Promise<void>;
}

/** How long a stopping node waits for running requests, in ms. */
const FINISH_MS = 3_000;
/** The name of the stored document with the fixed part of the configuration. */
const FIXED_CONFIG = "fixed-config";
/** The name of the stored document with the initial configuration from a running node. */
const INITIAL_CONFIG = "initial-config";
const WARNINGS_MAX = 20;

/** Starts a node. It is listening when this resolves. Throws {@link StartError}. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { log } = options;
  const warnings: string[] = [];
  const store = await openStore(options, (report) => {
    const warning = describeReport(report);
    if (report.kind !== "orphans-removed" && warnings.length < WARNINGS_MAX) warnings.push(warning);
    log.warn(warning);
  });
  try {
    const setup = await options.setup(await storedStateOf(store));
    const { initialConfig, membership, isMembershipNew, self, port } = setup;
    requireSecret(options, initialConfig);
    await checkFixedConfig(store, options.self, initialConfig);
    if (isMembershipNew) await store.writeMeta(MEMBERSHIP, membership);
    if (setup.storesInitialConfig) await store.writeMeta(INITIAL_CONFIG, initialConfig);
    const service = new NodeService({
      initialConfig,
      membership,
      self,
      joinAttributes: options.joinAttributes,
      store,
      secret: options.secret,
      sealSecret: options.secret ?? await ownSealSecret(store),
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

async function storedStateOf(store: RecordStore): Promise<StoredState> {
  return {
    dataId: store.dataId,
    condition: store.condition,
    initialConfig: await store.readMeta(INITIAL_CONFIG) as InitialClusterConfig | undefined ?? null,
    membership: membershipIn(await store.readMeta(MEMBERSHIP)),
  };
}

/** A damaged membership is refused and not ignored: a lost fence can cause a lost write. */
function membershipIn(stored: unknown): MembershipDocument | null {
  if (stored === undefined) return null;
  const invalid = validateDocument(stored);
  if (invalid === null) return stored as MembershipDocument;
  throw new StartError(
    `Cannot start on this data, as the membership in it is damaged: ${invalid}. Use an empty ` +
      "--kv: the node then recovers its data from the other nodes",
  );
}

function requireSecret(
  { host, secret, self }: NodeOptions,
  initialConfig: InitialClusterConfig,
): void {
  if (secret !== null) return;
  if (!isLoopback(host)) {
    throw new StartError(
      `Cannot listen on ${host} without a secret, as other machines can reach it: give the cluster's ` +
        "secret in a file (--secret-file) or in the environment (DYNAMO_SECRET)",
    );
  }
  if (initialConfig.members.length > 1) {
    throw new StartError(
      `Cannot start ${self} without the cluster's secret, which its ${initialConfig.members.length} ` +
        "members use to authenticate: give it in a file (--secret-file) or in the environment " +
        "(DYNAMO_SECRET)",
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
      return `${report.chunks} chunks of unfinished writes were removed`;
  }
}

interface FixedDocument {
  readonly id: NodeId;
  readonly config: ReturnType<typeof fixedPart>;
}

/**
 * Stores the fixed part of the configuration at the first start and compares it at later ones. It
 * determines where objects are stored, so data with another one must not be served.
 */
async function checkFixedConfig(
  store: RecordStore,
  id: NodeId,
  initialConfig: InitialClusterConfig,
): Promise<void> {
  const given: FixedDocument = { id, config: fixedPart(initialConfig.config) };
  const stored = await store.readMeta(FIXED_CONFIG) as FixedDocument | undefined;
  if (stored === undefined) {
    await store.writeMeta(FIXED_CONFIG, given);
    return;
  }
  const differences = differencesOf(stored, given);
  if (differences.length > 0) {
    throw new StartError(
      `Cannot start on this data: ${differences.join("; ")}. This cannot change: use the stored ` +
        "value or another --kv",
    );
  }
}

function differencesOf(stored: FixedDocument, given: FixedDocument): string[] {
  const found = stored.id === given.id
    ? []
    : [`id must be '${stored.id}', as in the store: current value is '${given.id}'`];
  for (const name of Object.keys(given.config) as (keyof FixedDocument["config"])[]) {
    const before = stored.config[name];
    const now = given.config[name];
    if (before === now) continue;
    found.push(`${name} must be '${before}', as in the store: current value is '${now}'`);
  }
  return found;
}

/** A node without a cluster secret seals contexts with its own key, which stays the same at restarts. */
async function ownSealSecret(store: RecordStore): Promise<string> {
  const stored = await store.readMeta("seal");
  if (typeof stored === "string") return stored;
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await store.writeMeta("seal", secret);
  return secret;
}

async function serve(
  service: NodeService,
  options: NodeOptions,
  port: number,
): Promise<RunningNode> {
  const { host, log } = options;
  const onError = (error: unknown) => {
    log.error(`a request failed because of a defect: ${stackOf(error)}`);
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
  // Peers keep their connections open, so a graceful shutdown would wait for them.
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
      }. Use another --port`,
    );
  }
  return new StartError(`Cannot listen on ${host}:${port}: ${message}`);
}

/** The process on the port, if this one may read /proc without a permission prompt. */
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
  // The last answers may still be on their way to the sockets.
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
