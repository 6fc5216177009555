/**
 * Copies that a node still has of ranges that it no longer owns. It drops each only after every
 * current owner holds the same (an owner that lacks something is sent it): a former owner may have
 * the last copy of something that was never moved.
 *
 * It scans its disk page by page after its ranges have changed, and again until a whole pass has
 * found nothing that had to stay.
 */
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import { hexOf, recordDigest } from "../repair/merkle.ts";
import type { Ring } from "../ring/ring.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import type { PeerReply } from "../types/peer_messages.ts";
import type { KeyDigest, KeyPlace, StoredRecord } from "../types/records.ts";

const PAGE_RECORDS = 256;
/** While clients need the disk, at most one page in this time, ms. */
const BUSY_PAGE_MS = 250;
/** Keys in one question. */
const KEYS_MAX = 256;

/** One page's question to one owner. */
export class OrphanCall {
  readonly kind = "orphan";
  constructor(
    readonly id: number,
    readonly owner: NodeId,
    /**
     * The keys asked about, or the one sent because it was missing, with the digests that this node
     * held then.
     */
    readonly keys: readonly KeyDigest[],
  ) {}
}

/** A copy that is kept until its owners confirm that they hold it. */
interface Copy {
  readonly record: StoredRecord;
  readonly digest: string;
  /** Owners that have not confirmed yet. */
  readonly waiting: Set<NodeId>;
}

/** A question of a former owner, being looked up key by key. */
interface Question {
  readonly keys: readonly KeyDigest[];
  looking: number;
  readonly missing: string[];
}

export class OrphanedReplicas {
  /** A pass is due. */
  private isDirty = false;
  private scan: number | null = null;
  private lookedAt: Micros = 0;
  private cursor: KeyPlace | null = null;
  /** The pass under way has found something that must stay for now. */
  private someStay = false;
  private readonly copies = new Map<string, Copy>();
  private readonly questions = new Map<number, Question>();

  constructor(private readonly node: NodeContext) {}

  /** Whether no copy of a range that only others own is known to be here. */
  get isClean(): boolean {
    return !this.isDirty && this.scan === null && this.copies.size === 0;
  }

  onRing(before: Ring, after: Ring): void {
    if (before !== after) this.isDirty = true;
  }

  /** A copy may have been left behind: the disk has to be scanned again. */
  onLeftBehind(): void {
    this.isDirty = true;
  }

  /** After a restart it is not known how far the last pass had come. */
  onStart(): void {
    this.isDirty = this.node.membership.version !== "";
  }

  onTick(): void {
    const { node } = this;
    if (this.scan !== null || this.copies.size > 0 || !this.isDirty) return;
    // Clients may keep the disk busy for ever, and a node cannot leave before it is clean.
    const isTime = node.out.now - this.lookedAt >= BUSY_PAGE_MS * MICROS_PER_MS;
    if (node.disk.isBusy(node.out.now) && !isTime) return;
    if (this.cursor === null) {
      this.isDirty = false;
      this.someStay = false;
    }
    this.nextPage();
  }

  private nextPage(): void {
    this.lookedAt = this.node.out.now;
    this.scan = this.node.out.scan({}, this.cursor, PAGE_RECORDS);
  }

  /** Whether the page was one of these. */
  onScanned(id: number, records: readonly StoredRecord[], next: KeyPlace | null): boolean {
    if (id !== this.scan) return false;
    this.scan = null;
    this.cursor = next;
    for (const record of records) this.consider(record);
    this.askOwners();
    if (this.copies.size === 0) this.onPageDone();
    return true;
  }

  onScanFailed(id: number): boolean {
    if (id !== this.scan) return false;
    this.scan = null;
    this.isDirty = true;
    return true;
  }

  private onPageDone(): void {
    if (this.cursor !== null) this.isDirty = true;
    else if (this.someStay) this.isDirty = true;
  }

  /**
   * Records with hints stay until they are delivered, and ranges that this node will own stay as
   * well.
   */
  private consider(record: StoredRecord): void {
    const { ring } = this.node;
    if (record.hintFor !== undefined || !this.node.isForeign(record.key)) return;
    const owners = ring.primariesOfKey(record.key);
    const digest = hexOf(recordDigest(record.key, record.siblings));
    this.copies.set(record.key, { record, digest, waiting: new Set(owners) });
  }

  private askOwners(): void {
    const { node } = this;
    const byOwner = new Map<NodeId, KeyDigest[]>();
    for (const [key, { digest, waiting }] of this.copies) {
      for (const owner of waiting) {
        const keys = byOwner.get(owner) ?? [];
        keys.push([key, digest]);
        byOwner.set(owner, keys);
      }
    }
    for (const [owner, keys] of byOwner) {
      if (!node.isUp(owner)) this.giveUp(owner, keys);
      else this.call(owner, keys);
    }
  }

  private call(owner: NodeId, keys: readonly KeyDigest[]): void {
    const { node } = this;
    const call = new OrphanCall(node.out.nextId(), owner, keys);
    const conversation = node.conversations.add(call, { kind: "self" });
    const { timeoutMs } = node.config;
    node.call(conversation, owner, { method: "orphan.check", keys }, timeoutMs);
    this.watch(call.id, conversation.calls.at(-1) ?? 0);
  }

  private watch(conversation: number, call: number): void {
    const { node } = this;
    const at = node.out.now + node.config.timeoutMs * MICROS_PER_MS;
    node.deadlines.add(at, { kind: "call-silent", conversation, call });
  }

  onReply(call: OrphanCall, reply: PeerReply): void {
    this.node.conversations.end(call.id);
    if (reply.status === "missing") {
      const missing = new Set(reply.keys);
      for (const each of call.keys) {
        if (!missing.has(each[0])) this.confirm(each, call.owner);
        else this.send(each, call.owner);
      }
    } else if (reply.status === "stored") {
      for (const each of call.keys) this.confirm(each, call.owner);
    } else this.giveUp(call.owner, call.keys);
  }

  onFailed(call: OrphanCall): void {
    this.node.conversations.end(call.id);
    this.giveUp(call.owner, call.keys);
  }

  /** The copy that was asked about; undefined when it has changed since. */
  private asked([key, digest]: KeyDigest): Copy | undefined {
    const copy = this.copies.get(key);
    return copy?.digest === digest ? copy : undefined;
  }

  private send(each: KeyDigest, owner: NodeId): void {
    const { node } = this;
    const copy = this.asked(each);
    if (copy === undefined) return;
    const [key] = each;
    const call = new OrphanCall(node.out.nextId(), owner, [each]);
    const conversation = node.conversations.add(call, { kind: "self" });
    const { siblings } = copy.record;
    const put = { method: "replica.put", key, siblings, purpose: "repair" } as const;
    node.call(conversation, owner, put, node.config.timeoutMs);
    this.watch(call.id, conversation.calls.at(-1) ?? 0);
  }

  private confirm(each: KeyDigest, owner: NodeId): void {
    const { node } = this;
    const copy = this.asked(each);
    if (copy === undefined) return;
    const [key] = each;
    copy.waiting.delete(owner);
    if (copy.waiting.size > 0) return;
    this.copies.delete(key);
    node.counters.orphansDropped++;
    node.records.change(key, { kind: "let-go", digest: copy.digest }, node.out);
    if (this.copies.size === 0) this.onPageDone();
  }

  /** The owner did not answer: these copies stay, and are looked at again in the next pass. */
  private giveUp(owner: NodeId, keys: readonly KeyDigest[]): void {
    const stay = keys.filter((each) => this.asked(each)?.waiting.has(owner) === true);
    // An answer to an earlier pass says nothing about this one.
    if (stay.length === 0) return;
    this.someStay = true;
    for (const [key] of stay) this.copies.delete(key);
    if (this.copies.size === 0) this.onPageDone();
  }

  // The asked side --------------------------------------------------------------------------------

  /** A former owner asks which of its records hold anything that this owner lacks. */
  onAsked(request: number, keys: readonly KeyDigest[]): void {
    const { node } = this;
    const asked = keys.slice(0, KEYS_MAX);
    // It cannot confirm keys that it does not own, or of which its data may be incomplete.
    const missing = keys.filter(([key]) => !node.isPrimaryOf(key) || !node.isCompleteFor(key))
      .map(([key]) => key);
    missing.push(...keys.slice(KEYS_MAX).map(([key]) => key));
    const unknown = new Set(missing);
    const look = asked.filter(([key]) => !unknown.has(key));
    if (look.length === 0) {
      node.out.respond(request, { status: "missing", keys: missing });
      return;
    }
    this.questions.set(request, { keys: look, looking: look.length, missing });
    for (const [key] of look) {
      node.records.read(key, { kind: "orphan", request }, node.out);
    }
  }

  onRead(request: number, key: string, record: StoredRecord | null): void {
    const question = this.questions.get(request);
    if (question === undefined) return;
    const wanted = question.keys.find(([each]) => each === key)?.[1];
    const own = record === null ? null : hexOf(recordDigest(key, record.siblings));
    if (own !== wanted) question.missing.push(key);
    if (--question.looking > 0) return;
    this.questions.delete(request);
    this.node.out.respond(request, { status: "missing", keys: question.missing });
  }
}
