/**
 * What this node's disk is worth, and what it still lacks.
 *
 * With R + W > N, a replica that has lost acknowledged writes and answers "absent" makes them
 * disappear. So the disk of a member counts for reads only while it is known to be the one that the
 * member was last seen with:
 *
 * - *Replaced*: the membership knows the member by another data directory. Whoever founds a cluster,
 *   or lets a node join, writes down which directory is the member's; so a new cluster serves at once,
 *   and an empty directory in the place of a member's is told from it without asking anybody.
 * - *Restored*: the directory is the member's, and older than what a peer remembers of it (`lives.ts`).
 *   Until a peer has confirmed that it is not, its word counts for no read either.
 *
 * In both cases the node recovers: it merges each of its ranges from *every* other owner of the range,
 * and until then its word about the range counts for no read. A peer that cannot be reached proves
 * nothing, so a range waits for an owner that is down until it is back or removed.
 */
import type { Position } from "../ring/position.ts";
import type { Ring } from "../ring/ring.ts";
import type { Boot, RecoveryCause } from "../types/boot.ts";
import type { NodeId } from "../types/ids.ts";

export class Recovery {
  /** Null: nothing is missing, as far as known. */
  cause: RecoveryCause | null = null;
  /** Peers know of no later life of this node, or it was no member in any before this one. */
  isConfirmed: boolean;
  /** Every peer was asked and none could be reached: there may be nobody to wait for. */
  isAlone = false;
  /** A peer has told what has become of the membership while the disk was elsewhere. */
  isInformed = false;
  /** For each owned range that lacks something, by its start: the owners not yet merged from. */
  private readonly lacking = new Map<Position, Set<NodeId>>();

  constructor(private readonly self: NodeId, { previous, condition }: Boot) {
    this.isConfirmed = previous === undefined || condition === undefined;
  }

  /**
   * Whether the node can know which ranges are its own. One that has started again may do so over an
   * older disk, which has forgotten the fences that it promised since.
   */
  get knowsItsRanges(): boolean {
    return this.isInformed || (this.cause === null && (this.isConfirmed || this.isAlone));
  }

  /**
   * Whether the node may answer what needs nobody else, from a disk that no peer has confirmed. The last
   * one that is left goes on serving R = 1, which promises little anyway.
   */
  mayAnswerAlone(start: Position): boolean {
    return this.isAlone && this.cause === null && !this.lacking.has(start);
  }

  /** Everything that the node owns counts. */
  get isOver(): boolean {
    return this.isTrusted && this.lacking.size === 0;
  }

  /** Whether the node may speak for the range that starts there. */
  isComplete(start: Position): boolean {
    return this.isTrusted && !this.lacking.has(start);
  }

  /** It is known which ranges lack something. */
  private get isTrusted(): boolean {
    return this.cause === null ? this.isConfirmed : this.isInformed;
  }

  /** Something is known to be missing. */
  get isFilling(): boolean {
    return this.cause !== null || this.lacking.size > 0;
  }

  get rangesLeft(): number {
    return this.lacking.size;
  }

  /** By the start of a range, the owners that it still has to be merged from: those to try first come first. */
  entries(): [Position, NodeId[]][] {
    return [...this.lacking].map(([start, owners]) => [start, [...owners]]);
  }

  /** Owners that something still has to be merged from. */
  waitingFor(): NodeId[] {
    return [...new Set([...this.lacking.values()].flatMap((owners) => [...owners]))].toSorted();
  }

  begin(cause: RecoveryCause, ring: Ring, isGone: (node: NodeId) => boolean): void {
    this.cause = cause;
    this.lacking.clear();
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
   * Ranges have changed owners or were cut. Where anything has changed about a range that lacks
   * something, its merging begins anew: what an earlier owner told may not be all that its successor
   * has. A range that this node has taken over (`isFilled`) came with all its data; one that has become
   * its own in any other way lacks everything.
   */
  onRing(
    before: Ring,
    after: Ring,
    isFilled: (range: number) => boolean,
    isGone: (node: NodeId) => boolean,
  ): void {
    const lacked = new Map(this.lacking);
    this.lacking.clear();
    for (let range = 0; range < after.rangeCount; range++) {
      const owners = after.primaries(range);
      if (!owners.includes(this.self)) continue;
      const { start, end } = after.range(range);
      const earlier = before.rangeAt(start);
      const former = before.range(earlier);
      const formerOwners = before.primaries(earlier);
      const missing = lacked.get(former.start);
      if (!formerOwners.includes(this.self)) {
        if (!isFilled(range)) this.distrust(after, range, isGone);
      } else if (missing !== undefined) {
        const isSame = former.start === start && former.end === end &&
          owners.join() === formerOwners.join();
        if (!isSame) this.distrust(after, range, isGone);
        else {
          const left = [...missing].filter((owner) => !isGone(owner));
          if (left.length > 0) this.lacking.set(start, new Set(left));
        }
      }
    }
  }

  /** Everything that the owner held of the range is on this disk. */
  onMerged(start: Position, owner: NodeId): void {
    const owners = this.lacking.get(start);
    owners?.delete(owner);
    if (owners?.size === 0) this.lacking.delete(start);
  }

  /** The owner could not give it all: others have their turn first. */
  onFailed(start: Position, owner: NodeId): void {
    const owners = this.lacking.get(start);
    if (owners === undefined || !owners.delete(owner)) return;
    this.lacking.delete(start);
    this.lacking.set(start, owners.add(owner));
  }

  /** All that was missing is here, and the disk knows it. */
  end(): void {
    this.cause = null;
    this.isConfirmed = true;
  }
}
