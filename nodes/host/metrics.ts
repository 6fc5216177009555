/**
 * `GET /metrics` in Prometheus' text format. The node counts by itself, without a library on its way;
 * prom-client is loaded with the first question and given the figures of that moment.
 *
 * Its own process gauges read 0 under a node's permissions, so memory comes from `Deno.memoryUsage()`.
 * Names follow Prometheus' conventions (prometheus.io/docs/practices/naming): base units, which end the
 * name; `_total` for counters alone; moments as `_timestamp_seconds`.
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

/** What the replica's counters are called here, and what they count. */
const COUNTERS: Readonly<Partial<Record<keyof Counters, readonly [name: string, help: string]>>> = {
  requestsServed: ["requests_served", "Client requests answered as asked"],
  requestsFailed: ["requests_failed", "Client requests answered with an error"],
  overloaded: ["requests_overloaded", "Requests refused because too many were under way"],
  forwards: ["forwards", "Requests passed on to a node that can coordinate them"],
  readRepairs: ["read_repairs", "Stale replicas that reads brought up to date"],
  callsFailed: ["calls_failed", "Calls to peers that failed"],
  silences: ["silences", "Replicas passed over because they were silent for too long"],
  storageFailures: ["storage_failures", "Accesses to the disk that failed"],
  gossipRounds: ["gossip_rounds", "Rounds of gossip that this node began"],
  hintsStored: ["hints_stored", "Hints taken on for nodes that were down"],
  hintsDelivered: ["hints_delivered", "Hints handed to those they were for"],
  exchanges: ["exchanges", "Comparisons with a co-owner that went through"],
  exchangesFailed: ["exchanges_failed", "Comparisons with a co-owner that did not"],
  treesCompared: ["trees_compared", "Merkle trees compared"],
  keysRepaired: ["keys_repaired", "Keys that comparisons brought up to date"],
  reaped: ["tombstones_reaped", "Tombstones that this node had dropped everywhere"],
  recovered: ["records_recovered", "Damaged records replaced from the other replicas"],
  rangesTaken: ["ranges_taken", "Ranges of the ring that this node has taken over"],
  keysTaken: ["keys_taken", "Keys that this node has copied for ranges that it takes over"],
  rangesAdvanced: [
    "ranges_advanced",
    "Changes of owners that this node has made, as a register writer",
  ],
  orphansDropped: ["orphans_dropped", "Copies of ranges given up that every owner holds"],
};

function addReplica(registry: Registry, { replica }: NodeService): void {
  const { counters, requestsInFlight, crowdedKeys, conversations } = replica.stats();
  for (const [field, value] of Object.entries(counters)) {
    const words = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const [name, help] = COUNTERS[field as keyof Counters] ?? [words, words.replaceAll("_", " ")];
    counter(registry, `dynamo_${name}_total`, help, value);
  }
  gauge(
    registry,
    "dynamo_requests_in_flight",
    "Client requests without an answer yet",
    requestsInFlight,
  );
  gauge(registry, "dynamo_conversations", "Reads, writes and forwards under way", conversations);
  gauge(registry, "dynamo_crowded_keys", "Keys with many siblings", crowdedKeys.length);
}

/** Who belongs to the cluster, and how far its changes have come, as this node knows. */
function addMembership(registry: Registry, { membership }: NodeService): void {
  const members = new Gauge({
    name: "dynamo_members",
    help: "Nodes that are or were members, by member status",
    labelNames: ["memberStatus"],
    registers: [registry],
  });
  for (const { memberStatus } of membership.entries()) members.inc({ memberStatus });
  const left = membership.ring.steps.length;
  gauge(registry, "dynamo_transfers_left", "Changes of owners that are still to be made", left);
}

/** What this node thinks of each peer, and holds for it. */
function addPeers(registry: Registry, { replica, members, self }: NodeService): void {
  const { peers, hints, antiEntropy } = replica.stats();
  const byPeer = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ["peer"], registers: [registry] });
  const phi = byPeer("dynamo_phi", "Suspicion that the peer is down (no sample without gossip)");
  const up = byPeer("dynamo_peer_up", "1 while the peer is believed to be up");
  const held = byPeer("dynamo_hints_for", "Hints held for the peer");
  const exchanged = byPeer(
    "dynamo_anti_entropy_last_timestamp_seconds",
    "When the last completed comparison with the peer began, since 1970",
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
  gauge(registry, "dynamo_anti_entropy_paused", "1 while it was paused by hand", paused);
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
  gauge(registry, "dynamo_keys", "Records held", stats.keys);
  gauge(registry, "dynamo_record_bytes", "JSON bytes of all records", stats.recordBytes);
  gauge(registry, "dynamo_unreadable_records", "Records that cannot be read", stats.unreadable);
  gauge(registry, "dynamo_hints", "Hints held", stats.hints);
  gauge(registry, "dynamo_record_cache_bytes", "Bytes of records in memory", stats.cacheBytes);
  gauge(registry, "dynamo_storage_queued_bytes", "Bytes that wait for a commit", stats.queuedBytes);
  if (stats.bytesOnDisk !== null) {
    gauge(registry, "dynamo_disk_bytes", "Size of the store's files", stats.bytesOnDisk);
  }
  counter(registry, "dynamo_storage_commits_total", "Commits", stats.commits);
  counter(registry, "dynamo_storage_writes_total", "Writes that commits carried", stats.writes);
  const loads = new Counter({
    name: "dynamo_storage_loads_total",
    help: "Loads, by where they were answered from",
    labelNames: ["from"],
    registers: [registry],
  });
  loads.inc({ from: "memory" }, stats.loadsFromMemory);
  loads.inc({ from: "disk" }, stats.loadsFromDisk);
}

function addTraffic(registry: Registry, { peers, events, messagesDelayed }: NodeService): void {
  const { calls, pieces, sessions } = peers.counters;
  counter(registry, "dynamo_rpc_calls_total", "Calls to peers", calls);
  counter(registry, "dynamo_rpc_pieces_total", "Pieces in which they were written", pieces);
  counter(registry, "dynamo_rpc_sessions_total", "HTTP/2 sessions opened to peers", sessions);
  const bytes = new Counter({
    name: "dynamo_rpc_bytes_total",
    help: "JSON-RPC bytes of calls to peers and of their answers",
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
    "Messages that injected latency holds",
    messagesDelayed,
  );
  gauge(registry, "dynamo_event_watchers", "Streams of /events", events.size);
}

function addProcess(registry: Registry): void {
  const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
  gauge(registry, "process_resident_memory_bytes", "Resident memory", rss);
  gauge(registry, "process_heap_bytes", "Heap, all of it", heapTotal);
  gauge(registry, "process_heap_used_bytes", "Heap in use", heapUsed);
  gauge(registry, "process_external_memory_bytes", "Memory of buffers outside the heap", external);
  const startedAtS = performance.timeOrigin / 1_000;
  gauge(registry, "process_start_time_seconds", "When the process started, since 1970", startedAtS);
}

/** prom-client's histogram takes observations, not counts, so the counted one is written here. */
function histogramText({ meter, config, self }: NodeService): string {
  const name = "dynamo_request_duration_seconds";
  const common = `cluster="${config.cluster}",node="${self.id}"`;
  const lines = [
    `# HELP ${name} Time of requests that this node coordinated, until all replicas had answered or failed`,
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
