/**
 * `GET /metrics` in Prometheus' text format. The node counts by itself. prom-client is loaded at the first
 * request, and each request gives it the current values.
 *
 * Under a node's permissions prom-client's own process metrics are 0, so memory comes from
 * `Deno.memoryUsage()`. Names follow Prometheus' conventions (prometheus.io/docs/practices/naming): base
 * units at the end of the name, `_total` for counters only, and `_timestamp_seconds` for points in time.
 */
import { Counter, Gauge, Registry } from "prom-client";
import type { Counters } from "../../lib/dynamo/counters.ts";
import type { NodeService } from "./node_service.ts";
import { BUCKETS_S, type RequestSeries } from "./request_meter.ts";

export async function renderMetrics(
  service: NodeService,
): Promise<{ contentType: string; text: string }> {
  const registry = new Registry();
  registry.setDefaultLabels({ cluster: service.config.cluster, node: service.self.id });
  addReplica(registry, service);
  addPeers(registry, service);
  addMembership(registry, service);
  addRequests(registry, service);
  addStorage(registry, service);
  addTraffic(registry, service);
  addProcess(registry);
  return {
    contentType: registry.contentType,
    text: `${await registry.metrics()}${histogramText(service)}`,
  };
}

function counter(registry: Registry, name: string, help: string, value: number): void {
  new Counter({ name, help, registers: [registry] }).inc(value);
}

function gauge(registry: Registry, name: string, help: string, value: number): void {
  new Gauge({ name, help, registers: [registry] }).set(value);
}

/** The metric names and help texts of the replica's counters. */
const COUNTERS: Readonly<Partial<Record<keyof Counters, readonly [name: string, help: string]>>> = {
  requestsServed: ["requests_served", "Client requests answered successfully"],
  requestsFailed: ["requests_failed", "Client requests answered with an error"],
  overloaded: ["requests_overloaded", "Requests refused because too many were in progress"],
  forwards: ["forwards", "Requests forwarded to a node that can coordinate them"],
  readRepairs: ["read_repairs", "Stale replicas that reads brought up to date"],
  callsFailed: ["calls_failed", "Calls to peers that failed"],
  silences: ["silences", "Replicas replaced in a request because they did not answer in time"],
  storageFailures: ["storage_failures", "Disk accesses that failed"],
  gossipRounds: ["gossip_rounds", "Rounds of gossip that this node started"],
  hintsStored: ["hints_stored", "Hints stored for nodes that were down"],
  hintsDelivered: ["hints_delivered", "Hints delivered to the nodes that they were for"],
  exchanges: ["exchanges", "Anti-entropy comparisons with a co-owner that were completed"],
  exchangesFailed: ["exchanges_failed", "Anti-entropy comparisons with a co-owner that failed"],
  treesCompared: ["trees_compared", "Merkle trees compared"],
  keysRepaired: ["keys_repaired", "Keys repaired by anti-entropy"],
  reaped: ["tombstones_reaped", "Tombstones that this node removed from all replicas"],
  recovered: ["records_recovered", "Damaged records replaced from other replicas"],
  rangesTaken: ["ranges_taken", "Ranges that this node has received in range transfers"],
  keysTaken: ["keys_taken", "Keys that this node has copied in range transfers"],
  rangesAdvanced: [
    "ranges_advanced",
    "Changes of a range's owners that this node has made as register writer",
  ],
  orphansDropped: ["orphans_dropped", "Orphaned replicas that this node has dropped"],
};

function addReplica(registry: Registry, { replica }: NodeService): void {
  const { counters, requestsInFlight, crowdedKeys, conversations } = replica.stats();
  for (const [field, value] of Object.entries(counters)) {
    const snakeCase = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const [name, help] = COUNTERS[field as keyof Counters] ??
      [snakeCase, snakeCase.replaceAll("_", " ")];
    counter(registry, `dynamo_${name}_total`, help, value);
  }
  gauge(
    registry,
    "dynamo_requests_in_flight",
    "Client requests without an answer yet",
    requestsInFlight,
  );
  gauge(registry, "dynamo_conversations", "Reads, writes and forwards in progress", conversations);
  gauge(registry, "dynamo_crowded_keys", "Keys with many siblings", crowdedKeys.length);
}

/** The members and the progress of membership changes, as this node knows them. */
function addMembership(registry: Registry, { membership }: NodeService): void {
  const members = new Gauge({
    name: "dynamo_members",
    help: "Current and former members, by member status",
    labelNames: ["memberStatus"],
    registers: [registry],
  });
  for (const { memberStatus } of membership.entries()) members.inc({ memberStatus });
  const left = membership.ring.steps.length;
  gauge(
    registry,
    "dynamo_transfers_left",
    "Changes of a range's owners that are still to be made",
    left,
  );
}

/** The health of each peer as this node sees it, and the hints that this node keeps for it. */
function addPeers(registry: Registry, { replica, members, self }: NodeService): void {
  const { peers, hints, antiEntropy } = replica.stats();
  const byPeer = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["peer"], registers: [registry] });
  const phi = byPeer(
    "dynamo_phi",
    "Phi: the suspicion that the peer is down (absent without gossip)",
  );
  const up = byPeer("dynamo_peer_up", "1 while the peer is believed to be up");
  const held = byPeer("dynamo_hints_for", "Hints that this node keeps for the peer");
  const exchanged = byPeer(
    "dynamo_anti_entropy_last_timestamp_seconds",
    "Start of the last completed comparison with the peer, since 1970",
  );
  for (const { id: peer } of members) {
    if (peer === self.id) continue;
    const health = peers[peer];
    if (health !== undefined && health.phi !== null) phi.set({ peer }, health.phi);
    if (health !== undefined) up.set({ peer }, health.up ? 1 : 0);
    held.set({ peer }, hints[peer] ?? 0);
    const last = antiEntropy.last[peer];
    if (last?.completed === true) exchanged.set({ peer }, last.startedAt / 1_000_000);
  }
  const paused = antiEntropy.paused ? 1 : 0;
  gauge(registry, "dynamo_anti_entropy_paused", "1 while scheduled anti-entropy is paused", paused);
}

function addRequests(registry: Registry, { meter }: NodeService): void {
  const events = new Counter({
    name: "dynamo_observations_total",
    help: "Protocol events, by type",
    labelNames: ["type"],
    registers: [registry],
  });
  for (const [type, count] of meter.observed) events.inc({ type }, count);
}

function addStorage(registry: Registry, { store }: NodeService): void {
  const stats = store.stats();
  gauge(registry, "dynamo_keys", "Records stored", stats.keys);
  gauge(registry, "dynamo_record_bytes", "Bytes of all records as JSON", stats.recordBytes);
  gauge(registry, "dynamo_unreadable_records", "Records that cannot be read", stats.unreadable);
  gauge(registry, "dynamo_hints", "Hints that this node keeps", stats.hints);
  gauge(
    registry,
    "dynamo_record_cache_bytes",
    "Bytes of records in the memory cache",
    stats.cacheBytes,
  );
  gauge(
    registry,
    "dynamo_storage_queued_bytes",
    "Bytes that wait to be committed",
    stats.queuedBytes,
  );
  if (stats.bytesOnDisk !== null) {
    gauge(registry, "dynamo_disk_bytes", "Size of the store's files", stats.bytesOnDisk);
  }
  counter(registry, "dynamo_storage_commits_total", "Commits to the disk", stats.commits);
  counter(
    registry,
    "dynamo_storage_writes_total",
    "Writes that were part of a commit",
    stats.writes,
  );
  const loads = new Counter({
    name: "dynamo_storage_loads_total",
    help: "Loads of records, from memory or from the disk",
    labelNames: ["from"],
    registers: [registry],
  });
  loads.inc({ from: "memory" }, stats.loadsFromMemory);
  loads.inc({ from: "disk" }, stats.loadsFromDisk);
}

function addTraffic(registry: Registry, { peers, events, messagesDelayed }: NodeService): void {
  const { calls, pieces, sessions } = peers.counters;
  counter(registry, "dynamo_rpc_calls_total", "Calls to peers", calls);
  counter(
    registry,
    "dynamo_rpc_pieces_total",
    "Batches in which calls to peers were written",
    pieces,
  );
  counter(registry, "dynamo_rpc_sessions_total", "HTTP/2 sessions opened to peers", sessions);
  const bytes = new Counter({
    name: "dynamo_rpc_bytes_total",
    help: "Bytes of calls to peers and of their answers, as JSON-RPC",
    labelNames: ["method", "direction"],
    registers: [registry],
  });
  for (const [method, each] of Object.entries(peers.traffic.methods)) {
    bytes.inc({ method, direction: "sent" }, each.sentBytes);
    bytes.inc({ method, direction: "received" }, each.receivedBytes);
  }
  gauge(
    registry,
    "dynamo_rpc_messages_delayed",
    "Messages that injected latency is delaying",
    messagesDelayed,
  );
  gauge(registry, "dynamo_event_watchers", "Open streams of /events", events.size);
}

function addProcess(registry: Registry): void {
  const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
  gauge(registry, "process_resident_memory_bytes", "Resident memory of the process", rss);
  gauge(registry, "process_heap_bytes", "Size of the heap", heapTotal);
  gauge(registry, "process_heap_used_bytes", "Used part of the heap", heapUsed);
  gauge(
    registry,
    "process_external_memory_bytes",
    "Memory outside the heap, such as buffers",
    external,
  );
  const startedAtS = performance.timeOrigin / 1_000;
  gauge(registry, "process_start_time_seconds", "Start of the process, since 1970", startedAtS);
}

/** prom-client's histogram takes single observations, but the node keeps counts, so it is written here. */
function histogramText({ meter, config, self }: NodeService): string {
  const name = "dynamo_request_duration_seconds";
  const common = `cluster="${config.cluster}",node="${self.id}"`;
  const lines = [
    `# HELP ${name} Duration of requests that this node coordinated, until all replicas had answered or failed`,
    `# TYPE ${name} histogram`,
  ];
  for (const series of meter.series) lines.push(...seriesLines(name, common, series));
  return `\n${lines.join("\n")}\n`;
}

function seriesLines(name: string, common: string, series: RequestSeries): string[] {
  const { method, outcome, counts, sumS } = series;
  const labels = `${common},method="${method}",outcome="${outcome}"`;
  let total = 0;
  const lines = counts.map((count, bucket) => {
    total += count;
    return `${name}_bucket{${labels},le="${BUCKETS_S[bucket] ?? "+Inf"}"} ${total}`;
  });
  return [...lines, `${name}_sum{${labels}} ${sumS}`, `${name}_count{${labels}} ${total}`];
}
