/**
 * A launched cluster as the dashboard sees it: the states of its processes, the status of its
 * nodes, and the protocol events of all nodes in one stream of limited rate.
 *
 * The dashboard polls the nodes and follows their events only while there are subscribers.
 */
import type {
  ClusterDetail,
  ClusterState,
  ClusterSummary,
  LiveMessage,
  NodeStatus,
  NodeView,
} from "../../../islands/models/api.ts";
import { askForJson } from "../../../lib/client/node_requests.ts";
import { type ClusterConfig, clusterConfig } from "../../../lib/dynamo/types/config.ts";
import type { NodeId } from "../../../lib/dynamo/types/ids.ts";
import type { LaunchOptions } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { LaunchedCluster } from "./launched_cluster.ts";
import { MovesWatch, NO_TRANSFERS } from "./moves_watch.ts";
import { followEvents } from "./node_stream.ts";

const POLL_MS = 1_000;
const STATUS_TIMEOUT_MS = 900;
/** Maximum number of protocol events sent per window. Nobody can read more. */
const EVENTS_PER_WINDOW = 50;
const WINDOW_MS = 250;

export type Launch = (options: LaunchOptions) => Promise<LaunchedCluster>;

type StatusAnswer = Omit<NodeStatus, "servedPerSecond"> & { readonly ringVersion?: string };

type Listener = (message: LiveMessage | RawProtocolEvent) => void;

/** A protocol event whose data is the node's JSON text, not parsed. */
export interface RawProtocolEvent {
  readonly event: "protocol-json";
  readonly json: string;
}

export class LiveCluster {
  readonly startedAt = new Date();
  /** Resolves when the cluster is running or has failed to start. Never rejects. */
  readonly settled: Promise<void>;
  #state: ClusterState = "starting";
  #failure: string | null = null;
  #cluster: LaunchedCluster | null = null;
  #unsubscribe: () => void = () => {};
  #closing: Promise<void> | null = null;
  readonly #abort = new AbortController();
  readonly #config: ClusterConfig;
  readonly #statuses = new Map<NodeId, { status: NodeStatus; at: number }>();
  readonly #listeners = new Set<Listener>();
  readonly #streams = new Map<NodeId, { pid: number | null; abort: AbortController }>();
  #poll: ReturnType<typeof setInterval> | null = null;
  #polling: Promise<void> | null = null;
  #window = { at: 0, passed: 0, dropped: 0 };
  readonly #marks = new Map<NodeId, number>();
  #moves: MovesWatch | null = null;

  constructor(
    readonly id: string,
    readonly options: LaunchOptions & { readonly nodes: number },
    launch: Launch,
    private readonly fetchFrom: typeof fetch,
  ) {
    this.#config = clusterConfig(options.config);
    this.settled = this.#start(launch);
  }

  async #start(launch: Launch): Promise<void> {
    try {
      const cluster = await launch({ ...this.options, signal: this.#abort.signal });
      if (this.#state !== "starting") {
        // The cluster was closed while it started.
        await cluster.close();
        return;
      }
      this.#cluster = cluster;
      this.#moves = new MovesWatch(cluster, this.fetchFrom);
      this.#state = "running";
      this.#unsubscribe = cluster.onChange(() => this.#onChange());
    } catch (error) {
      if (this.#state !== "starting") return;
      this.#state = "failed";
      this.#failure = error instanceof Error ? error.message : String(error);
    }
    if (this.#listeners.size > 0) this.#startPolling();
    this.#send({ event: "cluster", data: this.detail() });
  }

  get state(): ClusterState {
    return this.#state;
  }

  get failure(): string | null {
    return this.#failure;
  }

  /** The processes; null unless the cluster is running. */
  get cluster(): LaunchedCluster | null {
    return this.#state === "running" ? this.#cluster : null;
  }

  /** The processes. Throws a 409 {@link ProblemError} unless the cluster is running. */
  requireRunning(): LaunchedCluster {
    if (this.cluster !== null) return this.cluster;
    throw new ProblemError("conflict", `The cluster must be running: it is ${this.#state}`);
  }

  summary(): ClusterSummary {
    return {
      id: this.id,
      state: this.#state,
      failure: this.#failure,
      startedAt: this.startedAt.toISOString(),
      config: this.#cluster?.initialConfig.config ?? this.#config,
      latency: this.options.latency ?? null,
      nodes: this.#nodes(),
    };
  }

  detail(): ClusterDetail {
    const moves = this.#moves;
    return {
      ...this.summary(),
      ring: moves?.ring ?? null,
      transfers: moves?.transfers ?? NO_TRANSFERS,
    };
  }

  #nodes(): NodeView[] {
    return (this.#cluster?.nodes ?? []).map(({ id, url, pid, state, exit }) => ({
      id,
      url,
      pid,
      state,
      exit,
      status: this.#statuses.get(id)?.status ?? null,
      mark: this.#markOf(id),
    }));
  }

  #markOf(id: NodeId): number {
    const mark = this.#marks.get(id) ?? this.#marks.size;
    this.#marks.set(id, mark);
    return mark;
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#startPolling();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopPolling();
    };
  }

  publish(message: LiveMessage): void {
    this.#send(message);
  }

  #send(message: LiveMessage | RawProtocolEvent): void {
    for (const listener of [...this.#listeners]) listener(message);
  }

  #startPolling(): void {
    if (this.cluster === null || this.#poll !== null) return;
    this.#poll = setInterval(() => void this.refresh(), POLL_MS);
    this.#followNodes();
    void this.refresh();
  }

  #stopPolling(): void {
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#poll = null;
    for (const { abort } of this.#streams.values()) abort.abort();
    this.#streams.clear();
  }

  #onChange(): void {
    if (this.#poll !== null) this.#followNodes();
    this.#send({ event: "nodes", data: this.#nodes() });
  }

  /** Opens an event stream to each live process. A restarted node gets a new stream. */
  #followNodes(): void {
    for (const node of this.cluster?.nodes ?? []) {
      const followed = this.#streams.get(node.id);
      const alive = node.state === "running" || node.state === "paused";
      if (followed !== undefined && (!alive || followed.pid !== node.pid)) {
        followed.abort.abort();
        this.#streams.delete(node.id);
      }
      if (!alive || this.#streams.has(node.id)) continue;
      const abort = new AbortController();
      const stream = { pid: node.pid, abort };
      this.#streams.set(node.id, stream);
      void followEvents(
        `${node.url}/events`,
        abort.signal,
        (event, data) => this.#onNodeEvent(event, data),
        this.fetchFrom,
      ).then(() => {
        if (this.#streams.get(node.id) === stream) this.#streams.delete(node.id);
      });
    }
  }

  #onNodeEvent(event: string, json: string): void {
    if (event === "message") return;
    if (event === "dropped") {
      this.#window.dropped += Number((JSON.parse(json) as { count: unknown }).count) || 0;
      return;
    }
    const now = Date.now();
    if (now - this.#window.at >= WINDOW_MS) {
      this.#window = { at: now, passed: 0, dropped: this.#window.dropped };
    }
    if (this.#window.passed >= EVENTS_PER_WINDOW) {
      this.#window.dropped++;
      return;
    }
    this.#window.passed++;
    this.#send({ event: "protocol-json", json });
  }

  /** Polls all running nodes and informs the subscribers. Concurrent calls share one poll. */
  refresh(): Promise<void> {
    this.#polling ??= this.#askNodes().finally(() => this.#polling = null);
    return this.#polling;
  }

  /** As {@link refresh}, but the poll begins after this call. */
  async refreshAnew(): Promise<void> {
    await this.#polling;
    await this.refresh();
  }

  async #askNodes(): Promise<void> {
    const nodes = (this.cluster?.nodes ?? []).filter((node) => node.state === "running");
    const ringVersions = await Promise.all(nodes.map((node) => this.#askNode(node.id, node.url)));
    const updates = await this.#moves?.look(nodes, ringVersions) ?? [];
    if (this.#poll !== null) this.#followNodes();
    this.#send({ event: "nodes", data: this.#nodes() });
    for (const message of updates) this.#send(message);
    if (this.#window.dropped > 0) {
      this.#send({ event: "dropped", data: { count: this.#window.dropped } });
      this.#window.dropped = 0;
    }
  }

  /** Updates the node's status and returns its ring version; null if it does not answer. */
  async #askNode(id: NodeId, url: string): Promise<string | null> {
    try {
      const request = { url: `${url}/status`, timeoutMs: STATUS_TIMEOUT_MS };
      const status = await askForJson<StatusAnswer>(request, this.fetchFrom);
      this.#statuses.set(id, { status: this.#withRate(id, status), at: Date.now() });
      return status.ringVersion ?? null;
    } catch {
      // No answer: the last status stays. The process's state shows whether the node is alive.
      return null;
    }
  }

  #withRate(id: NodeId, status: StatusAnswer): NodeStatus {
    const before = this.#statuses.get(id);
    const { uptimeMs, keys, bytesOnDisk, requests, memory, hints, peers, warnings } = status;
    const served = requests.served - (before?.status.requests.served ?? 0);
    const seconds = before === undefined ? 0 : (Date.now() - before.at) / 1_000;
    // After a restart the node counts from 0 again.
    const servedPerSecond = seconds > 0 && served >= 0 ? served / seconds : 0;
    return {
      uptimeMs,
      keys,
      bytesOnDisk,
      requests,
      memory,
      hints,
      peers,
      warnings,
      servedPerSecond,
    };
  }

  /** Ends all processes. Later calls wait for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const cluster = this.#cluster;
    this.#state = "ending";
    this.#unsubscribe();
    this.#stopPolling();
    this.#send({ event: "ended", data: {} });
    this.#listeners.clear();
    // Aborts a start. `#start` then closes the cluster.
    this.#abort.abort(new Error("The cluster was ended while it was starting"));
    await (cluster === null ? this.settled : cluster.close());
  }
}
