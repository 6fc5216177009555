/**
 * A launched cluster as the dashboard watches it: states of its processes, what its nodes say of
 * themselves, and the protocol events of all of them merged into one bounded stream.
 *
 * Nodes are asked only while somebody looks. Without a subscriber there is no polling and no stream.
 */
import type {
  ClusterDetail,
  ClusterState,
  ClusterSummary,
  LiveMessage,
  NodeStatus,
  NodeView,
} from "../../../islands/models/api.ts";
import { type ClusterConfig, clusterConfig } from "../../../lib/dynamo/types/config.ts";
import type { NodeId } from "../../../lib/dynamo/types/ids.ts";
import type { LaunchOptions } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { LaunchedCluster } from "./launched_cluster.ts";
import { MovesWatch, NO_TRANSFERS } from "./moves_watch.ts";
import { followEvents } from "./node_stream.ts";

const POLL_MS = 1_000;
const STATUS_TIMEOUT_MS = 900;
/** Protocol events passed on in a window; a page cannot show more, and a person cannot read more. */
const EVENTS_PER_WINDOW = 50;
const WINDOW_MS = 250;

export type Launch = (options: LaunchOptions) => Promise<LaunchedCluster>;

type NodeAnswer = Omit<NodeStatus, "servedPerSecond"> & { readonly ringVersion?: string };

type Listener = (message: LiveMessage | RawProtocolEvent) => void;

/** A protocol event whose data is still the node's own JSON text. */
export interface RawProtocolEvent {
  readonly event: "protocol-json";
  readonly json: string;
}

export class LiveCluster {
  readonly startedAt = new Date();
  /** Resolves when the cluster runs or has failed to start. Never rejects. */
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
        // Asked to end before it had begun.
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
    if (this.#listeners.size > 0) this.#watch();
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
    if (this.#listeners.size === 1) this.#watch();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#unwatch();
    };
  }

  publish(message: LiveMessage): void {
    this.#send(message);
  }

  #send(message: LiveMessage | RawProtocolEvent): void {
    for (const listener of [...this.#listeners]) listener(message);
  }

  #watch(): void {
    if (this.cluster === null || this.#poll !== null) return;
    this.#poll = setInterval(() => void this.refresh(), POLL_MS);
    this.#followNodes();
    void this.refresh();
  }

  #unwatch(): void {
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#poll = null;
    for (const { abort } of this.#streams.values()) abort.abort();
    this.#streams.clear();
  }

  #onChange(): void {
    if (this.#poll !== null) this.#followNodes();
    this.#send({ event: "nodes", data: this.#nodes() });
  }

  /** One stream a running process: a restarted node gets a new one. */
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

  /** Asks every running node how it is, and tells the subscribers. Calls under way are shared. */
  refresh(): Promise<void> {
    this.#polling ??= this.#askNodes().finally(() => this.#polling = null);
    return this.#polling;
  }

  /** As {@link refresh}, and certainly begun after this was called. */
  async refreshAnew(): Promise<void> {
    await this.#polling;
    await this.refresh();
  }

  async #askNodes(): Promise<void> {
    const nodes = (this.cluster?.nodes ?? []).filter((node) => node.state === "running");
    const rings = await Promise.all(nodes.map((node) => this.#askNode(node.id, node.url)));
    const news = await this.#moves?.look(nodes, rings) ?? [];
    if (this.#poll !== null) this.#followNodes();
    this.#send({ event: "nodes", data: this.#nodes() });
    for (const message of news) this.#send(message);
    if (this.#window.dropped > 0) {
      this.#send({ event: "dropped", data: { count: this.#window.dropped } });
      this.#window.dropped = 0;
    }
  }

  /** The version of its ring; null when it is silent. */
  async #askNode(id: NodeId, url: string): Promise<string | null> {
    try {
      const response = await this.fetchFrom(`${url}/status`, {
        signal: AbortSignal.timeout(STATUS_TIMEOUT_MS),
      });
      if (!response.ok) {
        await response.body?.cancel();
        return null;
      }
      const status = await response.json() as NodeAnswer;
      this.#statuses.set(id, { status: this.#withRate(id, status), at: Date.now() });
      return status.ringVersion ?? null;
    } catch {
      // Silent: the last word stays, and the process's state tells whether it lives.
      return null;
    }
  }

  #withRate(id: NodeId, status: NodeAnswer): NodeStatus {
    const before = this.#statuses.get(id);
    const { uptimeMs, keys, bytesOnDisk, requests, memory, hints, peers, warnings } = status;
    const served = requests.served - (before?.status.requests.served ?? 0);
    const seconds = before === undefined ? 0 : (Date.now() - before.at) / 1_000;
    // A restarted node counts from 0 again.
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

  /** Ends every process. Idempotent: later calls wait for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const cluster = this.#cluster;
    this.#state = "ending";
    this.#unsubscribe();
    this.#unwatch();
    this.#send({ event: "ended", data: {} });
    this.#listeners.clear();
    // One that is still starting is given up, and closed by its start.
    this.#abort.abort(new Error("The cluster was asked to end while it started"));
    await (cluster === null ? this.settled : cluster.close());
  }
}
