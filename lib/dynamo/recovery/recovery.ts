/**
 * Whether this node's data is complete, and what it still lacks.
 *
 * With R + W > N, a replica that has lost acknowledged writes and answers "absent" makes them
 * disappear. So a member answers reads only while its disk is known to be the one that it was last
 * seen with:
 *
 * - *Replaced*: the membership knows the member with another data directory. The initial
 *   configuration and every join record the member's directory, so a new cluster serves at once,
 *   and an empty directory in a member's place is recognised without asking a peer.
 * - *Restored*: the directory is the member's, but older than a peer remembers it (`lives.ts`).
 *   Until a peer has confirmed that it is not, it answers no read either.
 *
 * In both cases the node recovers: it copies each of its ranges from *every* other owner, and
 * answers no read of the range until then. An owner that cannot be reached may hold the only other
 * copy of something, so the range waits until it is back or removed.
 */
import type { Position } from "../ring/position.ts";
import type { Ring } from "../ring/ring.ts";
import type { Boot, RecoveryCause } from "../types/boot.ts";
import type { NodeId } from "../types/ids.ts";

export class Recovery {
  /** Why data is missing; null when none is, as far as known. */
  cause: RecoveryCause | null = null;
  /**
   * Peers have confirmed that they know no later life of this node, or it never was a member
   * before.
   */
  isConfirmed: boolean;
  /** Every peer was asked and none could be reached. */
  isAlone = false;
  /** A peer has sent its view of the membership since the start. */
  isInformed = false;
  /** For each owned range that lacks something, by its start: the owners not yet merged from. */
  private readonly lacking = new Map<Position, Set<NodeId>>();

  constructor(private readonly self: NodeId, { previous, condition }: Boot) {
    this.isConfirmed = previous === undefined || condition === undefined;
  }

  /**
   * Whether the node can know which ranges it owns. After a restart its disk may be an older one,
   * which lacks fences that were promised since.
   */
  get knowsItsRanges(): boolean {
    return this.isInformed || (this.cause === null && (this.isConfirmed || this.isAlone));
  }

  /**
   * Whether the node may answer a read alone from a disk that no peer has confirmed. With all peers
   * out of reach it goes on serving R = 1, which promises little anyway.
   */
  mayAnswerAlone(start: Position): boolean {
    return this.isAlone && this.cause === null && !this.lacking.has(start);
  }

  /** Whether the data of all owned ranges is complete. */
  get isOver(): boolean {
    return this.isTrusted && this.lacking.size === 0;
  }

  /** Whether the data of the range that starts there is complete. */
  isComplete(start: Position): boolean {
    return this.isTrusted && !this.lacking.has(start);
  }

  /** Whether it is known which ranges lack something. */
  private get isTrusted(): boolean {
    return this.cause === null ? this.isConfirmed : this.isInformed;
  }

  /** Whether something is known to be missing. */
  get isFilling(): boolean {
    return this.cause !== null || this.lacking.size > 0;
  }

  get rangesLeft(): number {
    return this.lacking.size;
  }

  /**
   * For each incomplete range, its start and the owners still to copy from, the next to try first.
   */
  entries(): [Position, NodeId[]][] {
    return [...this.lacking].map(([start, owners]) => [start, [...owners]]);
  }

  /** The owners from which something still has to be copied, sorted. */
  waitingFor(): NodeId[] {
    return [...new Set([...this.lacking.values()].flatMap((owners) => [...owners]))].toSorted();
  }

  begin(cause: RecoveryCause, ring: Ring, isGone: (node: NodeId) => boolean): void {
    this.cause = cause;
    this.lacking.clear();
    for (let range = 0; range < ring.rangeCount; range++) this.distrust(ring, range, isGone);
  }

  /**
   * The disk may lack whatever any other owner of the range holds. A removed owner's data is lost.
   */
  private distrust(ring: Ring, range: number, isGone: (node: NodeId) => boolean): void {
    const owners = ring.primaries(range);
    const others = owners.filter((owner) => owner !== this.self && !isGone(owner));
    if (!owners.includes(this.self) || others.length === 0) return;
    this.lacking.set(ring.range(range).start, new Set(others));
  }

  /**
   * Ranges have changed owners or were cut. An incomplete range that has changed is copied from the
   * start, because a new owner may hold more than the one before it. A range that this node has
   * taken over (`isFilled`) is complete; one that it owns in any other way lacks everything.
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

  /** Copying from the owner failed: the others are tried first. */
  onFailed(start: Position, owner: NodeId): void {
    const owners = this.lacking.get(start);
    if (owners === undefined || !owners.delete(owner)) return;
    this.lacking.delete(start);
    this.lacking.set(start, owners.add(owner));
  }

  /** Everything that was missing is here and durable. */
  end(): void {
    this.cause = null;
    this.isConfirmed = true;
  }
}
