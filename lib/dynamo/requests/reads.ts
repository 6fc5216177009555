/**
 * How a replica carries out reads: it asks, lets `GetCoordinator` decide, answers, and repairs. A
 * delete without a context and the repair of a damaged record start with a read too.
 */
import type { Conversation, Origin } from "../conversations.ts";
import type { NodeContext } from "../node_context.ts";
import type { Place, Placement } from "../ring/placement.ts";
import type { ClientRequest, DeleteRequest } from "../types/client_messages.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply } from "../types/peer_messages.ts";
import type { StoredRecord } from "../types/records.ts";
import { contextOf } from "../versions/versions.ts";
import { GetCoordinator, type ReadPurpose } from "./get_coordinator.ts";
import { type ResolvedOptions, resolveOptions } from "./request_options.ts";
import { reasonOf, type Writes } from "./writes.ts";

function isDamaged(reply: PeerReply): boolean {
  return reply.status === "error" && reply.error.code === "record-damaged";
}

function isRecovering(reply: PeerReply): boolean {
  return reply.status === "error" && reply.error.code === "recovering";
}

export class Reads {
  private readonly recovering = new Set<string>();

  constructor(private readonly node: NodeContext, private readonly writes: Writes) {}

  /** Reads for a client; `delete` goes on to write a tombstone over what was read. */
  coordinate(
    request: ClientRequest,
    purpose: "get" | "delete",
    options: ResolvedOptions,
    origin: Origin,
  ): void {
    const placement = this.node.placement(request.key, options.sloppy);
    const conversation = this.open(request, purpose, options, placement, origin);
    for (const place of placement.first(this.node.health)) this.ask(conversation, place);
  }

  /**
   * Replaces a damaged record by the merge of what *every* other primary holds: one missing answer
   * could be the one that mattered. Until then its reads fail, and are never taken for absent.
   */
  recover(key: string): void {
    const { self, membership } = this.node;
    const others = this.node.primariesOf(key)
      .filter((node) => node !== self && !membership.isGone(node));
    if (others.length === 0 || this.recovering.has(key)) return;
    this.recovering.add(key);
    const options = { ...resolveOptions({}, this.node.config), r: others.length, pr: 0 };
    const origin: Origin = { kind: "self" };
    const conversation = this.open({ method: "get", key }, "recover", options, null, origin);
    for (const node of others) {
      this.ask(conversation, { node, primary: true, standsInFor: null, slot: null });
    }
  }

  onRecovered(key: string, succeeded: boolean): void {
    this.recovering.delete(key);
    if (!succeeded) return;
    this.node.counters.recovered++;
    this.node.out.emit({ type: "recovered", key });
  }

  private open(
    request: ClientRequest,
    purpose: ReadPurpose,
    options: ResolvedOptions,
    placement: Placement | null,
    origin: Origin,
  ): Conversation & { coordinator: GetCoordinator } {
    const { node } = this;
    const { now } = node.out;
    const id = node.out.nextId();
    const get = new GetCoordinator(id, request, purpose, options, now, placement, node.versioning);
    node.watch(id, now, options.timeoutMs);
    return node.conversations.add(get, origin);
  }

  private ask(conversation: Conversation & { coordinator: GetCoordinator }, place: Place): void {
    const { node } = this;
    const get = conversation.coordinator;
    get.responses.add(place, node.out.now);
    if (place.node === node.self) {
      node.records.read(get.key, { kind: "conversation", conversation: get.id }, node.out);
    } else {
      const call = get.purpose === "recover"
        ? { method: "replica.get", key: get.key, purpose: "repair" } as const
        : place.primary
        ? { method: "replica.get", key: get.key } as const
        : { method: "replica.get", key: get.key, standIn: true } as const;
      node.call(conversation, place.node, call, get.options.timeoutMs);
    }
  }

  /** A node cannot answer or was silent for too long: another stands in. */
  private replace(conversation: Conversation, get: GetCoordinator, from: NodeId): void {
    if (get.repliedAt !== null || get.placement === null) return;
    const isOver = !get.responses.isPending(from);
    const place = this.node.replacement(get.placement, get.key, from, isOver);
    if (place !== undefined) this.ask({ ...conversation, coordinator: get }, place);
  }

  onPatienceOver(conversation: Conversation, get: GetCoordinator): NodeId[] {
    const { node } = this;
    const silent = get.responses.passOver(node.patienceUs(get.options), node.out.now);
    for (const replica of silent) this.replace(conversation, get, replica);
    this.onProgress(conversation, get);
    if (get.repliedAt === null && !get.responses.silent().some(this.node.health)) {
      // All that could still answer are believed down. The client may succeed on the other side of
      // a partition.
      this.fail(conversation, get);
    }
    return silent;
  }

  onReply(conversation: Conversation, get: GetCoordinator, from: NodeId, reply: PeerReply): void {
    const { now } = this.node.out;
    if (reply.status === "record") get.addReply(from, reply.siblings, now);
    else if (get.purpose === "recover" && isDamaged(reply)) {
      // It has nothing to give either: each damaged copy would wait for the other.
      get.addReply(from, [], now);
    } else this.onFailed(conversation, get, from, reasonOf(reply), isRecovering(reply));
    this.onProgress(conversation, get);
  }

  onCallFailed(conversation: Conversation, get: GetCoordinator, to: NodeId, reason: string): void {
    this.onFailed(conversation, get, to, reason);
    this.onProgress(conversation, get);
  }

  private onFailed(
    conversation: Conversation,
    get: GetCoordinator,
    node: NodeId,
    reason: string,
    recovers = false,
  ): void {
    get.addFailure(node, reason, this.node.out.now, recovers);
    this.replace(conversation, get, node);
  }

  /** This node's own record has been read. */
  onOwnRead(conversation: Conversation, get: GetCoordinator, record: StoredRecord | null): void {
    const { node } = this;
    const isEnoughAlone = get.options.r === 1 && node.mayAnswerAlone(get.key);
    if (isEnoughAlone || node.isCompleteFor(get.key)) {
      get.addReply(node.self, record?.siblings ?? [], node.out.now);
    } else this.onFailed(conversation, get, node.self, node.whyIncomplete(get.key), true);
    this.onProgress(conversation, get);
  }

  onTimeout(conversation: Conversation, get: GetCoordinator): void {
    if (get.repliedAt === null) this.fail(conversation, get);
    this.conclude(get);
  }

  private onProgress(conversation: Conversation, get: GetCoordinator): void {
    if (get.repliedAt === null) {
      if (get.enough) this.onEnough(conversation, get);
      else if (get.hopeless) this.fail(conversation, get);
    }
    if (get.settled) this.conclude(get);
  }

  private onEnough(conversation: Conversation, get: GetCoordinator): void {
    get.repliedAt = this.node.out.now;
    switch (get.purpose) {
      case "get":
        this.node.finish(conversation, get.reply(this.node.self));
        break;
      case "delete": {
        const { origin } = conversation;
        conversation.origin = { kind: "self" };
        const request = get.request as DeleteRequest;
        const context = contextOf(get.merged);
        this.writes.start(request, context, get.options, get.startedAt, origin);
        break;
      }
      case "recover":
        this.node.records.change(get.key, { kind: "recover", siblings: get.merged }, this.node.out);
        break;
    }
  }

  private fail(conversation: Conversation, get: GetCoordinator): void {
    get.repliedAt = this.node.out.now;
    if (get.purpose === "recover") this.recovering.delete(get.key);
    else this.node.finish(conversation, { status: "error", error: get.failure() });
  }

  /** All replicas have answered or time is up: now stale ones are repaired. */
  private conclude(get: GetCoordinator): void {
    if (get.purpose !== "recover" && this.node.config.readRepair && get.merged.length > 0) {
      for (const node of get.stale()) this.repair(get, node);
    }
    this.node.conversations.end(get.id);
    if (get.purpose !== "get") return;
    const outcome = !get.enough ? "quorum-not-met" : get.merged.length === 0 ? "absent" : "ok";
    this.node.noteRequest(get, "get", outcome, get.options.r);
  }

  private repair(get: GetCoordinator, node: NodeId): void {
    const { key, merged: siblings } = get;
    // This node may have given the range up since the read began.
    if (node === this.node.self && !this.node.isPrimaryOf(key)) return;
    this.node.counters.readRepairs++;
    this.node.out.emit({ type: "read-repair", key, to: node });
    if (node === this.node.self) {
      this.node.records.change(
        key,
        { kind: "merge", siblings, request: null, hintFor: null },
        this.node.out,
      );
    } else {
      const call = { method: "replica.put", key, siblings, purpose: "repair" } as const;
      this.node.out.call(node, call, this.node.config.timeoutMs);
    }
  }
}
