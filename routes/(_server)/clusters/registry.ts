/** The clusters of this dashboard, by name. They end with the dashboard at the latest. */
import type { LaunchOptions } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { type Launch, LiveCluster } from "./live_cluster.ts";
import { LoadRuns, type LoadSender } from "./load_runs.ts";

const CLUSTERS_MAX = 8;
export const NODES_MAX = 32;
/** Maximum for all clusters together: a node takes 60 to 80 MB of memory. */
const NODES_TOTAL_MAX = 64;

/** Launch options with a known number of nodes, to check the limit. */
export type SizedOptions = LaunchOptions & { readonly nodes: number };

export interface Registered {
  readonly live: LiveCluster;
  readonly loads: LoadRuns;
}

interface RegistryOptions {
  readonly launch: Launch;
  readonly loadSender: LoadSender;
  /** Sends requests to nodes; tests pass a fake one. */
  readonly fetch?: typeof fetch;
}

export class ClusterRegistry {
  readonly #clusters = new Map<string, Registered>();
  readonly #options: RegistryOptions;
  #lastNumber = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get fetch(): typeof fetch {
    return this.#options.fetch ?? fetch;
  }

  list(): Registered[] {
    return [...this.#clusters.values()];
  }

  /** Throws a 404 {@link ProblemError} that lists the existing clusters. */
  find(id: string): Registered {
    const found = this.#clusters.get(id);
    if (found !== undefined) return found;
    const ids = [...this.#clusters.keys()];
    throw new ProblemError(
      "not-found",
      `There is no cluster '${id}': ${
        ids.length === 0 ? "none is running" : `the clusters are ${ids.join(", ")}`
      }`,
    );
  }

  /** Waits until no cluster is starting, at most for the given time. */
  async startsDone(timeoutMs: number): Promise<void> {
    const { promise: timeUp, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([Promise.all(this.list().map(({ live }) => live.settled)), timeUp]);
    clearTimeout(timer);
  }

  /**
   * Starts a cluster, by default under the name in its configuration or a free one. `live.settled`
   * resolves when it runs or has failed. Throws a 409 {@link ProblemError} at a limit.
   */
  launch(options: SizedOptions, name = options.config?.cluster): Registered {
    this.#removeFailed();
    this.#requireRoomForCluster(options.nodes);
    const id = name ?? this.#freeName();
    if (this.#clusters.has(id)) {
      throw new ProblemError(
        "conflict",
        `name must not be the name of another cluster: '${id}' is taken`,
      );
    }
    const named = { ...options, config: { ...options.config, cluster: id } };
    const live = new LiveCluster(id, named, this.#options.launch, this.fetch);
    const loads = new LoadRuns(live, this.#options.loadSender);
    this.#clusters.set(id, { live, loads });
    return { live, loads };
  }

  /** Throws a 409 {@link ProblemError} if the cluster cannot have another node. */
  requireRoomForNode(live: LiveCluster): void {
    const nodes = sizeOf(live);
    if (nodes >= NODES_MAX) {
      throw new ProblemError(
        "conflict",
        `A cluster can have at most ${NODES_MAX} nodes: '${live.id}' has ${nodes}`,
      );
    }
    this.#requireRoomForNodes(1);
  }

  #requireRoomForCluster(nodes: number): void {
    if (this.#clusters.size >= CLUSTERS_MAX) {
      throw new ProblemError(
        "conflict",
        `At most ${CLUSTERS_MAX} clusters can run at once: ${this.#clusters.size} exist. End one first`,
      );
    }
    this.#requireRoomForNodes(nodes);
  }

  #requireRoomForNodes(nodes: number): void {
    const total = this.list().reduce((sum, { live }) => sum + sizeOf(live), 0);
    if (total + nodes > NODES_TOTAL_MAX) {
      throw new ProblemError(
        "conflict",
        `At most ${NODES_TOTAL_MAX} nodes can run at once: ${total} are running, ${nodes} more requested`,
      );
    }
  }

  /** A cluster that failed to start stays until the next start, so that its error can be read. */
  #removeFailed(): void {
    for (const [id, { live }] of this.#clusters) {
      if (live.state === "failed") this.#clusters.delete(id);
    }
  }

  #freeName(): string {
    do this.#lastNumber++; while (this.#clusters.has(`cluster-${this.#lastNumber}`));
    return `cluster-${this.#lastNumber}`;
  }

  /** Ends a cluster and removes it. Throws a 404 {@link ProblemError} if it does not exist. */
  async end(id: string): Promise<void> {
    const { live, loads } = this.find(id);
    this.#clusters.delete(id);
    loads.stopAll();
    await live.close();
  }

  /** Ends all clusters. */
  async close(): Promise<void> {
    const ids = [...this.#clusters.keys()];
    await Promise.all(ids.map((id) => this.end(id)));
  }
}

/** Number of node processes that the cluster has or is going to start. */
function sizeOf(live: LiveCluster): number {
  return live.cluster?.nodes.length ?? live.options.nodes;
}
