/**
 * Hinted handoff: a node that kept records for another delivers them when it is back, and forgets
 * each only after the owner has committed it (SOSP 2007, section 4.6).
 *
 * One run a target goes through the index page by page with a bounded number under way; the receiver
 * bounds what it takes from all holders together, so that a node that has just come back is not
 * overloaded by all hints at once. A hint too old for its target goes to another owner of the
 * key instead: expiry ends the waiting, never the copy.
 */
import type { Conversation } from "../conversations.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import { hintOf } from "../records/hints.ts";
import { refusal } from "../types/errors.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import type { KeyPlace, StoredRecord } from "../types/records.ts";
import { assert } from "../util/assert.ts";
import type { Siblings } from "../versions/versions.ts";

const PAGE_KEYS = 64;
/**
 * While a target is down, its hints are scanned for expired ones this many times in `hintTtlMs`.
 */
const EXPIRY_LOOKS = 4;

/** One record being delivered. */
export class HintDelivery {
  readonly kind = "handoff";
  siblings: Siblings = [];
  to: NodeId;

  constructor(readonly id: number, readonly target: NodeId, readonly place: KeyPlace) {
    this.to = target;
  }
}

/** One pass over all that is held for a target. */
interface Run {
  readonly target: NodeId;
  /** Keys of the page that are still to be sent. */
  queue: KeyPlace[];
  /** Where the last page ended; null at the beginning. */
  after: KeyPlace | null;
  /** The page under way is the last one. */
  lastPage: boolean;
  scanning: boolean;
  underWay: number;
  /** The receiver refused for now: go on at the next tick. */
  held: boolean;
  failed: boolean;
  /** `HintBook.added` when the scan left: an empty page proves nothing about later hints. */
  addedBefore: number;
}

export class Handoff {
  private readonly runs = new Map<NodeId, Run>();
  private readonly scans = new Map<number, NodeId>();
  private readonly expiryLooks = new Map<NodeId, Micros>();
  /** Other nodes' deliveries that are not committed here yet. */
  private readonly receiving = new Set<number>();
  private isRingNew = false;

  constructor(private readonly node: NodeContext) {}

  /** Targets may own other ranges now, or none: hints for them are looked at again. */
  onRing(): void {
    this.isRingNew = true;
  }

  get runsOpen(): number {
    return this.runs.size;
  }

  /** Starts or resumes a run for every target that can be served. */
  onTick(): void {
    const { node } = this;
    for (const target of node.hints.targets()) {
      const run = this.runs.get(target);
      if (run !== undefined) {
        run.held = false;
        this.pump(run);
      } else if (this.isDue(target)) this.begin(target);
    }
    this.isRingNew = false;
    const at = node.out.now + node.config.handoffIntervalMs * MICROS_PER_MS;
    node.deadlines.add(at, { kind: "handoff" });
  }

  /** Whether the target can be served, or its hints may have to go to another owner. */
  private isDue(target: NodeId): boolean {
    const { node } = this;
    return node.isUp(target) || this.isRingNew || !node.membership.isActive(target) ||
      this.isTimeToLook(target);
  }

  private isTimeToLook(target: NodeId): boolean {
    const { out, config } = this.node;
    const everyUs = config.hintTtlMs * MICROS_PER_MS / EXPIRY_LOOKS;
    const last = this.expiryLooks.get(target);
    if (last !== undefined && out.now - last < everyUs) return false;
    this.expiryLooks.set(target, out.now);
    return last !== undefined;
  }

  private begin(target: NodeId): void {
    const run: Run = {
      target,
      queue: [],
      after: null,
      lastPage: false,
      scanning: false,
      underWay: 0,
      held: false,
      failed: false,
      addedBefore: 0,
    };
    this.runs.set(target, run);
    this.nextPage(run);
  }

  private nextPage(run: Run): void {
    const { node } = this;
    run.scanning = true;
    run.addedBefore = node.hints.added;
    this.scans.set(node.out.scanHints(run.target, run.after, PAGE_KEYS), run.target);
  }

  /** Whether the scan was one of these. */
  onScanned(id: number, places: readonly KeyPlace[]): void {
    const target = this.scans.get(id);
    const run = target === undefined ? undefined : this.runs.get(target);
    this.scans.delete(id);
    if (run === undefined) return;
    const { hints } = this.node;
    if (places.length === 0 && run.after === null && run.addedBefore === hints.added) {
      hints.settle(run.target);
    }
    run.scanning = false;
    run.queue = [...places];
    run.after = places.at(-1) ?? run.after;
    run.lastPage = places.length < PAGE_KEYS;
    this.pump(run);
  }

  onScanFailed(id: number): void {
    const target = this.scans.get(id);
    this.scans.delete(id);
    if (target !== undefined) this.runs.delete(target);
  }

  private pump(run: Run): void {
    const { node } = this;
    if (run.scanning) return;
    while (!run.failed && !run.held && run.underWay < node.config.handoffSendMax) {
      const place = run.queue.shift();
      if (place === undefined) break;
      run.underWay++;
      const { handoffSendMax } = node.config;
      assert(
        run.underWay <= handoffSendMax,
        "hints on their way stay within handoffSendMax",
        run.underWay,
      );
      const delivery = new HintDelivery(node.out.nextId(), run.target, place);
      node.conversations.add(delivery, { kind: "self" });
      node.watch(delivery.id, node.out.now, node.config.timeoutMs);
      node.records.read(place.key, { kind: "conversation", conversation: delivery.id }, node.out);
    }
    if (run.underWay > 0) return;
    if (run.failed || (run.queue.length === 0 && run.lastPage)) this.runs.delete(run.target);
    else if (run.queue.length === 0) this.nextPage(run);
  }

  onRead(conversation: Conversation, delivery: HintDelivery, record: StoredRecord | null): void {
    const { node } = this;
    const hint = record === null ? undefined : hintOf(record, delivery.target);
    if (record === null || hint === undefined) {
      // The index has an entry for which the record has no hint: nothing is owed.
      this.keepPromise(delivery, record?.siblings ?? []);
      this.finish(delivery, true);
      return;
    }
    const to = this.destination(delivery, node.out.now - hint.since);
    if (to === node.self) {
      // This node owns the record itself now.
      this.keepPromise(delivery, record.siblings);
      this.finish(delivery, true);
      return;
    }
    if (to === undefined) {
      this.finish(delivery, this.expiryLooks.has(delivery.target));
      return;
    }
    delivery.siblings = record.siblings;
    delivery.to = to;
    node.call(conversation, to, {
      method: "replica.put",
      key: record.key,
      siblings: record.siblings,
      purpose: "handoff",
    }, node.config.timeoutMs);
  }

  /**
   * The target while it can be reached; once the hint has expired, or the target does not own the key any
   * more, another owner.
   */
  private destination(delivery: HintDelivery, ageUs: Micros): NodeId | undefined {
    const { node } = this;
    const { target, place: { key } } = delivery;
    const owners = node.primariesOf(key);
    const isOwner = owners.includes(target);
    if (isOwner && node.isUp(target)) return target;
    if (isOwner && ageUs < node.config.hintTtlMs * MICROS_PER_MS) return undefined;
    if (!isOwner && node.isPrimaryOf(key)) return node.self;
    return owners.find((owner) => owner !== target && owner !== node.self && node.isUp(owner));
  }

  onReadFailed(delivery: HintDelivery): void {
    this.finish(delivery, true);
  }

  onReply(delivery: HintDelivery, reply: PeerReply): void {
    const { node } = this;
    if (reply.status === "stored") {
      node.counters.hintsDelivered++;
      const { target, to, place: { key } } = delivery;
      node.out.emit({ type: "hint-delivered", key, for: target, to });
      this.keepPromise(delivery, delivery.siblings);
      this.finish(delivery, true);
    } else if (reply.status === "error" && reply.error.code === "overloaded") {
      const run = this.runs.get(delivery.target);
      if (run !== undefined) {
        run.held = true;
        run.queue.unshift(delivery.place);
      }
      this.finish(delivery, true);
    } else this.finish(delivery, false);
  }

  /** A call failed or nothing came in time. */
  onFailed(delivery: HintDelivery): void {
    this.finish(delivery, false);
  }

  private keepPromise({ place, target }: HintDelivery, siblings: Siblings): void {
    const { node } = this;
    node.records.change(place.key, { kind: "hint-done", target, siblings }, node.out);
  }

  private finish(delivery: HintDelivery, wentWell: boolean): void {
    this.node.conversations.end(delivery.id);
    const run = this.runs.get(delivery.target);
    if (run === undefined) return;
    run.underWay--;
    assert(run.underWay >= 0, "hints on their way are never negative", run.target, run.underWay);
    if (!wentWell) run.failed = true;
    this.pump(run);
  }

  // The receiving end -----------------------------------------------------------------------------

  /** Takes another node's delivery on, or asks it to slow down. */
  admit(id: number, request: PeerRequest & { method: "replica.put" }): boolean {
    const { handoffReceiveMax } = this.node.config;
    if (request.purpose !== "handoff") return true;
    if (this.receiving.size < handoffReceiveMax) {
      this.receiving.add(id);
      return true;
    }
    const message =
      `Cannot take '${request.key}': this node receives ${handoffReceiveMax} hints, as many as it may at once`;
    this.node.refuse(id, refusal("overloaded", message));
    return false;
  }

  /** The request has been answered. */
  release(id: number): void {
    this.receiving.delete(id);
  }
}
