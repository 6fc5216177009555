/**
 * One range on its way to this node, the receiver (SOSP 2007, section 4.9: bootstrapping a new node),
 * as bookkeeping; `RangeReceiver` asks and listens.
 *
 * It copies what the sender holds while the sender goes on serving; has the sender fence itself; copies
 * what came in between, which is little; makes it durable that it has everything; and asks the range's
 * register writer to advance the register. Where the sender is dead, it copies from every surviving owner
 * instead, and there is no sender to fence.
 *
 * An owner that recovers copies in the same way what another owner holds (`recovery.ts`): nothing is
 * fenced, and no register changes.
 */
import type { TreeHash } from "../repair/merkle.ts";
import type { Position } from "../ring/position.ts";
import type { TransferPhase } from "../types/admin.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import type { KeyDigest, KeyPlace } from "../types/records.ts";
import { assert } from "../util/assert.ts";

/** Which phases may follow which. Only where no sender is alive to fence is `saving` next to `copying`. */
const NEXT_PHASES: Readonly<Record<TransferPhase, readonly TransferPhase[]>> = {
  reading: ["copying"],
  copying: ["fencing", "saving"],
  fencing: ["closing"],
  closing: ["saving"],
  saving: ["advancing"],
  advancing: [],
};

export class RangeTransfer {
  readonly kind = "transfer";
  private current: TransferPhase = "reading";
  /** Where the page under way begins; null at the beginning. */
  after: KeyPlace | null = null;
  /** The page under way has arrived. */
  isListed = false;
  /** By key, the digest of a source's record that this node already holds. */
  private readonly covered = new Map<string, TreeHash>();
  readonly queue: KeyDigest[] = [];
  /** Keys being fetched. */
  private pulling = 0;
  failed = 0;
  /** Keys copied so far. */
  keys = 0;
  /** Recovery: everything was merged, under the register that the transfer began with. */
  isMerged = false;
  /** Whose keys are still to be listed in this pass, the current one first. */
  sources: NodeId[];

  constructor(
    readonly id: number,
    readonly start: Position,
    readonly end: Position,
    readonly epoch: number,
    readonly range: number,
    /** Null when an owner is added without another giving way. */
    readonly sender: NodeId | null,
    /** Whether it can be asked to fence itself. */
    readonly isSenderAlive: boolean,
    sources: readonly NodeId[],
    readonly startedAt: Micros,
    /** The owner that a recovering owner merges the range from; null where the range moves. */
    readonly mergedFrom: NodeId | null = null,
  ) {
    this.sources = [...sources];
  }

  get phase(): TransferPhase {
    return this.current;
  }

  enter(phase: TransferPhase): void {
    const { current } = this;
    assert(
      NEXT_PHASES[current].includes(phase),
      "a transfer's phases follow in order",
      current,
      phase,
    );
    const isFenced = current === "closing" || !this.isSenderAlive;
    assert(
      phase !== "saving" || isFenced,
      "a transfer waits for the fence of a live sender",
      this.sender,
    );
    const left = this.queue.length + this.pulling;
    assert(
      phase !== "advancing" || left === 0,
      "a transfer has every key before it advances",
      left,
    );
    this.current = phase;
  }

  /** The next key to fetch, if fewer than `most` are under way. */
  startPull(most: number): KeyDigest | undefined {
    if (this.pulling >= most) return undefined;
    const next = this.queue.shift();
    if (next !== undefined) this.pulling++;
    assert(this.pulling <= most, "keys under way stay within transferKeysMax", this.pulling, most);
    return next;
  }

  endPull(): void {
    this.pulling--;
    assert(this.pulling >= 0, "keys under way are never negative", this.pulling);
  }

  onOwn(keys: readonly KeyDigest[]): void {
    for (const [key, digest] of keys) this.covered.set(key, digest);
  }

  /** A page of a source's keys: queues those that this node does not hold yet. */
  onPage(keys: readonly KeyDigest[], next: KeyPlace | null): void {
    this.isListed = true;
    this.after = next;
    for (const entry of keys) {
      if (this.covered.get(entry[0]) !== entry[1]) this.queue.push(entry);
    }
  }

  onPulled(key: string, digest: TreeHash): void {
    this.covered.set(key, digest);
    this.keys++;
  }

  /** Whether the page has arrived and all of its keys are here. */
  get isPageDone(): boolean {
    return this.isListed && this.queue.length === 0 && this.pulling === 0;
  }
}

/** One key being fetched from a source. */
export class KeyPull {
  readonly kind = "key-pull";
  constructor(
    readonly id: number,
    readonly transfer: number,
    readonly source: NodeId,
    readonly key: string,
    readonly digest: TreeHash,
  ) {}
}
