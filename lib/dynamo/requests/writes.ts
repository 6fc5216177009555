/**
 * How a replica carries out writes: it commits, sends, lets `PutCoordinator` decide, and answers.
 */
import type { Conversation, Origin } from "../conversations.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import type { StorageCompletion } from "../records/record_changes.ts";
import type { Place } from "../ring/placement.ts";
import type { ClientReply, DeleteRequest, PutRequest } from "../types/client_messages.ts";
import { type DynamoError, refusal } from "../types/errors.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import type { PeerReply } from "../types/peer_messages.ts";
import type { CausalContext } from "../versions/versions.ts";
import { PutCoordinator } from "./put_coordinator.ts";
import type { ResolvedOptions } from "./request_options.ts";

/** A tombstone has no bytes; on the wire a version always has a content type. */
const TOMBSTONE_CONTENT_TYPE = "application/octet-stream";

/** Forwards a write that this node must not make, or refuses it to the node that forwarded it. */
interface WriteForwarder {
  start(request: PutRequest | DeleteRequest, origin: Origin): void;
  refuseWrite(requestId: string, key: string): void;
}

export class Writes {
  forwards: WriteForwarder | null = null;

  constructor(private readonly node: NodeContext) {}

  /**
   * Starts a write. `startedAt` (µs) is when the client's request came: a delete may have read
   * first.
   */
  start(
    request: PutRequest | DeleteRequest,
    context: CausalContext | null,
    options: ResolvedOptions,
    startedAt: Micros,
    origin: Origin,
  ): void {
    const { now } = this.node.out;
    const isPrimary = this.node.isPrimaryOf(request.key);
    if (!this.mayCommit(isPrimary, options)) {
      this.passOn(request, context, options, startedAt, origin);
      return;
    }
    const id = this.node.out.nextId();
    const placement = this.node.placement(request.key, options.sloppy);
    const put = new PutCoordinator(id, request, context, options, startedAt, placement);
    const conversation = this.node.conversations.add(put, origin);
    const own = isPrimary
      ? placement.coordinatorInside()
      : placement.coordinatorOutside(this.node.health);
    put.responses.add(own, now);
    const isPut = request.method === "put";
    const taken = this.node.records.change(request.key, {
      kind: "write",
      conversation: id,
      context,
      value: isPut ? request.value : null,
      contentType: isPut ? request.contentType : TOMBSTONE_CONTENT_TYPE,
      hintFor: own.standsInFor,
      buffered: this.node.config.durability === "buffered" && this.node.config.n > 1,
    }, this.node.out);
    if (!taken) {
      const error = refusal("overloaded", `Too many changes of '${request.key}' are waiting`);
      this.end(conversation, put, { status: "error", error });
      return;
    }
    this.node.watch(id, startedAt, options.timeoutMs);
  }

  /**
   * Under a strict quorum only an owner may commit. This node may have fenced the range since the
   * request came, as a delete without a context reads first; what is fenced must not be
   * acknowledged.
   */
  private mayCommit(isPrimary: boolean, { sloppy }: ResolvedOptions): boolean {
    return isPrimary || sloppy;
  }

  /** An owner has to make the write, and this node is not one, or no longer. */
  private passOn(
    request: PutRequest | DeleteRequest,
    context: CausalContext | null,
    options: ResolvedOptions,
    startedAt: Micros,
    origin: Origin,
  ): void {
    if (origin.kind === "forward") {
      this.forwards?.refuseWrite(origin.requestId, request.key);
      return;
    }
    const spentMs = Math.floor((this.node.out.now - startedAt) / MICROS_PER_MS);
    const timeoutMs = Math.max(1, options.timeoutMs - spentMs);
    this.forwards?.start({ ...request, context, timeoutMs }, origin);
  }

  private onCommitted(
    put: PutCoordinator,
    completion: StorageCompletion & { kind: "changed" },
  ): void {
    const conversation = this.node.conversations.get(put.id);
    if (conversation === undefined) return;
    put.replyContext = completion.context;
    put.siblings = completion.siblings;
    put.addAck(this.node.self, this.node.out.now);
    // Under `buffered` the first of them commits before it acknowledges; the others may commit
    // later (SOSP 2007, section 6.1).
    let mayBuffer = false;
    for (const place of put.placement.first(this.node.health)) {
      if (place.node === this.node.self) continue;
      this.send(conversation, put, place, mayBuffer);
      mayBuffer = true;
    }
    this.onProgress(conversation, put);
  }

  private send(
    conversation: Conversation,
    put: PutCoordinator,
    place: Place,
    mayBuffer: boolean,
  ): void {
    const { key, siblings } = put;
    const isBuffered = mayBuffer && this.node.config.durability === "buffered";
    put.responses.add(place, this.node.out.now);
    const replicate = { method: "replica.put", key, siblings, purpose: "replicate" } as const;
    const request = place.standsInFor === null && !isBuffered ? replicate : {
      ...replicate,
      ...(place.standsInFor === null ? {} : { hintFor: place.standsInFor }),
      ...(isBuffered ? { buffered: true as const } : {}),
    };
    this.node.call(conversation, place.node, request, put.options.timeoutMs);
  }

  /** A node cannot take the write or was silent for too long: another stands in. */
  private replace(conversation: Conversation, put: PutCoordinator, node: NodeId): void {
    const isOver = !put.responses.isPending(node);
    const place = this.node.replacement(put.placement, put.key, node, isOver);
    if (place !== undefined) this.send(conversation, put, place, false);
  }

  onPatienceOver(conversation: Conversation, put: PutCoordinator): NodeId[] {
    if (put.replyContext === null) return [];
    const { node } = this;
    const silent = put.responses.passOver(node.patienceUs(put.options), node.out.now);
    for (const replica of silent) this.replace(conversation, put, replica);
    return silent;
  }

  onReply(conversation: Conversation, put: PutCoordinator, from: NodeId, reply: PeerReply): void {
    const { now } = this.node.out;
    if (reply.status === "stored") put.addAck(from, now);
    else {
      put.addFailure(from, reasonOf(reply), now);
      this.replace(conversation, put, from);
    }
    this.onProgress(conversation, put);
  }

  onCallFailed(conversation: Conversation, put: PutCoordinator, to: NodeId, reason: string): void {
    put.addFailure(to, reason, this.node.out.now);
    this.replace(conversation, put, to);
    this.onProgress(conversation, put);
  }

  /** The coordinator's own commit is done. */
  onChanged(completion: StorageCompletion & { kind: "changed" }, id: number): void {
    const put = this.node.conversations.find(id, PutCoordinator)?.coordinator;
    if (put !== undefined) this.onCommitted(put, completion);
  }

  /** The coordinator could not commit, or was not allowed to: nothing has been sent. */
  onChangeFailed(id: number, error: DynamoError): void {
    const conversation = this.node.conversations.find(id, PutCoordinator);
    if (conversation === undefined) return;
    const put = conversation.coordinator;
    put.addFailure(this.node.self, error.message, this.node.out.now);
    this.end(conversation, put, { status: "error", error });
  }

  onTimeout(conversation: Conversation, put: PutCoordinator): void {
    if (put.repliedAt === null) this.fail(conversation, put);
    this.conclude(put, put.enough ? "ok" : "quorum-not-met");
  }

  private onProgress(conversation: Conversation, put: PutCoordinator): void {
    if (put.repliedAt === null) {
      if (put.enough) this.acknowledge(conversation, put);
      else if (put.hopeless) this.fail(conversation, put);
    }
    if (put.settled) this.conclude(put, put.enough ? "ok" : "quorum-not-met");
  }

  private acknowledge(conversation: Conversation, put: PutCoordinator): void {
    put.repliedAt = this.node.out.now;
    this.node.finish(conversation, put.reply(this.node.self));
  }

  private fail(conversation: Conversation, put: PutCoordinator): void {
    put.repliedAt = this.node.out.now;
    this.node.finish(conversation, { status: "error", error: put.failure() });
  }

  private end(conversation: Conversation, put: PutCoordinator, reply: ClientReply): void {
    if (put.repliedAt === null) {
      put.repliedAt = this.node.out.now;
      this.node.finish(conversation, reply);
    }
    this.conclude(put, reply.status === "error" ? reply.error.code : "ok");
  }

  private conclude(put: PutCoordinator, outcome: "ok" | DynamoError["code"]): void {
    this.node.conversations.end(put.id);
    this.node.noteRequest(put, put.request.method, outcome, put.options.w);
  }
}

/** Why a peer's answer counts as a failure, for error messages. */
export function reasonOf(reply: PeerReply): string {
  return reply.status === "error" ? reply.error.message : `unexpected answer '${reply.status}'`;
}
