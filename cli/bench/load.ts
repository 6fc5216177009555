/**
 * The benchmark's load on one store: keep-alive connections, and the store's own dialect. Runs in a
 * Web Worker (`load_worker.ts`).
 *
 * What is sent next and how it is counted is `wall_clock_load.ts`, as everywhere. Measured against
 * a server that does nothing, a request takes the generator 9 µs of processor time either way.
 */
import type { RecorderSnapshot } from "../../lib/experiments/stats/histogram.ts";
import { inOrder, uniform } from "../../lib/experiments/workload/keys.ts";
import { COUNT_MAX } from "../../lib/experiments/workload/load.ts";
import type { Tally } from "../../lib/experiments/workload/tally.ts";
import { runLoad } from "../../lib/experiments/workload/wall_clock_load.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { HttpConnection, httpRequest } from "./http_connection.ts";

export type BenchOperation = "put" | "get";
/** The API of a store. */
export type Dialect = "dynamo" | "etcd";

export interface BenchLoad {
  readonly dialect: Dialect;
  readonly operation: BenchOperation;
  /** `host:port` of each node. Clients are distributed evenly. */
  readonly hosts: readonly string[];
  readonly clients: number;
  /** Keys are this prefix and a number. Puts write new keys; gets read the first `keys` of them. */
  readonly prefix: string;
  readonly keys: number;
  /** The number of this worker's first new key, and the distance to its next one. */
  readonly firstKey: number;
  readonly stride: number;
  readonly valueBytes: number;
  readonly durationMs: number;
  /** Ends the load after this many operations. */
  readonly countMost?: number;
  readonly seed: string;
}

export interface LoadOutcome {
  readonly ok: number;
  readonly failed: number;
  readonly elapsedMs: number;
  readonly latencies: RecorderSnapshot;
  /** The first failure. */
  readonly failure: string | null;
}

export async function runBenchLoad(load: BenchLoad): Promise<LoadOutcome> {
  const connections = await Promise.all(
    Array.from({ length: load.clients }, (_, i) => connect(load, i)),
  );
  const { operation, prefix, firstKey: first, stride } = load;
  const text = "v".repeat(load.valueBytes);
  // There are as many connections as clients, so each client finds an idle one.
  const idle = [...connections];
  let failure: string | null = null;
  try {
    const { tallies, elapsedMs } = await runLoad({
      mix: [{ operation, share: 1 }],
      arrivals: { kind: "closed", concurrency: load.clients },
      count: load.countMost ?? COUNT_MAX,
      durationMs: load.durationMs,
      keys: operation === "put"
        ? inOrder({ prefix, first, stride })
        : uniform(load.keys, { prefix }),
      // `requestFor` makes the value.
      valueBytes: 0,
      random: SeededRandom.from(load.seed),
      send: async (_, key) => {
        const client = idle.pop() as typeof connections[number];
        const { connection, host } = client;
        const { status } = await connection.exchange(requestFor(load, host, key, text));
        idle.push(client);
        if (isOk(load, status, connection)) return "ok";
        failure ??= `${status} ${connection.body().slice(0, 300)}`;
        return "failed";
      },
    });
    const { ok, failed, latency } = tallies.get(operation) as Tally;
    return { ok, failed, elapsedMs, latencies: latency.snapshot(), failure };
  } finally {
    for (const { connection } of connections) connection.close();
  }
}

async function connect(load: BenchLoad, client: number) {
  const host = load.hosts[client % load.hosts.length] as string;
  const { hostname, port } = new URL(`http://${host}`);
  return { host, connection: await HttpConnection.open(hostname, Number(port)) };
}

function requestFor(load: BenchLoad, host: string, key: string, value: string): Uint8Array {
  const isPut = load.operation === "put";
  if (load.dialect === "dynamo") {
    const body = isPut ? { contentType: "application/octet-stream", text: value } : undefined;
    return httpRequest(isPut ? "PUT" : "GET", `/kv/${key}`, host, body);
  }
  // etcd's JSON gateway expects keys and values in base64 (API reference, "gRPC gateway").
  const text = isPut ? `{"key":"${btoa(key)}","value":"${btoa(value)}"}` : `{"key":"${btoa(key)}"}`;
  const path = isPut ? "/v3/kv/put" : "/v3/kv/range";
  return httpRequest("POST", path, host, { contentType: "application/json", text });
}

/** A get that finds nothing has failed, because all requested keys exist. */
function isOk(load: BenchLoad, status: number, connection: HttpConnection): boolean {
  if (status !== 200) return false;
  if (load.dialect === "dynamo" || load.operation === "put") return true;
  return connection.body().includes(`"kvs"`);
}
