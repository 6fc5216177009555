/**
 * Reaping removes the tombstones that deleted keys leave. Too early, and an old value that some
 * node still holds would come back.
 *
 * So a tombstone is dropped only when three things hold. This node has seen it unchanged for a
 * grace time, longer than any message can be under way (counted in its own ticks, so that no clock
 * can shorten it). Every owner holds exactly this tombstone. And *every other member* has confirmed
 * that it has no copy of the key, as a hint or otherwise; a member that is down or cannot read its
 * disk blocks the round. So does a range that is changing owners: its receiver may have copied an old
 * value from one owner before that owner heard of the tombstone. Then each owner drops it, if it still holds exactly what was agreed on. A
 * lost drop leaves a tombstone, never a value: anti-entropy spreads it again, and the next round
 * reaps it.
 *
 * The first primary of a key reaps its tombstones. The actor goes with the record, so the next
 * write of the key draws a new one, and no dot is issued twice.
 */
import type { Conversation } from "../conversations.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import { isDeleted } from "../records/local_records.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply } from "../types/peer_messages.ts";
import type { KeyPlace, StoredRecord } from "../types/records.ts";
import { hexOf, recordDigest, type TreeHash } from "./merkle.ts";

const PAGE_RECORDS = 256;
/** Keys being reaped at once. */
const ROUNDS_MAX = 16;
/** Tombstones being watched. Others have their turn when some of these are reaped. */
const WATCHED_MAX = 10_000;

interface WatchedTombstone {
  readonly digest: TreeHash;
  /** The tick since which it is the same. */
  readonly since: number;
  /** The last pass over the disk that found it. */
  pass: number;
}

/** One tombstone being reaped. */
export class ReapRound {
  readonly kind = "reap";
  phase: "asking" | "dropping" = "asking";

  constructor(
    readonly id: number,
    readonly key: string,
    readonly digest: TreeHash,
    readonly waiting: Set<NodeId>,
  ) {}
}

export class Reaping {
  private scan: number | null = null;
  private cursor: KeyPlace | null = null;
  private readonly candidates: { readonly key: string; readonly digest: TreeHash }[] = [];
  private readonly reaping = new Set<string>();
  private ticks = 0;
  /** Passes over the disk so far. */
  private pass = 0;
  private readonly watched = new Map<string, WatchedTombstone>();

  constructor(private readonly node: NodeContext) {}

  /** Looks at the next page of this disk, unless the last ones are still being worked on. */
  onTick(): void {
    const { node } = this;
    this.ticks++;
    if (this.scan === null && this.reaping.size === 0 && !node.disk.isBusy(node.out.now)) {
      this.scan = node.out.scan({}, this.cursor, PAGE_RECORDS);
    }
    const at = node.out.now + node.config.reapIntervalMs * MICROS_PER_MS;
    node.deadlines.add(at, { kind: "reap" });
  }

  /** Whether the page was asked for here. */
  onScanned(id: number, records: readonly StoredRecord[], next: KeyPlace | null): boolean {
    if (id !== this.scan) return false;
    this.scan = null;
    this.cursor = next;
    for (const record of records) {
      const { key } = record;
      if (this.node.primariesOf(key)[0] !== this.node.self || !isDeleted(record)) continue;
      this.watch(key, hexOf(recordDigest(key, record.siblings)));
    }
    if (next === null) this.endPass();
    this.beginRounds();
    return true;
  }

  onScanFailed(id: number): boolean {
    if (id !== this.scan) return false;
    this.scan = null;
    return true;
  }

  /** The whole disk has been looked at: what was not there is no tombstone of this node any more. */
  private endPass(): void {
    for (const [key, { pass }] of this.watched) {
      if (pass !== this.pass) this.watched.delete(key);
    }
    this.pass++;
  }

  /** Another look at a tombstone: it is a candidate once its grace is over. */
  private watch(key: string, digest: TreeHash): void {
    const { tombstoneGraceMs, reapIntervalMs } = this.node.config;
    const known = this.watched.get(key);
    if (known?.digest !== digest) {
      // None is forgotten for a new one: then there would be more than fit, and none would ever be
      // watched for the whole grace time.
      if (known === undefined && this.watched.size >= WATCHED_MAX) return;
      this.watched.set(key, { digest, since: this.ticks, pass: this.pass });
      return;
    }
    known.pass = this.pass;
    if ((this.ticks - known.since) * reapIntervalMs >= tombstoneGraceMs) {
      this.candidates.push({ key, digest });
    }
  }

  private beginRounds(): void {
    while (this.reaping.size < ROUNDS_MAX) {
      const next = this.candidates.shift();
      if (next === undefined) return;
      this.begin(next.key, next.digest);
    }
  }

  private begin(key: string, digest: TreeHash): void {
    const { node } = this;
    if (this.isMoving(key)) return;
    const round = new ReapRound(node.out.nextId(), key, digest, new Set(node.peers));
    this.reaping.add(key);
    const conversation = node.conversations.add(round, { kind: "self" });
    node.watch(round.id, node.out.now, node.config.timeoutMs);
    for (const peer of node.peers) {
      const plan = node.membership.planVersion;
      node.call(
        conversation,
        peer,
        { method: "reap.ask", key, digest, plan },
        node.config.timeoutMs,
      );
    }
    if (node.peers.length === 0) this.drop(conversation, round);
  }

  onReply(conversation: Conversation, round: ReapRound, from: NodeId, reply: PeerReply): void {
    const agreed = reply.status === "reap" ? reply.agrees : reply.status === "stored";
    if (!agreed) {
      this.end(round);
      return;
    }
    round.waiting.delete(from);
    if (round.waiting.size > 0) return;
    if (round.phase === "asking" && !this.isMoving(round.key)) this.drop(conversation, round);
    else this.end(round);
  }

  /** A member did not answer: the next round tries again. */
  onFailed(round: ReapRound): void {
    this.end(round);
  }

  private drop(conversation: Conversation, round: ReapRound): void {
    const { node } = this;
    const { key, digest } = round;
    round.phase = "dropping";
    for (const owner of node.primariesOf(key)) {
      if (owner === node.self) continue;
      round.waiting.add(owner);
      node.call(conversation, owner, { method: "reap.drop", key, digest }, node.config.timeoutMs);
    }
    node.records.change(key, { kind: "drop", digest, request: null }, node.out);
    this.watched.delete(key);
    node.counters.reaped++;
    node.out.emit({ type: "reaped", key });
    if (round.waiting.size === 0) this.end(round);
  }

  private end(round: ReapRound): void {
    this.node.conversations.end(round.id);
    this.reaping.delete(round.key);
    this.beginRounds();
  }

  // The answering side ----------------------------------------------------------------------------

  /** Answers whether the tombstone may go, from what this node's disk holds. */
  onAsked(request: number, key: string, digest: TreeHash, record: StoredRecord | null): void {
    const { node } = this;
    const isUnchanged = node.isPrimaryOf(key)
      ? record !== null && isDeleted(record) && hexOf(recordDigest(key, record.siblings)) === digest
      : record === null;
    const agrees = isUnchanged && node.isCompleteFor(key) && !this.isMoving(key);
    node.out.respond(request, { status: "reap", agrees });
  }

  /** While the key's range changes owners, nothing that is said of the key lasts. */
  private isMoving(key: string): boolean {
    const { ring } = this.node;
    return ring.isMoving(ring.rangeOfKey(key));
  }
}
