/**
 * How a node comes to own what the tokens say it should: a bounded number of ranges at a time, a
 * bounded number of keys each, waiting while clients need the disk. The steps of one are in
 * `range_transfer.ts`; a takeover that fails, or that a crash cuts short, is begun again and finds most of
 * the data in place.
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
import type { Handover } from "./range_sender.ts";
import { KeyPull, Takeover } from "./range_transfer.ts";

const PAGE_KEYS = 512;

/** A page of keys being read for a joiner. */
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

export class Takeovers {
  onRecovered: RecoveredListener | null = null;
  private readonly underWay = new Map<Position, number>();
  /** Own pages being read, by scan. */
  private readonly scans = new Map<number, number>();
  private readonly listings = new Map<number, Listing>();

  constructor(private readonly node: NodeContext, private readonly handover: Handover) {}

  /** The takeovers that are under way, for people. */
  get current(): Takeover[] {
    return [...this.underWay.values()].flatMap((id) => this.find(id)?.takeover ?? [])
      .filter(({ mergedFrom }) => mergedFrom === null);
  }

  /** Another one may begin. */
  get hasRoom(): boolean {
    const { node } = this;
    // One at a time while clients need the disk: not at all would be for ever where they always do.
    const most = node.disk.isBusy(node.out.now) ? 1 : node.config.transfersMax;
    return this.underWay.size < most;
  }

  /** Begins what may begin. */
  onTick(): void {
    const { node } = this;
    for (const step of node.ring.steps) {
      if (!this.hasRoom) return;
      if (step.joiner !== node.self) continue;
      const { start } = node.ring.range(step.range);
      if (!this.underWay.has(start)) this.begin(step);
    }
  }

  private begin(step: OwnerStep): void {
    const { node } = this;
    const { range, leaver } = step;
    const isLeaverAlive = leaver !== null && node.membership.standing(leaver) !== "removed";
    const survivors = node.ring.primaries(range)
      .filter((id) => node.membership.standing(id) !== "removed");
    // With the leaver alive its word is enough; otherwise any of the others may have what it had.
    const sources = isLeaverAlive ? [leaver] : survivors;
    if (sources.some((source) => !node.isUp(source))) return;
    this.enter(range, leaver, isLeaverAlive, sources);
  }

  /** This node recovers: it merges what that owner holds of its range that starts there. */
  recover(start: Position, owner: NodeId): void {
    if (this.underWay.has(start)) return;
    this.enter(this.node.ring.rangeAt(start), null, false, [owner], owner);
  }

  private enter(
    range: number,
    leaver: NodeId | null,
    isLeaverAlive: boolean,
    sources: readonly NodeId[],
    mergedFrom: NodeId | null = null,
  ): void {
    const { node } = this;
    const { start, end } = node.ring.range(range);
    const takeover = new Takeover(
      node.out.nextId(),
      start,
      end,
      node.ring.epochOf(range),
      range,
      leaver,
      isLeaverAlive,
      sources,
      node.out.now,
      mergedFrom,
    );
    this.underWay.set(start, takeover.id);
    node.conversations.add(takeover, { kind: "self" });
    this.readOwn(takeover, null);
  }

  // Reading --------------------------------------------------------------------------------------

  private readOwn(takeover: Takeover, after: KeyPlace | null): void {
    this.scans.set(this.scanStretch(takeover, after), takeover.id);
  }

  private scanStretch(
    { start, end }: { readonly start: Position; readonly end: Position },
    after: KeyPlace | null,
  ): number {
    // To a scan, equal ends do not mean the whole circle.
    return this.node.out.scan(start === end ? {} : { from: start, to: end }, after, PAGE_KEYS);
  }

  /** A joiner asks what this node holds. */
  onListRequest(
    request: number,
    from: NodeId,
    asked: PeerRequest & { method: "range.keys" },
  ): void {
    const { node } = this;
    const { start, end, after } = asked;
    if (!node.membership.isActive(from)) {
      this.handover.refuseMoved(request, start, end, `'${from}' is not a member as far as known`);
      return;
    }
    const range = this.handover.exactRange(asked);
    if (range === null || !node.ring.primaries(range).includes(node.self)) {
      this.handover.refuseMoved(request, start, end, `${node.self} does not hold it at this epoch`);
      return;
    }
    // To another owner that recovers what is here is of use, or two of them would wait for each other.
    if (asked.purpose !== "recovery" && !node.isRangeComplete(range)) {
      const why = `the disk of ${node.self} may lack something`;
      this.handover.refuseMoved(request, start, end, why);
      return;
    }
    this.listings.set(this.scanStretch({ start, end }, after), { request, start, end });
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
    const takeoverId = this.scans.get(id);
    if (takeoverId === undefined) return false;
    this.scans.delete(id);
    const found = this.find(takeoverId);
    if (found === undefined) return true;
    const { conversation, takeover } = found;
    takeover.onOwn(digestsWithin(records, takeover.start, takeover.end));
    if (next !== null) this.readOwn(takeover, next);
    else {
      takeover.phase = "copying";
      this.askPage(conversation, takeover);
    }
    return true;
  }

  onScanFailed(id: number): boolean {
    const listing = this.listings.get(id);
    if (listing !== undefined) {
      this.listings.delete(id);
      const { request, start, end } = listing;
      this.handover.refuseMoved(request, start, end, "the keys cannot be listed");
      return true;
    }
    const takeover = this.scans.get(id);
    if (takeover === undefined) return false;
    this.scans.delete(id);
    const found = this.find(takeover);
    if (found !== undefined) this.end(found.takeover);
    return true;
  }

  // Copying --------------------------------------------------------------------------------------

  private ask(conversation: Conversation, to: NodeId, request: PeerRequest): void {
    const { node } = this;
    const { timeoutMs } = node.config;
    node.call(conversation, to, request, timeoutMs);
    const at = node.out.now + timeoutMs * MICROS_PER_MS;
    const call = conversation.calls.at(-1) ?? 0;
    const { id } = conversation.coordinator;
    node.deadlines.add(at, { kind: "call-silent", conversation: id, call });
  }

  private askPage(conversation: Conversation, takeover: Takeover): void {
    const [source] = takeover.sources;
    if (source === undefined) {
      this.onPassOver(conversation, takeover);
      return;
    }
    takeover.isListed = false;
    const { start, end, epoch, after, mergedFrom } = takeover;
    const list = { method: "range.keys", start, end, epoch, after } as const;
    this.ask(conversation, source, mergedFrom === null ? list : { ...list, purpose: "recovery" });
  }

  /** Everything that was to be listed is here. */
  private onPassOver(conversation: Conversation, takeover: Takeover): void {
    const { node } = this;
    const { start, end, epoch, leaver, mergedFrom } = takeover;
    if (mergedFrom !== null) this.onRangeMerged(takeover, mergedFrom);
    else if (takeover.phase === "copying" && takeover.isLeaverAlive && leaver !== null) {
      takeover.phase = "fencing";
      this.ask(conversation, leaver, { method: "range.fence", start, end, epoch });
    } else {
      takeover.phase = "saving";
      const mark = { start, end, epoch, mark: "filled" } as const;
      node.registry.mark(mark, { kind: "filled", takeover: takeover.id });
    }
  }

  /** A range of this node's own has all that the owner holds of it. */
  private onRangeMerged(takeover: Takeover, owner: NodeId): void {
    // What was merged under another register says nothing of the owners that there are now.
    takeover.isMerged = this.handover.exactRange(takeover) !== null;
    this.end(takeover);
    if (takeover.isMerged) this.onRecovered?.onRangeMerged(takeover.start, owner);
  }

  /** That everything is here is durable. */
  onFilled(id: number): void {
    const found = this.find(id);
    if (found === undefined) return;
    const { conversation, takeover } = found;
    const { start, end, epoch, leaver } = takeover;
    takeover.phase = "advancing";
    const joiner = this.node.self;
    const step = { method: "range.advance", start, end, epoch, leaver, joiner } as const;
    const steward = this.handover.stewardOf(takeover.range);
    if (steward === joiner) {
      this.handover.advance(null, joiner, step);
      this.end(takeover);
    } else this.ask(conversation, steward, step);
  }

  onReply(conversation: Conversation, takeover: Takeover, reply: PeerReply): void {
    if (reply.status === "keys") {
      takeover.onPage(reply.keys, reply.next);
      this.pump(conversation, takeover);
    } else if (reply.status === "stored" && takeover.phase === "fencing") {
      takeover.phase = "closing";
      takeover.sources = takeover.leaver === null ? [] : [takeover.leaver];
      takeover.after = null;
      this.askPage(conversation, takeover);
    } else if (reply.status === "membership" && takeover.phase === "advancing") {
      const { range, keys, leaver, startedAt } = takeover;
      const tookUs = this.node.out.now - startedAt;
      this.node.counters.rangesTaken++;
      this.node.out.emit({ type: "range-taken", range, from: leaver, keys, tookUs });
      this.end(takeover);
      this.node.registry.learn(reply.state);
    } else this.end(takeover);
  }

  private pump(conversation: Conversation, takeover: Takeover): void {
    const { node } = this;
    const [source] = takeover.sources;
    while (source !== undefined && takeover.pulling < node.config.transferKeysMax) {
      const next = takeover.queue.shift();
      if (next === undefined) break;
      takeover.pulling++;
      const pull = new KeyPull(node.out.nextId(), takeover.id, source, next[0], next[1]);
      const own = node.conversations.add(pull, { kind: "self" });
      this.ask(own, source, { method: "replica.get", key: pull.key, purpose: "repair" });
    }
    if (!takeover.isPageDone) return;
    if (takeover.failed > 0) {
      this.end(takeover);
      return;
    }
    if (takeover.after === null) takeover.sources.shift();
    this.askPage(conversation, takeover);
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

  /** The record is on this disk, or could not be put there. */
  onMerged(id: number, wentWell: boolean): void {
    const pull = this.node.conversations.find(id, KeyPull)?.coordinator;
    if (pull !== undefined) this.finishPull(pull, wentWell);
  }

  finishPull(pull: KeyPull, wentWell: boolean): void {
    this.node.conversations.end(pull.id);
    const found = this.find(pull.takeover);
    if (found === undefined) return;
    const { conversation, takeover } = found;
    takeover.pulling--;
    if (wentWell) {
      takeover.onPulled(pull.key, pull.digest);
      this.node.counters.keysTaken++;
    } else takeover.failed++;
    this.pump(conversation, takeover);
  }

  /** A call failed or stayed silent. */
  onFailed(takeover: Takeover): void {
    this.end(takeover);
  }

  /** Over, however it went: a step that is still to be made is begun again. */
  private end(takeover: Takeover): void {
    const { id, start, mergedFrom, isMerged } = takeover;
    this.node.conversations.end(id);
    if (this.underWay.get(start) === id) this.underWay.delete(start);
    if (mergedFrom !== null && !isMerged) this.onRecovered?.onRangeFailed(start, mergedFrom);
  }

  private find(id: number) {
    const conversation = this.node.conversations.find(id, Takeover);
    if (conversation === undefined) return undefined;
    return { conversation, takeover: conversation.coordinator };
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
