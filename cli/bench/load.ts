/**
 * The load: k clients on keep-alive connections, each sends its next request when the last was answered.
 * Runs in a Web Worker (`load_worker.ts`); says what came back and how long each took.
 */
import { LatencyRecorder, type RecorderSnapshot } from "../../lib/experiments/stats/histogram.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { HttpConnection, httpRequest } from "./http_connection.ts";

export type BenchOperation = "put" | "get";
/** How a store is spoken to. */
export type Dialect = "dynamo" | "etcd";

export interface Load {
  readonly dialect: Dialect;
  readonly operation: BenchOperation;
  /** `host:port` of each node; clients are dealt out evenly. */
  readonly hosts: readonly string[];
  readonly clients: number;
  /** Puts write new keys under this prefix and a number; gets read `keys` of them. */
  readonly prefix: string;
  readonly keys: number;
  /** The number of this worker's first new key, and how far apart its keys are. */
  readonly firstKey: number;
  readonly stride: number;
  readonly valueBytes: number;
  readonly durationMs: number;
  /** Ends before the time is up after so many puts: to load a store. */
  readonly countMost?: number;
  readonly seed: string;
}

export interface LoadOutcome {
  readonly ok: number;
  readonly failed: number;
  readonly elapsedMs: number;
  /** Puts sent: how many new keys there may be. */
  readonly sent: number;
  readonly latencies: RecorderSnapshot;
  /** What the first failure was, for a person. */
  readonly failure: string | null;
}

export async function runLoad(load: Load): Promise<LoadOutcome> {
  const connections = await Promise.all(
    Array.from({ length: load.clients }, (_, i) => connect(load, i)),
  );
  const random = SeededRandom.from(load.seed);
  const recorder = new LatencyRecorder();
  const value = "v".repeat(load.valueBytes);
  const most = load.countMost ?? Infinity;
  const tally = { ok: 0, failed: 0, sent: 0, failure: null as string | null };
  const startedMs = performance.now();
  const client = async ({ connection, host }: Awaited<ReturnType<typeof connect>>) => {
    while (performance.now() - startedMs < load.durationMs && tally.sent < most) {
      const number = load.operation === "put"
        ? load.firstKey + tally.sent * load.stride
        : Math.floor(random.float() * load.keys);
      tally.sent++;
      const request = requestFor(load, host, `${load.prefix}${number}`, value);
      const sentMs = performance.now();
      const answer = await connection.exchange(request);
      if (isOk(load, answer.status, connection)) {
        recorder.record(performance.now() - sentMs);
        tally.ok++;
      } else {
        tally.failed++;
        tally.failure ??= `${answer.status} ${connection.body().slice(0, 300)}`;
      }
    }
  };
  try {
    await Promise.all(connections.map(client));
  } finally {
    for (const { connection } of connections) connection.close();
  }
  const elapsedMs = performance.now() - startedMs;
  return { ...tally, elapsedMs, latencies: recorder.snapshot() };
}

async function connect(load: Load, client: number) {
  const host = load.hosts[client % load.hosts.length] as string;
  const { hostname, port } = new URL(`http://${host}`);
  return { host, connection: await HttpConnection.open(hostname, Number(port)) };
}

function requestFor(load: Load, host: string, key: string, value: string): Uint8Array {
  const isPut = load.operation === "put";
  if (load.dialect === "dynamo") {
    const body = isPut ? { contentType: "application/octet-stream", text: value } : undefined;
    return httpRequest(isPut ? "PUT" : "GET", `/kv/${key}`, host, body);
  }
  // etcd's JSON gateway takes keys and values in base64 (its API reference, "gRPC gateway").
  const text = isPut ? `{"key":"${btoa(key)}","value":"${btoa(value)}"}` : `{"key":"${btoa(key)}"}`;
  const path = isPut ? "/v3/kv/put" : "/v3/kv/range";
  return httpRequest("POST", path, host, { contentType: "application/json", text });
}

/** A get that finds nothing is no success: all keys asked for were put before. */
function isOk(load: Load, status: number, connection: HttpConnection): boolean {
  if (status !== 200) return false;
  if (load.dialect === "dynamo" || load.operation === "put") return true;
  return connection.body().includes(`"kvs"`);
}
