/**
 * How a node takes over the ranges that its tokens give it (SOSP 2007, section 4.9): a bounded
 * number of ranges at once, a bounded number of keys each, and more slowly while clients need the
 * disk. `range_transfer.ts` describes the steps of one transfer. A transfer that fails or is cut
 * short by a crash is started again, and finds most of the data in place.
 */
import type { Conversation } from "../conversations.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import { hexOf, recordDigest } from "../repair/merkle.ts";
import { isWithin } from "../ring/ownership.ts";
import { type Position, positionOf } from "../ring/position.ts";
import type { OwnerStep } from "../ring/ring.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import type { KeyDigest, KeyPlace, StoredRecord } from "../types/records.ts";
import type { RangeSender } from "./range_sender.ts";
import { KeyPull, RangeTransfer } from "./range_transfer.ts";

const PAGE_KEYS = 512;

/** A page of keys being read for a receiver. */
interface Listing {
  readonly request: number;
  readonly start: Position;
  readonly end: Position;
}

/** Who is told that a range was merged from one of its owners. */
interface RecoveredListener {
  onRangeMerged(start: Position, owner: NodeId): void;
  onRangeFailed(start: Position, owner: NodeId): void;
}

export class RangeReceiver {
  onRecovered: RecoveredListener | null = null;
  private readonly underWay = new Map<Position, number>();
  /** Own pages being read, by scan. */
  private readonly scans = new Map<number, number>();
  private readonly listings = new Map<number, Listing>();

  constructor(private readonly node: NodeContext, private readonly rangeSender: RangeSender) {}

  /**
   * The transfers under way, for `/membership/transfers`; merges of a recovering node are left out.
   */
  get current(): RangeTransfer[] {
    return [...this.underWay.values()].flatMap((id) => this.find(id)?.transfer ?? [])
      .filter(({ mergedFrom }) => mergedFrom === null);
  }

  /** Whether another transfer may begin. */
  get hasRoom(): boolean {
    const { node } = this;
    // One at a time while clients need the disk. None at all could mean never.
    const most = node.disk.isBusy(node.out.now) ? 1 : node.config.transfersMax;
    return this.underWay.size < most;
  }

  /** Begins the transfers that are due, as far as there is room. */
  onTick(): void {
    const { node } = this;
    for (const step of node.ring.steps) {
      if (!this.hasRoom) return;
      if (step.receiver !== node.self) continue;
      const { start } = node.ring.range(step.range);
      if (!this.underWay.has(start)) this.begin(step);
    }
  }

  private begin(step: OwnerStep): void {
    const { node } = this;
    const { range, sender } = step;
    const isSenderAlive = sender !== null && node.membership.memberStatus(sender) !== "removed";
    const survivors = node.ring.primaries(range)
      .filter((id) => node.membership.memberStatus(id) !== "removed");
    // A live sender has everything. A dead one's data must be collected from all surviving owners.
    const sources = isSenderAlive ? [sender] : survivors;
    if (sources.some((source) => !node.isUp(source))) return;
    this.enter(range, sender, isSenderAlive, sources);
  }

  /** For recovery: merges what the owner holds of this node's range that starts at `start`. */
  recover(start: Position, owner: NodeId): void {
    if (this.underWay.has(start)) return;
    this.enter(this.node.ring.rangeAt(start), null, false, [owner], owner);
  }

  private enter(
    range: number,
    sender: NodeId | null,
    isSenderAlive: boolean,
    sources: readonly NodeId[],
    mergedFrom: NodeId | null = null,
  ): void {
    const { node } = this;
    const { start, end } = node.ring.range(range);
    const transfer = new RangeTransfer(
      node.out.nextId(),
      start,
      end,
      node.ring.epochOf(range),
      range,
      sender,
      isSenderAlive,
      sources,
      node.out.now,
      mergedFrom,
    );
    this.underWay.set(start, transfer.id);
    node.conversations.add(transfer, { kind: "self" });
    this.readOwn(transfer, null);
  }

  // Reading ---------------------------------------------------------------------------------------

  private readOwn(transfer: RangeTransfer, after: KeyPlace | null): void {
    this.scans.set(this.scanRange(transfer, after), transfer.id);
  }

  private scanRange(
    { start, end }: { readonly start: Position; readonly end: Position },
    after: KeyPlace | null,
  ): number {
    // To a scan, equal ends do not mean the whole circle.
    return this.node.out.scan(start === end ? {} : { from: start, to: end }, after, PAGE_KEYS);
  }

  /** A receiver asks for a page of the keys that this node holds of a range. */
  onListRequest(
    request: number,
    from: NodeId,
    asked: PeerRequest & { method: "range.keys" },
  ): void {
    const { start, end, after } = asked;
    const why = this.whyNotListed(from, asked);
    if (why !== null) {
      this.rangeSender.refuseMoved(request, start, end, why);
      return;
    }
    this.listings.set(this.scanRange({ start, end }, after), { request, start, end });
  }

  private whyNotListed(
    from: NodeId,
    asked: PeerRequest & { method: "range.keys" },
  ): string | null {
    const { node } = this;
    if (!node.membership.isActive(from)) return `'${from}' is not a member as far as known`;
    const range = this.rangeSender.exactRange(asked);
    const owners = range === null ? [] : node.ring.primaries(range);
    if (range === null || !owners.includes(node.self)) {
      return `${node.self} does not hold it at this epoch`;
    }
    if (asked.purpose === "recovery") {
      // Another recovering owner takes what is here, complete or not: two of them must not wait for
      // each other.
      return owners.includes(from) ? null : `'${from}' does not own it as far as known`;
    }
    // Whoever gives out what it holds knows of the move: then it agrees to the removal of no tombstone.
    const step = node.ring.steps.find((each) => each.range === range);
    if (step?.receiver !== from) return `${node.self} has not heard that '${from}' takes over`;
    return node.isRangeComplete(range) ? null : `the disk of ${node.self} may lack something`;
  }

  /** Whether the page was one of these. */
  onScanned(id: number, records: readonly StoredRecord[], next: KeyPlace | null): boolean {
    const listing = this.listings.get(id);
    if (listing !== undefined) {
      this.listings.delete(id);
      const keys = digestsWithin(records, listing.start, listing.end);
      this.node.out.respond(listing.request, { status: "keys", keys, next });
      return true;
    }
    const transferId = this.scans.get(id);
    if (transferId === undefined) return false;
    this.scans.delete(id);
    const found = this.find(transferId);
    if (found === undefined) return true;
    const { conversation, transfer } = found;
    transfer.onOwn(digestsWithin(records, transfer.start, transfer.end));
    if (next !== null) this.readOwn(transfer, next);
    else {
      transfer.enter("copying");
      this.askPage(conversation, transfer);
    }
    return true;
  }

  onScanFailed(id: number): boolean {
    const listing = this.listings.get(id);
    if (listing !== undefined) {
      this.listings.delete(id);
      const { request, start, end } = listing;
      this.rangeSender.refuseMoved(request, start, end, "the keys cannot be listed");
      return true;
    }
    const transfer = this.scans.get(id);
    if (transfer === undefined) return false;
    this.scans.delete(id);
    const found = this.find(transfer);
    if (found !== undefined) this.end(found.transfer);
    return true;
  }

  // Copying ---------------------------------------------------------------------------------------

  private ask(conversation: Conversation, to: NodeId, request: PeerRequest): void {
    const { node } = this;
    const { timeoutMs } = node.config;
    node.call(conversation, to, request, timeoutMs);
    const at = node.out.now + timeoutMs * MICROS_PER_MS;
    const call = conversation.calls.at(-1) ?? 0;
    const { id } = conversation.coordinator;
    node.deadlines.add(at, { kind: "call-silent", conversation: id, call });
  }

  private askPage(conversation: Conversation, transfer: RangeTransfer): void {
    const [source] = transfer.sources;
    if (source === undefined) {
      this.onPassOver(conversation, transfer);
      return;
    }
    transfer.isListed = false;
    const { start, end, epoch, after, mergedFrom } = transfer;
    const list = { method: "range.keys", start, end, epoch, after } as const;
    this.ask(conversation, source, mergedFrom === null ? list : { ...list, purpose: "recovery" });
  }

  /** All sources were listed and all their keys are here: goes on to the next phase. */
  private onPassOver(conversation: Conversation, transfer: RangeTransfer): void {
    const { node } = this;
    const { start, end, epoch, sender, mergedFrom } = transfer;
    if (mergedFrom !== null) this.onRangeMerged(transfer, mergedFrom);
    else if (transfer.phase === "copying" && transfer.isSenderAlive && sender !== null) {
      transfer.enter("fencing");
      this.ask(conversation, sender, { method: "range.fence", start, end, epoch });
    } else {
      transfer.enter("saving");
      const mark = { start, end, epoch, mark: "filled" } as const;
      node.registry.mark(mark, { kind: "filled", transfer: transfer.id });
    }
  }

  /** This node has copied everything that another owner holds of its range. */
  private onRangeMerged(transfer: RangeTransfer, owner: NodeId): void {
    // What was merged under an earlier register says nothing about the present owners.
    transfer.isMerged = this.rangeSender.exactRange(transfer) !== null;
    this.end(transfer);
    if (transfer.isMerged) this.onRecovered?.onRangeMerged(transfer.start, owner);
  }

  /** The mark that the range is complete is durable: its register may be advanced. */
  onFilled(id: number): void {
    const found = this.find(id);
    if (found === undefined) return;
    const { conversation, transfer } = found;
    const { start, end, epoch, sender } = transfer;
    transfer.enter("advancing");
    const receiver = this.node.self;
    const step = { method: "range.advance", start, end, epoch, sender, receiver } as const;
    const registerWriter = this.rangeSender.registerWriterOf(transfer.range);
    if (registerWriter === receiver) {
      this.rangeSender.advance(null, receiver, step);
      this.end(transfer);
    } else this.ask(conversation, registerWriter, step);
  }

  onReply(conversation: Conversation, transfer: RangeTransfer, reply: PeerReply): void {
    if (reply.status === "keys") {
      transfer.onPage(reply.keys, reply.next);
      this.pump(conversation, transfer);
    } else if (reply.status === "stored" && transfer.phase === "fencing") {
      transfer.enter("closing");
      transfer.sources = transfer.sender === null ? [] : [transfer.sender];
      transfer.after = null;
      this.askPage(conversation, transfer);
    } else if (reply.status === "membership" && transfer.phase === "advancing") {
      const { range, keys, sender, startedAt } = transfer;
      const tookUs = this.node.out.now - startedAt;
      this.node.counters.rangesTaken++;
      this.node.out.emit({ type: "range-taken", range, from: sender, keys, tookUs });
      this.end(transfer);
      this.node.registry.learn(reply.state);
    } else this.end(transfer);
  }

  private pump(conversation: Conversation, transfer: RangeTransfer): void {
    const { node } = this;
    const [source] = transfer.sources;
    while (source !== undefined) {
      const next = transfer.startPull(node.config.transferKeysMax);
      if (next === undefined) break;
      const pull = new KeyPull(node.out.nextId(), transfer.id, source, next[0], next[1]);
      const own = node.conversations.add(pull, { kind: "self" });
      this.ask(own, source, { method: "replica.get", key: pull.key, purpose: "repair" });
    }
    if (!transfer.isPageDone) return;
    if (transfer.failed > 0) {
      this.end(transfer);
      return;
    }
    if (transfer.after === null) transfer.sources.shift();
    this.askPage(conversation, transfer);
  }

  onRecord(pull: KeyPull, reply: PeerReply): void {
    if (reply.status !== "record") {
      this.finishPull(pull, false);
      return;
    }
    const { siblings } = reply;
    const merge = { kind: "merge", siblings, request: null, hintFor: null, pull: pull.id } as const;
    if (!this.node.records.change(pull.key, merge, this.node.out)) this.finishPull(pull, false);
  }

  /** The fetched record was merged into this node's disk, or the merge failed. */
  onMerged(id: number, wentWell: boolean): void {
    const pull = this.node.conversations.find(id, KeyPull)?.coordinator;
    if (pull !== undefined) this.finishPull(pull, wentWell);
  }

  finishPull(pull: KeyPull, wentWell: boolean): void {
    this.node.conversations.end(pull.id);
    const found = this.find(pull.transfer);
    if (found === undefined) return;
    const { conversation, transfer } = found;
    transfer.endPull();
    if (wentWell) {
      transfer.onPulled(pull.key, pull.digest);
      this.node.counters.keysTaken++;
    } else transfer.failed++;
    this.pump(conversation, transfer);
  }

  /** A call failed or stayed silent. */
  onFailed(transfer: RangeTransfer): void {
    this.end(transfer);
  }

  /**
   * Ends the transfer, successful or not. If the range still has to move, the next tick starts it
   * again.
   */
  private end(transfer: RangeTransfer): void {
    const { id, start, mergedFrom, isMerged } = transfer;
    this.node.conversations.end(id);
    if (this.underWay.get(start) === id) this.underWay.delete(start);
    if (mergedFrom !== null && !isMerged) this.onRecovered?.onRangeFailed(start, mergedFrom);
  }

  private find(id: number) {
    const conversation = this.node.conversations.find(id, RangeTransfer);
    if (conversation === undefined) return undefined;
    return { conversation, transfer: conversation.coordinator };
  }
}

function digestsWithin(
  records: readonly StoredRecord[],
  start: Position,
  end: Position,
): KeyDigest[] {
  return records.filter(({ key }) => isWithin(positionOf(key), start, end))
    .map(({ key, siblings }) => [key, hexOf(recordDigest(key, siblings))]);
}
