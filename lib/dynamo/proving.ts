/**
 * What a node with an empty disk may say. Reads must not take its "nothing" for an answer as long as
 * it may once have held something: with R + W > N, a wiped replica that answers "absent" would make
 * an acknowledged write disappear.
 *
 * So a node whose data directory is new first asks every peer what it knows (they gossip about it).
 * Where all peers began this life with new directories as well, and none remembers another directory
 * of this node, the cluster has been founded with it. Otherwise this disk was wiped: the node takes
 * writes at once, but answers reads of a range only after it has been compared, and made equal, with
 * every other owner of the range.
 */
import type { NodeId, Ring } from "./ring.ts";

type State =
  | { readonly kind: "proven" }
  /** Peers that have not said yet how old their data is. */
  | { readonly kind: "asking"; readonly peers: Set<NodeId> }
  /** For each owned range, the owners with which it has not been compared yet. */
  | { readonly kind: "merging"; readonly ranges: Map<number, Set<NodeId>> };

export class Proving {
  private state: State;

  constructor(
    private readonly ring: Ring,
    private readonly self: NodeId,
    peers: readonly NodeId[],
    isFresh: boolean,
  ) {
    this.state = isFresh && peers.length > 0
      ? { kind: "asking", peers: new Set(peers) }
      : { kind: "proven" };
  }

  get isProven(): boolean {
    return this.state.kind === "proven";
  }

  get isAsking(): boolean {
    return this.state.kind === "asking";
  }

  /** Whether "nothing" is an answer for this range. */
  isRangeProven(range: number): boolean {
    switch (this.state.kind) {
      case "proven":
        return true;
      case "asking":
        return false;
      case "merging":
        return !this.state.ranges.has(range);
    }
  }

  /** Peers with which the node still has to be compared. */
  peersToMerge(): NodeId[] {
    if (this.state.kind !== "merging") return [];
    const peers = new Set([...this.state.ranges.values()].flatMap((owners) => [...owners]));
    return [...peers].toSorted();
  }

  /** The peer has said what it knows, or cannot be asked; true when that settles the matter. */
  onWord(peer: NodeId): boolean {
    if (this.state.kind !== "asking") return false;
    this.state.peers.delete(peer);
    if (this.state.peers.size > 0) return false;
    this.state = { kind: "proven" };
    return true;
  }

  /** The time for asking is over; true when that settles the matter. */
  onSilence(): boolean {
    if (this.state.kind !== "asking") return false;
    this.state = { kind: "proven" };
    return true;
  }

  /** A peer's data is not new: so this disk was wiped. */
  onOldPeers(): void {
    if (this.state.kind !== "asking") return;
    const ranges = new Map<number, Set<NodeId>>();
    for (let range = 0; range < this.ring.rangeCount; range++) {
      const owners = this.ring.primaries(range);
      const others = owners.filter((owner) => owner !== this.self);
      if (others.length < owners.length && others.length > 0) ranges.set(range, new Set(others));
    }
    this.state = ranges.size === 0 ? { kind: "proven" } : { kind: "merging", ranges };
  }

  /** All ranges shared with the peer are equal now; true when that was the last one missing. */
  onMerged(peer: NodeId): boolean {
    if (this.state.kind !== "merging") return false;
    for (const [range, owners] of this.state.ranges) {
      owners.delete(peer);
      if (owners.size === 0) this.state.ranges.delete(range);
    }
    if (this.state.ranges.size > 0) return false;
    this.state = { kind: "proven" };
    return true;
  }
}
