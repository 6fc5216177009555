/**
 * Which node to ask first, and which next if it does not answer.
 *
 * The paper has two strategies (SOSP 2007, sections 4.5 and 6.4). A client can ask any node, which
 * forwards the request if it is not a replica of the key. Or the client knows the ring and asks a replica
 * directly, which saves a hop. With both, nodes that did not answer are asked last for a while.
 */
import type { CoordinatorChoice } from "../dynamo/types/config.ts";
import type { FloatSource } from "../random/seeded.ts";
import type { RingView } from "./ring_view.ts";

/** How long a node is asked last after a failure. Doubles with each further failure. */
const AVOID_MS_MIN = 250;
const AVOID_MS_MAX = 10_000;
/** The weight of the newest latency in a node's moving average. */
const NEWEST_WEIGHT = 0.2;
/** How often `fastest` tries a random replica, so that a node that was slow once gets another chance. */
const EXPLORE_PROBABILITY = 1 / 32;

interface Peer {
  inFlight: number;
  /** The moving average of its latency, ms. It is 0 at first, so that every node is tried. */
  averageMs: number;
  failures: number;
  avoidUntilMs: number;
}

/** Orders the nodes for each request, by what the client remembers of each one. */
export class NodeSelection {
  private readonly peers = new Map<string, Peer>();
  private turn: number;

  constructor(nodes: readonly string[], private readonly random: FloatSource) {
    for (const node of nodes) this.peer(node);
    this.turn = Math.floor(random.float() * nodes.length);
  }

  /** All nodes in the order to ask them. `ring` is null for the any-node strategy. */
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

  /** Adds and removes nodes to match a new ring. */
  keepOnly(nodes: readonly string[]): void {
    for (const known of this.peers.keys()) if (!nodes.includes(known)) this.peers.delete(known);
    for (const node of nodes) this.peer(node);
  }

  sent(node: string): void {
    this.peer(node).inFlight++;
  }

  answered(node: string, tookMs: number): void {
    const peer = this.ended(node);
    peer.failures = 0;
    peer.avoidUntilMs = 0;
    peer.averageMs = peer.averageMs === 0
      ? tookMs
      : peer.averageMs + NEWEST_WEIGHT * (tookMs - peer.averageMs);
  }

  failed(node: string, nowMs: number): void {
    const peer = this.ended(node);
    peer.avoidUntilMs = nowMs + Math.min(AVOID_MS_MIN * 2 ** peer.failures, AVOID_MS_MAX);
    peer.failures = Math.min(peer.failures + 1, 16);
  }

  /** The caller aborted the request, which says nothing about the node. */
  dropped(node: string): void {
    this.ended(node);
  }

  private peer(node: string): Peer {
    let peer = this.peers.get(node);
    if (peer === undefined) {
      peer = { inFlight: 0, averageMs: 0, failures: 0, avoidUntilMs: 0 };
      this.peers.set(node, peer);
    }
    return peer;
  }

  /** A request has ended. The node may have been removed and added again meanwhile. */
  private ended(node: string): Peer {
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
    // All owners of the key were removed, and no other node has received the range yet.
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
        if (this.random.float() < EXPLORE_PROBABILITY) return any();
        return least(primaries, (node) => this.peer(node).averageMs);
      case "least-loaded":
        // The less loaded of two random replicas is nearly as good as the best of all (Mitzenmacher 2001).
        return least([any(), any()], (node) => this.peer(node).inFlight);
    }
  }
}

function least(nodes: readonly string[], measure: (node: string) => number): string {
  return nodes.reduce((best, node) => measure(node) < measure(best) ? node : best);
}
