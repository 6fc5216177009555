/**
 * Gossip: what nodes know of each other, spread by push-pull (Demers et al., 1987; SOSP 2007, section
 * 4.8.1). Each interval a node picks one random peer, sends a digest of what it knows, gets back what
 * the peer knows better, and sends what the peer asked for. A rumour reaches n nodes in about
 * log3 n + log2 ln n rounds.
 *
 * A node alone writes its own state, and every beat makes it newer: (incarnation, heartbeat) orders
 * it. So reconciling is taking the newer of two, whoever brings it.
 */
import type { Micros } from "./events.ts";
import type { NodeId } from "./ring.ts";

/** What a node says of itself. Plain JSON. */
export interface NodeState {
  readonly id: NodeId;
  /** Names its data directory: another one under the same id means a wiped disk. */
  readonly dataId: string;
  readonly incarnation: number;
  readonly heartbeat: number;
  /** How often it beats at present, ms. */
  readonly intervalMs: number;
  /** Its data directory was new when this life of it began (`proving.ts`). */
  readonly fresh?: true;
}

/** One line a node: enough to tell who knows better. */
export type Digest = readonly DigestLine[];
export type DigestLine = readonly [
  id: NodeId,
  incarnation: number,
  heartbeat: number,
  dataId: string,
];

export interface Reconciliation {
  /** States that this side knows better. */
  readonly newer: readonly NodeState[];
  /** Nodes whose state the other side knows better. */
  readonly wanted: readonly NodeId[];
}

/** The adaptive interval's range, as factors of the configured one, and how fast it relaxes. */
const ADAPTIVE_MIN = 0.25;
const ADAPTIVE_MAX = 4;
const ADAPTIVE_RELAX = 1.25;

export class Gossip {
  private readonly states = new Map<NodeId, NodeState>();
  private factor = 1;

  constructor(
    readonly self: NodeId,
    private readonly dataId: string,
    private incarnation: number,
    private readonly baseMs: number,
    private readonly adaptive: boolean,
    private fresh = false,
  ) {
    this.beat();
  }

  get intervalMs(): number {
    return Math.max(1, Math.round(this.baseMs * this.factor));
  }

  /** An interval has passed in calm: under the adaptive interval that slows it down. */
  relax(): void {
    if (this.adaptive) this.factor = Math.min(ADAPTIVE_MAX, this.factor * ADAPTIVE_RELAX);
  }

  /** This node lives: its state gets newer. */
  beat(): void {
    const heartbeat = (this.states.get(this.self)?.heartbeat ?? 0) + 1;
    const { self: id, dataId, incarnation, intervalMs } = this;
    const own = { id, dataId, incarnation, heartbeat, intervalMs };
    this.states.set(id, this.fresh ? { ...own, fresh: true } : own);
  }

  /** A disk that had been wiped holds what it should: it is as old as any. */
  onMerged(): void {
    this.fresh = false;
    this.beat();
  }

  /** Something has changed that others should hear of soon. */
  onChange(): void {
    if (this.adaptive) this.factor = ADAPTIVE_MIN;
  }

  own(): NodeState {
    return this.states.get(this.self) as NodeState;
  }

  /** Sorted by id, so that a digest depends on what is known and not on how it was learned. */
  digest(): Digest {
    return [...this.states.values()]
      .map(({ id, incarnation, heartbeat, dataId }) =>
        [id, incarnation, heartbeat, dataId] as const
      )
      .sort((a, b) => a[0] < b[0] ? -1 : 1);
  }

  compare(digest: Digest): Reconciliation {
    const newer: NodeState[] = [];
    const wanted: NodeId[] = [];
    const mentioned = new Set<NodeId>();
    for (const [id, incarnation, heartbeat, dataId] of digest) {
      mentioned.add(id);
      const known = this.states.get(id);
      const order = known === undefined
        ? -1
        : known.incarnation - incarnation || known.heartbeat - heartbeat;
      if (order < 0) wanted.push(id);
      // Another data directory is worth telling of, whichever is newer: the node may not know.
      const isOther = known !== undefined && known.dataId !== dataId;
      if (known !== undefined && (order > 0 || isOther)) newer.push(known);
    }
    for (const [id, state] of this.states) {
      if (!mentioned.has(id)) newer.push(state);
    }
    return { newer, wanted };
  }

  statesOf(ids: readonly NodeId[]): NodeState[] {
    return ids.flatMap((id) => this.states.get(id) ?? []);
  }

  /** Takes what is newer; returns the states that were, with whether the node started anew. */
  absorb(
    states: readonly NodeState[],
  ): { readonly state: NodeState; readonly restarted: boolean }[] {
    const news: { state: NodeState; restarted: boolean }[] = [];
    for (const state of states) {
      if (state.id === this.self) {
        this.outbid(state);
        continue;
      }
      const known = this.states.get(state.id);
      const order = known === undefined
        ? 1
        : state.incarnation - known.incarnation || state.heartbeat - known.heartbeat;
      if (order <= 0) continue;
      this.states.set(state.id, state);
      news.push({ state, restarted: known !== undefined && state.incarnation > known.incarnation });
    }
    return news;
  }

  /**
   * Peers remember a life of this node that its disk has forgotten. Only a higher incarnation makes
   * them listen again.
   */
  private outbid(remembered: NodeState): void {
    if (remembered.dataId === this.dataId || remembered.incarnation < this.incarnation) return;
    this.incarnation = remembered.incarnation + 1;
    this.beat();
  }

  /** Of the node's last heard state, the interval in µs. */
  intervalUsOf(id: NodeId): Micros {
    return (this.states.get(id)?.intervalMs ?? this.baseMs) * 1_000;
  }
}
