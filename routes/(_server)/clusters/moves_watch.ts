/**
 * The current owners of all ranges in a running cluster, and the progress of membership changes.
 * Every node's status contains its ring version. Only if a version differs from the known one are
 * nodes asked for more, so a cluster without membership changes causes no such requests.
 */
import type { ClusterTransfers, LiveMessage, TransfersView } from "../../../islands/models/api.ts";
import { askForJson } from "../../../lib/client/node_requests.ts";
import { Ring } from "../../../lib/dynamo/ring/ring.ts";
import type { RingMember, RingState, Token } from "../../../lib/dynamo/ring/ring_state.ts";
import type { NodeProcess } from "../../../nodes/cluster/launcher.ts";
import type { LaunchedCluster } from "./launched_cluster.ts";

export const NO_TRANSFERS: TransfersView = { left: 0, most: 0, leaving: [] };
const RING_TIMEOUT_MS = 2_000;

/** The part of `GET /ring` that is needed to draw the ring. */
interface RingAnswer {
  readonly ringVersion: string;
  readonly partitioning: RingState["partitioning"];
  readonly partitions: number;
  readonly tokens: readonly Token[];
  readonly members: readonly (RingMember & { readonly memberStatus?: string })[];
  /** The owners of each range, if they differ from those that the tokens give. */
  readonly segments?: NonNullable<RingState["segments"]>;
}

export class MovesWatch {
  ring: RingState;
  transfers: TransfersView = NO_TRANSFERS;
  #version: string;

  constructor(
    private readonly cluster: LaunchedCluster,
    private readonly fetchFrom: typeof fetch,
  ) {
    const { ring, config } = cluster.initialConfig;
    this.ring = ring;
    this.#version = Ring.over(ring, config.n).version;
  }

  /** Given the running nodes and their ring versions, fetches what has changed and returns it. */
  async look(
    nodes: readonly NodeProcess[],
    versions: readonly (string | null)[],
  ): Promise<LiveMessage[]> {
    const ringChanged = versions.some((version) => version !== null && version !== this.#version);
    const { left, leaving } = this.transfers;
    if (!ringChanged && left === 0 && leaving.length === 0) return [];
    const [ring, transfers] = await Promise.all([
      ringChanged ? this.#askRing(nodes, versions) : null,
      this.cluster.transfers().catch(() => null),
    ]);
    const updates: LiveMessage[] = [];
    if (ring !== null) {
      this.ring = stateOf(ring);
      this.#version = ring.ringVersion;
      updates.push({ event: "ring", data: this.ring });
    }
    if (transfers !== null) {
      const view = viewOf(transfers, this.transfers);
      if (JSON.stringify(view) !== JSON.stringify(this.transfers)) {
        this.transfers = view;
        updates.push({ event: "transfers", data: view });
      }
    }
    return updates;
  }

  /** The most advanced unknown ring; null if all of them are behind the known one. */
  async #askRing(
    nodes: readonly NodeProcess[],
    versions: readonly (string | null)[],
  ): Promise<RingAnswer | null> {
    const unknown = new Map<string, NodeProcess>();
    for (const [i, node] of nodes.entries()) {
      const version = versions[i] ?? null;
      if (version !== null && version !== this.#version) unknown.set(version, node);
    }
    const answers = await Promise.all([...unknown.values()].map((node) => this.#ringOf(node)));
    let best: RingAnswer | null = null;
    let bestEpochs = epochSum(this.ring);
    for (const answer of answers) {
      if (answer === null || epochSum(answer) < bestEpochs) continue;
      bestEpochs = epochSum(answer);
      best = answer;
    }
    return best;
  }

  /** Null if the node does not answer. */
  #ringOf({ url }: NodeProcess): Promise<RingAnswer | null> {
    const request = { url: `${url}/ring`, timeoutMs: RING_TIMEOUT_MS };
    return askForJson<RingAnswer>(request, this.fetchFrom).catch(() => null);
  }
}

/** The sum of all epochs. Epochs only increase: of two rings, the later has the larger sum. */
function epochSum({ segments = [] }: Pick<RingAnswer, "segments">): number {
  return segments.reduce((sum, { epoch }) => sum + epoch, 0);
}

/** The ring as data for the pages, which build their own index from it. */
function stateOf({ partitioning, partitions, tokens, members, segments }: RingAnswer): RingState {
  const state = {
    partitioning,
    partitions,
    tokens,
    members: members.filter(({ memberStatus = "member" }) => memberStatus === "member")
      .map(({ id, weight, zone }) => zone === undefined ? { id, weight } : { id, weight, zone }),
  };
  return segments === undefined ? state : { ...state, segments };
}

function viewOf({ left, members }: ClusterTransfers, before: TransfersView): TransfersView {
  const leaving = members.filter(({ memberStatus }) => memberStatus === "leaving")
    .map(({ id }) => id);
  // `before.most` is 0 if nothing was under way.
  const most = left === 0 && leaving.length === 0 ? 0 : Math.max(left, before.most);
  return { left, most, leaving };
}
