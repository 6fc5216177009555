/**
 * What a node with an empty disk may say. Reads must not take its "nothing" for an answer as long as
 * it may once have held something: with R + W > N, a wiped replica that answers "absent" would make
 * an acknowledged write disappear.
 *
 * So a node whose data directory is new first asks every peer what it knows (they gossip about it).
 * Where all peers began this life with new directories as well, and none remembers another directory
 * of this node, the cluster has been founded with it. Otherwise this disk was wiped: the node takes
 * writes at once, but answers reads of a range only after it has been compared, and made equal, with
 * every other owner of the range. So it is with a range that came to this node while it did not know:
 * only what it has taken over itself, onto this very disk, is proven.
 */
import type { Position } from "./position.ts";
import type { NodeId, Ring } from "./ring.ts";

export class Proving {
  /** Peers that have not said yet how old their data is; null once that is settled. */
  private asking: Set<NodeId> | null;
  /** For each owned range that lacks something, by its start: the owners not yet compared with. */
  private readonly lacking = new Map<Position, Set<NodeId>>();

  constructor(private readonly self: NodeId, peers: readonly NodeId[], isFresh: boolean) {
    this.asking = isFresh && peers.length > 0 ? new Set(peers) : null;
  }

  get isProven(): boolean {
    return this.asking === null && this.lacking.size === 0;
  }

  get isAsking(): boolean {
    return this.asking !== null;
  }

  /** Whether "nothing" is an answer for the range that starts there. */
  isRangeProven(start: Position): boolean {
    return this.asking === null && !this.lacking.has(start);
  }

  /** Peers with which the node still has to be compared. */
  peersToMerge(): NodeId[] {
    if (this.lacking.size === 0) return [];
    return [...new Set([...this.lacking.values()].flatMap((owners) => [...owners]))].toSorted();
  }

  /** The peer has said what it knows, or cannot be asked; true when that settles the matter. */
  onWord(peer: NodeId): boolean {
    if (this.asking === null) return false;
    this.asking.delete(peer);
    if (this.asking.size > 0) return false;
    this.asking = null;
    return true;
  }

  /** The time for asking is over; true when that settles the matter. */
  onSilence(): boolean {
    if (this.asking === null) return false;
    this.asking = null;
    return true;
  }

  /** A peer's data is not new: so this disk was wiped. */
  onOldPeers(ring: Ring, isGone: (node: NodeId) => boolean): void {
    if (this.asking === null) return;
    this.asking = null;
    for (let range = 0; range < ring.rangeCount; range++) this.distrust(ring, range, isGone);
  }

  /** The disk may lack whatever any other owner of the range holds; of a dead one nothing can be had. */
  private distrust(ring: Ring, range: number, isGone: (node: NodeId) => boolean): void {
    const owners = ring.primaries(range);
    const others = owners.filter((owner) => owner !== this.self && !isGone(owner));
    if (!owners.includes(this.self) || others.length === 0) return;
    this.lacking.set(ring.range(range).start, new Set(others));
  }

  /**
   * Ranges have changed owners or were cut. What was lacking still is, as far as it is still this
   * node's, and from whoever has taken an owner's place; what came without being taken over (`isFilled`)
   * lacks everything.
   */
  onRing(
    before: Ring,
    after: Ring,
    isFilled: (range: number) => boolean,
    isGone: (node: NodeId) => boolean,
  ): void {
    if (this.asking !== null) return;
    const lacked = new Map(this.lacking);
    this.lacking.clear();
    for (let range = 0; range < after.rangeCount; range++) {
      const owners = after.primaries(range);
      if (!owners.includes(this.self)) continue;
      const { start } = after.range(range);
      const earlier = before.rangeAt(start);
      const formerOwners = before.primaries(earlier);
      if (!formerOwners.includes(this.self)) {
        if (!isFilled(range)) this.distrust(after, range, isGone);
        continue;
      }
      const missing = lacked.get(before.range(earlier).start);
      if (missing === undefined) continue;
      const still = owners.filter((owner) =>
        owner !== this.self && !isGone(owner) &&
        (missing.has(owner) || !formerOwners.includes(owner))
      );
      if (still.length > 0) this.lacking.set(start, new Set(still));
    }
  }

  /** All ranges shared with the peer are equal now; true when that was the last one missing. */
  onMerged(peer: NodeId): boolean {
    if (this.lacking.size === 0) return false;
    for (const [start, owners] of this.lacking) {
      owners.delete(peer);
      if (owners.size === 0) this.lacking.delete(start);
    }
    return this.lacking.size === 0;
  }
}
