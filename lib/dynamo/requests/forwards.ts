/**
 * How a replica forwards requests for keys that it does not own, and accepts those forwarded to it.
 * The rules are in `forward.ts`.
 */
import type { Conversation, Origin } from "../conversations.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import { BOOT_NUMBERS } from "../types/boot.ts";
import type { ClientReply, ClientRequest } from "../types/client_messages.ts";
import { type DynamoError, refusal } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import type { Coordination } from "./coordination.ts";
import { formatRequestId, Forward, rankCoordinators } from "./forward.ts";
import { resolveOptions, validateRequest } from "./request_options.ts";

/** How long a forward is remembered, in its own timeouts: the sender's and the receiver's. */
const LIFETIME_TIMEOUTS = 2;

export class Forwards {
  private sent = 0;

  constructor(private readonly node: NodeContext, private readonly coordination: Coordination) {}

  /** Sends the request to the node that should coordinate it. */
  start(request: ClientRequest, origin: Origin): void {
    const { now } = this.node.out;
    const id = this.node.out.nextId();
    const hinted = request.method === "get" ? undefined : request.fastest;
    const ranked = rankCoordinators(
      this.node.primariesOf(request.key).filter((id) => id !== this.node.self),
      this.node.config.coordinator,
      hinted,
      this.node.conversations,
      this.node.random,
    );
    const { timeoutMs, sloppy } = resolveOptions(request, this.node.config);
    const isUp = (node: NodeId) => this.node.isUp(node);
    const preferred = [
      ...ranked.filter((node) => this.isWell(node)),
      ...ranked.filter((node) => isUp(node) && !this.isWell(node)),
    ];
    // With a sloppy quorum, nodes that are silent or believed down are not asked: one that is
    // paused or cut off would cost a write its whole timeout, while this node and other stand-ins
    // can serve it at once.
    const candidates = sloppy
      ? preferred.filter((node) => !this.node.isSilent(node))
      : [...preferred, ...ranked.filter((node) => !isUp(node))];
    this.sent++;
    // Incarnations go up with every start on one data directory. An older copy of the disk can
    // bring one back, but then the boot number differs.
    const { dataId, bootNumber = 0 } = this.node.boot;
    const start = this.node.incarnation * BOOT_NUMBERS + bootNumber;
    const requestId = formatRequestId(`${this.node.self}.${dataId}`, start, this.sent);
    const forward = new Forward(id, request, candidates, requestId, timeoutMs, now);
    const conversation = this.node.conversations.add(forward, origin);
    this.tryNext(conversation, forward);
    this.node.watch(id, now, timeoutMs);
  }

  private isWell(node: NodeId): boolean {
    return this.node.isUp(node) && !this.node.isDoubted(node);
  }

  private tryNext(conversation: Conversation, forward: Forward): void {
    const node = forward.nextCandidate();
    if (node === undefined) {
      if (forward.pending === 0) this.onNobodyLeft(conversation, forward);
      return;
    }
    this.node.counters.forwards++;
    this.node.out.emit({ type: "forward", key: forward.key, to: node });
    const timeoutMs = forward.remainingMs(this.node.out.now);
    this.node.call(conversation, node, {
      method: "forward",
      requestId: forward.requestId,
      request: { ...forward.request, timeoutMs },
      ringVersion: this.node.ring.version,
    }, timeoutMs);
  }

  /**
   * No primary can be reached. With a sloppy quorum this node coordinates by itself, unless one of
   * them may have taken the write already.
   */
  private onNobodyLeft(conversation: Conversation, forward: Forward): void {
    const { sloppy } = resolveOptions(forward.request, this.node.config);
    if (!sloppy || !this.node.isMember || (forward.uncertain && forward.request.method !== "get")) {
      this.fail(conversation, forward);
      return;
    }
    const { origin } = conversation;
    this.node.conversations.end(forward.id);
    const timeoutMs = forward.remainingMs(this.node.out.now);
    this.coordination.start({ ...forward.request, timeoutMs }, origin);
  }

  onReply(conversation: Conversation, forward: Forward, reply: PeerReply): void {
    forward.pending--;
    if (reply.status === "forwarded") {
      this.end(conversation, forward, reply.reply);
    } else if (reply.status === "error" && mayTryElsewhere(reply.error)) {
      forward.reasons.push(reply.error.message);
      // A node that refuses because it is not an owner says who is, if it knows.
      forward.addCandidates(
        this.node.primariesOf(forward.key).filter((id) => id !== this.node.self),
      );
      this.tryNext(conversation, forward);
    } else if (reply.status === "error") {
      this.end(conversation, forward, reply);
    } else {
      this.onFailed(conversation, forward, false, "unexpected answer");
    }
  }

  private onFailed(
    conversation: Conversation,
    forward: Forward,
    undelivered: boolean,
    reason: string,
  ): void {
    forward.reasons.push(reason);
    if (undelivered || forward.request.method === "get") {
      this.tryNext(conversation, forward);
    } else {
      forward.uncertain = true;
      this.fail(conversation, forward);
    }
  }

  private fail(conversation: Conversation, forward: Forward): void {
    const { node } = this;
    const error = forward.failure();
    // This node would coordinate itself if its data were known to be complete.
    const isOwn = node.isMember && node.ring.primariesOfKey(forward.key).includes(node.self);
    const why = isOwn && !node.isCompleteFor(forward.key) ? node.whyIncomplete(forward.key) : null;
    const message = why === null ? error.message : `${error.message}. ${why}`;
    this.end(conversation, forward, { status: "error", error: { ...error, message } });
  }

  private end(conversation: Conversation, forward: Forward, reply: ClientReply): void {
    this.node.finish(conversation, reply);
    this.node.conversations.end(forward.id);
  }

  onCallFailed(
    conversation: Conversation,
    forward: Forward,
    undelivered: boolean,
    reason: string,
  ): void {
    forward.pending--;
    this.onFailed(conversation, forward, undelivered, reason);
  }

  /**
   * A silent coordinator may still be writing, so only a read is tried elsewhere: at candidates
   * that are not silent too, and if none is left at this node itself.
   */
  onPatienceOver(conversation: Conversation, forward: Forward): void {
    if (forward.request.method !== "get") return;
    const { sloppy } = resolveOptions(forward.request, this.node.config);
    if (sloppy) forward.drop((node) => !this.isWell(node));
    if (sloppy && forward.candidatesLeft === 0) this.onNobodyLeft(conversation, forward);
    else this.tryNext(conversation, forward);
  }

  onTimeout(conversation: Conversation, forward: Forward): void {
    this.fail(conversation, forward);
  }

  /**
   * Whom to answer when the forwarded request is carried out here; null when it is refused or a
   * copy.
   */
  admit(id: number, { request, requestId }: PeerRequest & { method: "forward" }): Origin | null {
    const { node } = this;
    const invalid = validateRequest(request, node.config);
    if (invalid !== null) {
      node.refuse(id, refusal("invalid", invalid));
      return null;
    }
    const isOwner = node.isPrimaryOf(request.key);
    if (request.method === "get") {
      if (isOwner) return { kind: "peer", request: id };
      node.refuseAsNoOwner(id, request.key);
      return null;
    }
    const origin = this.admitWrite(id, requestId, resolveOptions(request, node.config).timeoutMs);
    if (origin === null || isOwner) return origin;
    this.refuseWrite(requestId, request.key);
    return null;
  }

  /**
   * Refuses a forwarded write for certain. Its sender may try another owner, so a later copy must
   * be refused too, even if this node owns the key by then.
   */
  refuseWrite(requestId: string, key: string): void {
    const { node } = this;
    const error = node.noOwnerError(key);
    for (const waiting of node.forwards.answer(requestId, { status: "error", error })) {
      node.refuse(waiting, error);
    }
  }

  private admitWrite(id: number, requestId: string, timeoutMs: number): Origin | null {
    const { node } = this;
    const admission = node.forwards.admit(requestId, id);
    switch (admission.kind) {
      case "new": {
        const at = node.out.now + LIFETIME_TIMEOUTS * timeoutMs * MICROS_PER_MS;
        node.deadlines.add(at, { kind: "forget", requestId });
        return { kind: "forward", requestId };
      }
      case "answered":
        node.out.respond(id, { status: "forwarded", reply: admission.reply });
        return null;
      case "too-old":
        node.refuse(
          id,
          refusal(
            "too-late",
            `Request ${requestId} came too late: it may have been carried out already`,
          ),
        );
        return null;
      case "full":
        node.refuse(
          id,
          refusal("overloaded", "This node remembers as many forwarded writes as it may"),
        );
        return null;
      case "waiting":
        return null;
    }
  }
}

function mayTryElsewhere(error: DynamoError): boolean {
  return error.definite &&
    (error.code === "wrong-owner" || error.code === "recovering" || error.code === "too-late" ||
      error.code === "overloaded");
}
