/**
 * Which node to ask, and which next when it does not answer.
 *
 * The paper's two strategies (SOSP 2007, sections 4.5 and 6.4): any node, which forwards where it is
 * not a replica itself, or a client that knows the ring and asks a replica straight away, which saves
 * the hop. Nodes that did not answer are asked last for a while, whatever the strategy.
 */
import type { CoordinatorChoice } from "../dynamo/types/config.ts";
import type { FloatSource } from "../random/seeded.ts";
import type { RingView } from "./ring_view.ts";

/** How long a node that failed once is asked last; doubles with each failure in a row. */
const AVOID_MS_MIN = 250;
const AVOID_MS_MAX = 10_000;
/** Weight of the newest latency in a node's moving average. */
const NEWEST = 0.2;
/** How often `fastest` tries another, or a node that was slow once would stay so for ever. */
const EXPLORE = 1 / 32;

interface Peer {
  inFlight: number;
  /** Moving average of its answers, ms; 0 until the first, so that every node is tried. */
  averageMs: number;
  failures: number;
  avoidUntilMs: number;
}

/** What a client remembers of each node, by URL. */
export class NodeBook {
  private readonly peers = new Map<string, Peer>();
  private turn: number;

  constructor(nodes: readonly string[], private readonly random: FloatSource) {
    for (const node of nodes) this.peer(node);
    this.turn = Math.floor(random.float() * nodes.length);
  }

  /** Every node, in the order to ask; `ring` is null for the any-node strategy. */
  order(
    key: string,
    ring: RingView | null,
    choice: CoordinatorChoice,
    nowMs: number,
  ): readonly string[] {
    const ranked = ring === null ? this.rotated() : this.byRing(ring.preferenceOf(key), choice);
    const isAvoided = (node: string) => this.peer(node).avoidUntilMs > nowMs;
    return [
      ...ranked.filter((node) => !isAvoided(node)),
      ...ranked.filter(isAvoided),
    ];
  }

  /** Follows a ring that gained or lost nodes. */
  keepOnly(nodes: readonly string[]): void {
    for (const known of this.peers.keys()) if (!nodes.includes(known)) this.peers.delete(known);
    for (const node of nodes) this.peer(node);
  }

  sent(node: string): void {
    this.peer(node).inFlight++;
  }

  answered(node: string, tookMs: number): void {
    const peer = this.landed(node);
    peer.failures = 0;
    peer.avoidUntilMs = 0;
    peer.averageMs = peer.averageMs === 0
      ? tookMs
      : peer.averageMs + NEWEST * (tookMs - peer.averageMs);
  }

  failed(node: string, nowMs: number): void {
    const peer = this.landed(node);
    peer.avoidUntilMs = nowMs + Math.min(AVOID_MS_MIN * 2 ** peer.failures, AVOID_MS_MAX);
    peer.failures = Math.min(peer.failures + 1, 16);
  }

  /** The caller gave up: nothing is learnt. */
  dropped(node: string): void {
    this.landed(node);
  }

  private peer(node: string): Peer {
    let peer = this.peers.get(node);
    if (peer === undefined) {
      peer = { inFlight: 0, averageMs: 0, failures: 0, avoidUntilMs: 0 };
      this.peers.set(node, peer);
    }
    return peer;
  }

  /** A node may have been forgotten and met again since. */
  private landed(node: string): Peer {
    const peer = this.peer(node);
    peer.inFlight = Math.max(0, peer.inFlight - 1);
    return peer;
  }

  private rotated(): string[] {
    const nodes = [...this.peers.keys()];
    this.turn = (this.turn + 1) % nodes.length;
    return [...nodes.slice(this.turn), ...nodes.slice(0, this.turn)];
  }

  private byRing(
    preference: { readonly primaries: readonly string[]; readonly others: readonly string[] },
    choice: CoordinatorChoice,
  ): string[] {
    const { primaries, others } = preference;
    // All of a key's owners were removed, and nobody has taken over yet.
    if (primaries.length === 0) return [...others];
    const first = this.chosen(primaries, choice);
    return [first, ...primaries.filter((node) => node !== first), ...others];
  }

  private chosen(primaries: readonly string[], choice: CoordinatorChoice): string {
    const any = () => primaries[Math.floor(this.random.float() * primaries.length)] as string;
    switch (choice) {
      case "first":
        return primaries[0] as string;
      case "random":
        return any();
      case "fastest":
        if (this.random.float() < EXPLORE) return any();
        return least(primaries, (node) => this.peer(node).averageMs);
      case "least-loaded":
        // Two random ones, the less loaded of them: nearly as even as asking all (Mitzenmacher 2001).
        return least([any(), any()], (node) => this.peer(node).inFlight);
    }
  }
}

function least(nodes: readonly string[], measure: (node: string) => number): string {
  return nodes.reduce((best, node) => measure(node) < measure(best) ? node : best);
}
