/**
 * With whom a node compares its trees next. Usually one co-owner after the other. Whoever is back from
 * being believed down does not wait for its turn: some of what it missed nobody could keep a hint of.
 */
import type { NodeContext } from "../node_context.ts";
import type { NodeId } from "../types/ids.ts";

export class ExchangeTurns {
  private turn = 0;

  constructor(private readonly node: NodeContext) {}

  /** Undefined: nobody can be compared with now. */
  next(): NodeId | undefined {
    return this.returned() ?? this.inTurn(this.comparable(this.node.peers));
  }

  /** One that is back and has not been compared with since. */
  returned(): NodeId | undefined {
    return this.comparable([...this.node.returned].toSorted())[0];
  }

  /** All that both own is being compared. */
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
