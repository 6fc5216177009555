/**
 * The clusters of this dashboard, by name. They live as long as the dashboard does.
 */
import type { LaunchOptions } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { type Launch, LiveCluster } from "./live_cluster.ts";
import { LoadRuns, type LoadSender } from "./load_runs.ts";

const CLUSTERS_MAX = 8;
export const NODES_MAX = 32;
/** Processes of all clusters together: a node takes 60 to 80 MB. */
const NODES_TOTAL_MAX = 64;

/** The number of nodes is always said here: it is counted against the bound. */
export type SizedOptions = LaunchOptions & { readonly nodes: number };

export interface Registered {
  readonly live: LiveCluster;
  readonly loads: LoadRuns;
}

interface RegistryOptions {
  readonly launch: Launch;
  readonly loadSender: LoadSender;
  /** How nodes are reached; tests give their own. */
  readonly fetch?: typeof fetch;
}

export class ClusterRegistry {
  readonly #clusters = new Map<string, Registered>();
  readonly #options: RegistryOptions;
  #serial = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get fetch(): typeof fetch {
    return this.#options.fetch ?? fetch;
  }

  list(): Registered[] {
    return [...this.#clusters.values()];
  }

  /** Throws a 404 {@link ProblemError} that names the clusters there are. */
  find(id: string): Registered {
    const found = this.#clusters.get(id);
    if (found !== undefined) return found;
    const ids = [...this.#clusters.keys()];
    throw new ProblemError(
      "not-found",
      `There is no cluster '${id}': ${
        ids.length === 0 ? "none is running" : `there is ${ids.join(", ")}`
      }`,
    );
  }

  /** Waits until no cluster is starting any more, or until the time is up. */
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
    this.#forgetFailed();
    this.#requireRoom(options.nodes);
    const id = name ?? this.#freeName();
    if (this.#clusters.has(id)) {
      throw new ProblemError(
        "conflict",
        `name must be one that no running cluster has: '${id}' is taken`,
      );
    }
    const named = { ...options, config: { ...options.config, cluster: id } };
    const live = new LiveCluster(id, named, this.#options.launch, this.fetch);
    const loads = new LoadRuns(live, this.#options.loadSender);
    this.#clusters.set(id, { live, loads });
    return { live, loads };
  }

  /** Throws {@link ProblemError} unless one more node may run in the cluster. */
  requireRoomFor(live: LiveCluster): void {
    const nodes = sizeOf(live);
    if (nodes >= NODES_MAX) {
      throw new ProblemError(
        "conflict",
        `A cluster has at most ${NODES_MAX} nodes here: ${live.id} has ${nodes}`,
      );
    }
    this.#requireNodes(1);
  }

  #requireRoom(nodes: number): void {
    if (this.#clusters.size >= CLUSTERS_MAX) {
      throw new ProblemError(
        "conflict",
        `At most ${CLUSTERS_MAX} clusters run at once: end one first`,
      );
    }
    this.#requireNodes(nodes);
  }

  #requireNodes(nodes: number): void {
    const total = this.list().reduce((sum, { live }) => sum + sizeOf(live), 0);
    if (total + nodes > NODES_TOTAL_MAX) {
      throw new ProblemError(
        "conflict",
        `At most ${NODES_TOTAL_MAX} nodes run at once: ${total} do, ${nodes} more were asked for`,
      );
    }
  }

  /** A start that failed is kept to be read about, until the next one. */
  #forgetFailed(): void {
    for (const [id, { live }] of this.#clusters) {
      if (live.state === "failed") this.#clusters.delete(id);
    }
  }

  #freeName(): string {
    do this.#serial++; while (this.#clusters.has(`cluster-${this.#serial}`));
    return `cluster-${this.#serial}`;
  }

  /** Ends a cluster and forgets it. Throws a 404 {@link ProblemError}. */
  async end(id: string): Promise<void> {
    const { live, loads } = this.find(id);
    this.#clusters.delete(id);
    loads.stopAll();
    await live.close();
  }

  /** Ends everything: for the end of the dashboard. */
  async close(): Promise<void> {
    const ids = [...this.#clusters.keys()];
    await Promise.all(ids.map((id) => this.end(id)));
  }
}

/** Processes that it has, or is about to start. */
function sizeOf(live: LiveCluster): number {
  return live.cluster?.nodes.length ?? live.options.nodes;
}
