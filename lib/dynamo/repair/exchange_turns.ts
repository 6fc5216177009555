/**
 * With which co-owner a node compares its trees next: one after the other, but first those that
 * were believed down and are back, as they may have missed writes for which there is no hint.
 */
import type { NodeContext } from "../node_context.ts";
import type { NodeId } from "../types/ids.ts";

export class ExchangeTurns {
  private turn = 0;

  constructor(private readonly node: NodeContext) {}

  /** The next co-owner; undefined when none can be compared with now. */
  next(): NodeId | undefined {
    return this.returned() ?? this.inTurn(this.comparable(this.node.peers));
  }

  /** A peer that is back and was not compared with since. */
  returned(): NodeId | undefined {
    return this.comparable([...this.node.returned].toSorted())[0];
  }

  /** A comparison of all shared ranges has begun. */
  onBegun(peer: NodeId): void {
    this.node.returned.delete(peer);
  }

  /** Ranges that both own. */
  shared(peer: NodeId): number[] {
    const { ring, trees } = this.node;
    return trees.ranges.filter((range) => ring.primaries(range).includes(peer));
  }

  private inTurn(peers: readonly NodeId[]): NodeId | undefined {
    if (peers.length > 0) this.turn = (this.turn + 1) % peers.length;
    return peers[this.turn];
  }

  private comparable(peers: readonly NodeId[]): NodeId[] {
    return peers.filter((peer) => this.node.isUp(peer) && this.shared(peer).length > 0);
  }
}
