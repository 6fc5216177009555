/**
 * Gossip: what nodes know of each other, spread by push-pull (Demers et al., 1987; SOSP 2007, section
 * 4.8.1). Each interval a node picks one random peer, sends a digest of what it knows, gets back what
 * the peer knows better, and sends what the peer asked for. A rumour reaches n nodes in about
 * log3 n + log2 ln n rounds.
 *
 * Only a node itself writes its state, and every heartbeat makes it newer: states are ordered by
 * (incarnation, heartbeat). So of two states the newer one is kept, whichever node sends it.
 */
import type { Micros, NodeId } from "../types/ids.ts";
import type { Life, LifeStatus } from "../types/life.ts";

/** What a node says of itself. Plain JSON. */
export interface NodeState extends Life {
  readonly id: NodeId;
  readonly heartbeat: number;
  /** Its present gossip interval, ms. */
  readonly intervalMs: number;
  /** Absent when it is settled. */
  readonly status?: Exclude<LifeStatus, "settled">;
}

/** One entry a node: enough to tell which side has the newer state. */
export type Digest = readonly DigestLine[];
type DigestLine = readonly [
  id: NodeId,
  incarnation: number,
  heartbeat: number,
  bootNumber: number,
];

interface Reconciliation {
  /** States that are newer on this side. */
  readonly newer: readonly NodeState[];
  /** Nodes whose state is newer on the other side. */
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
    private life: Life,
    private readonly baseMs: number,
    private readonly adaptive: boolean,
    private status: LifeStatus = "settled",
  ) {
    this.beat();
  }

  get intervalMs(): number {
    return Math.max(1, Math.round(this.baseMs * this.factor));
  }

  /** An interval has passed without changes: an adaptive interval grows. */
  relax(): void {
    if (this.adaptive) this.factor = Math.min(ADAPTIVE_MAX, this.factor * ADAPTIVE_RELAX);
  }

  /** Raises this node's heartbeat. `writes` is how many changes its disk has taken. */
  beat(writes = this.life.writes): void {
    this.life = { ...this.life, writes };
    const heartbeat = (this.states.get(this.self)?.heartbeat ?? 0) + 1;
    const { self: id, life, intervalMs, status } = this;
    const own = { id, ...life, heartbeat, intervalMs };
    this.states.set(id, status === "settled" ? own : { ...own, status });
  }

  /** Sets what this node tells of itself. */
  describe(life: Life, status: LifeStatus): void {
    this.life = life;
    this.status = status;
    this.beat();
  }

  /** Something has changed that others should hear of soon: an adaptive interval shrinks. */
  onChange(): void {
    if (this.adaptive) this.factor = ADAPTIVE_MIN;
  }

  own(): NodeState {
    return this.states.get(this.self) as NodeState;
  }

  /** Sorted by id, so that a digest depends on what is known and not on how it was learned. */
  digest(): Digest {
    return [...this.states.values()]
      .map(({ id, incarnation, heartbeat, bootNumber }) =>
        [id, incarnation, heartbeat, bootNumber] as const
      )
      .sort((a, b) => a[0] < b[0] ? -1 : 1);
  }

  compare(digest: Digest): Reconciliation {
    const newer: NodeState[] = [];
    const wanted: NodeId[] = [];
    const mentioned = new Set<NodeId>();
    for (const [id, incarnation, heartbeat, bootNumber] of digest) {
      mentioned.add(id);
      const known = this.states.get(id);
      const order = known === undefined
        ? -1
        : known.incarnation - incarnation || known.heartbeat - heartbeat;
      if (order < 0) wanted.push(id);
      // Another boot is sent whichever is newer: the node itself may not know of it.
      const isOther = known !== undefined && known.bootNumber !== bootNumber;
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

  /**
   * Takes over the states of others that are newer; returns those, and whether the node has
   * restarted.
   */
  absorb(
    states: readonly NodeState[],
  ): { readonly state: NodeState; readonly restarted: boolean }[] {
    const news: { state: NodeState; restarted: boolean }[] = [];
    for (const state of states) {
      if (state.id === this.self) continue;
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

  /** The gossip interval of the node's last known state, µs. */
  intervalUsOf(id: NodeId): Micros {
    return (this.states.get(id)?.intervalMs ?? this.baseMs) * 1_000;
  }
}
