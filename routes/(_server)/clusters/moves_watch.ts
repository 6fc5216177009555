/**
 * Who holds what in a running cluster, and how far a change of its membership has come, as the nodes
 * themselves say. They are asked only when the version of some node's ring, which every status
 * carries, is another than the one known here: in a cluster that nobody changes, never.
 */
import type { ClusterTransfers, LiveMessage, TransfersView } from "../../../islands/models/api.ts";
import { askForJson } from "../../../lib/client/node_requests.ts";
import { Ring } from "../../../lib/dynamo/ring/ring.ts";
import type { RingMember, RingState, Token } from "../../../lib/dynamo/ring/ring_state.ts";
import type { NodeProcess } from "../../../nodes/cluster/launcher.ts";
import type { LaunchedCluster } from "./launched_cluster.ts";

export const NO_TRANSFERS: TransfersView = { left: 0, most: 0, leaving: [] };
const RING_TIMEOUT_MS = 2_000;

/** The part of `GET /ring` that a picture needs. */
interface RingAnswer {
  readonly ringVersion: string;
  readonly partitioning: RingState["partitioning"];
  readonly partitions: number;
  readonly tokens: readonly Token[];
  readonly members: readonly (RingMember & { readonly memberStatus?: string })[];
  /** Who holds what, where that is not simply what the tokens say. */
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

  /** Takes a look at nodes that run, each with its ring's version; answers what is new. */
  async look(
    nodes: readonly NodeProcess[],
    versions: readonly (string | null)[],
  ): Promise<LiveMessage[]> {
    const stirs = versions.some((version) => version !== null && version !== this.#version);
    const { left, leaving } = this.transfers;
    if (!stirs && left === 0 && leaving.length === 0) return [];
    const [ring, transfers] = await Promise.all([
      stirs ? this.#askRing(nodes, versions) : null,
      this.cluster.transfers().catch(() => null),
    ]);
    const news: LiveMessage[] = [];
    if (ring !== null) {
      this.ring = stateOf(ring);
      this.#version = ring.ringVersion;
      news.push({ event: "ring", data: this.ring });
    }
    if (transfers !== null) {
      const view = viewOf(transfers, this.transfers);
      if (JSON.stringify(view) !== JSON.stringify(this.transfers)) {
        this.transfers = view;
        news.push({ event: "transfers", data: view });
      }
    }
    return news;
  }

  /** The most advanced of the rings that are not the known one, unless that is further. */
  async #askRing(
    nodes: readonly NodeProcess[],
    versions: readonly (string | null)[],
  ): Promise<RingAnswer | null> {
    const strange = new Map<string, NodeProcess>();
    for (const [i, node] of nodes.entries()) {
      const version = versions[i] ?? null;
      if (version !== null && version !== this.#version) strange.set(version, node);
    }
    const answers = await Promise.all([...strange.values()].map((node) => this.#ringOf(node)));
    let best: RingAnswer | null = null;
    let furthest = advanceOf(this.ring);
    for (const answer of answers) {
      if (answer === null || advanceOf(answer) < furthest) continue;
      furthest = advanceOf(answer);
      best = answer;
    }
    return best;
  }

  /** Null when it is silent. */
  #ringOf({ url }: NodeProcess): Promise<RingAnswer | null> {
    const request = { url: `${url}/ring`, timeoutMs: RING_TIMEOUT_MS };
    return askForJson<RingAnswer>(request, this.fetchFrom).catch(() => null);
  }
}

/** Registers only ever advance: of two views, the one that has heard more has the larger sum. */
function advanceOf({ segments = [] }: Pick<RingAnswer, "segments">): number {
  return segments.reduce((sum, { epoch }) => sum + epoch, 0);
}

/** As data from which a page makes its own index: who holds what now, range by range. */
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
  const leaving = members.filter(({ memberStatus }) => memberStatus === "leaving").map(({ id }) =>
    id
  );
  const goesOn = before.left > 0 || before.leaving.length > 0;
  const most = left === 0 && leaving.length === 0 ? 0 : Math.max(left, goesOn ? before.most : 0);
  return { left, most, leaving };
}
