/**
 * Which conversation an answer, a failed call or a passing deadline belongs to, and what that tells
 * the failure detector. One switch each; the parts decide.
 */
import type { Conversation } from "./conversations.ts";
import { type AnyCoordinator, coordinatorOf } from "./coordinators.ts";
import type { NodeContext } from "./node_context.ts";
import type { Parts } from "./parts.ts";
import type { GetCoordinator } from "./requests/get_coordinator.ts";
import type { PutCoordinator } from "./requests/put_coordinator.ts";
import type { DynamoError } from "./types/errors.ts";
import type { Micros, NodeId } from "./types/ids.ts";
import type { PeerReply } from "./types/peer_messages.ts";

export class ReplyDispatch {
  constructor(private readonly node: NodeContext, private readonly parts: Parts) {}

  onReply(id: number, reply: PeerReply): void {
    const taken = this.node.conversations.takeCall(id);
    if (taken === undefined) return;
    const { call, conversation } = taken;
    const coordinator = coordinatorOf(conversation);
    this.node.onAnswer(call.to);
    if (reply.status === "error") this.learnFrom(reply.error);
    switch (coordinator.kind) {
      case "get":
        this.node.conversations.noteRead(call, this.node.out.now);
        this.parts.reads.onReply(conversation, coordinator, call.to, reply);
        break;
      case "put":
        this.parts.writes.onReply(conversation, coordinator, call.to, reply);
        break;
      case "forward":
        this.parts.forwards.onReply(conversation, coordinator, reply);
        break;
      case "gossip":
        this.parts.gossiping.onReply(conversation, coordinator, reply);
        break;
      case "handoff":
        this.parts.handoff.onReply(coordinator, reply);
        break;
      case "reap":
        this.parts.reaping.onReply(conversation, coordinator, call.to, reply);
        break;
      case "anti-entropy":
        this.parts.antiEntropy.onReply(conversation, coordinator, reply);
        break;
      case "key-repair":
        this.parts.antiEntropy.onPeerRecord(coordinator, reply);
        break;
      case "transfer":
        this.parts.rangeReceiver.onReply(conversation, coordinator, reply);
        break;
      case "key-pull":
        this.parts.rangeReceiver.onRecord(coordinator, reply);
        break;
      case "advance":
        this.parts.rangeSender.onReply(coordinator, reply);
        break;
      case "orphan":
        this.parts.orphanedReplicas.onReply(coordinator, reply);
        break;
      case "boot-check":
        this.parts.recovering.onReply(conversation, coordinator, reply);
        break;
    }
  }

  /** A refusal carries the range register that the sender of the request did not know. */
  private learnFrom({ registers = [] }: DynamoError): void {
    if (registers.length > 0) this.node.registry.learn({ members: [], tokens: [], registers });
  }

  onCallFailed(id: number, undelivered: boolean, reason: string): void {
    const taken = this.node.conversations.takeCall(id);
    if (taken === undefined) return;
    const { call, conversation } = taken;
    const coordinator = coordinatorOf(conversation);
    this.node.onFailure(call.to, undelivered);
    this.node.counters.callsFailed++;
    this.node.out.emit({ type: "call-failed", to: call.to, method: coordinator.kind, reason });
    switch (coordinator.kind) {
      case "get":
        this.parts.reads.onCallFailed(conversation, coordinator, call.to, reason);
        break;
      case "put":
        this.parts.writes.onCallFailed(conversation, coordinator, call.to, reason);
        break;
      case "forward":
        this.parts.forwards.onCallFailed(
          conversation,
          coordinator,
          undelivered,
          `${call.to}: ${reason}`,
        );
        break;
      default:
        this.onOver(coordinator);
    }
  }

  /** Background work that got no answer: its next tick starts it again. */
  private onOver(coordinator: Exclude<AnyCoordinator, { kind: "get" | "put" | "forward" }>): void {
    switch (coordinator.kind) {
      case "gossip":
        this.node.conversations.end(coordinator.id);
        break;
      case "handoff":
        this.parts.handoff.onFailed(coordinator);
        break;
      case "reap":
        this.parts.reaping.onFailed(coordinator);
        break;
      case "anti-entropy":
        this.parts.antiEntropy.onFailed(coordinator);
        break;
      case "key-repair":
        this.parts.antiEntropy.finishRepair(coordinator, false);
        break;
      case "transfer":
        this.parts.rangeReceiver.onFailed(coordinator);
        break;
      case "key-pull":
        this.parts.rangeReceiver.finishPull(coordinator, false);
        break;
      case "advance":
        this.parts.rangeSender.end(coordinator);
        break;
      case "orphan":
        this.parts.orphanedReplicas.onFailed(coordinator);
        break;
      case "boot-check":
        this.parts.recovering.onFailed(coordinator);
        break;
    }
  }

  /**
   * The timeout of one call in a conversation of many; the call may have been answered long ago.
   */
  onCallSilent(id: number, call: number): void {
    const conversation = this.node.conversations.get(id);
    if (conversation === undefined || !this.node.conversations.isCallOpen(call)) return;
    const coordinator = coordinatorOf(conversation);
    switch (coordinator.kind) {
      case "get":
      case "put":
      case "forward":
        break;
      default:
        this.onOver(coordinator);
    }
  }

  /**
   * A request has waited long enough for some replica. Each one that is asked in another's place has
   * the same time, so the request is looked at again until it ends, at last for its timeout.
   */
  onPatienceOver(id: number, endsAt: Micros): void {
    const conversation = this.node.conversations.get(id);
    if (conversation === undefined) return;
    const nextAt = this.passOver(conversation) ?? endsAt;
    if (this.node.conversations.get(id) === undefined) return;
    const kind = nextAt < endsAt ? "patience" : "timeout";
    this.node.deadlines.add(Math.min(nextAt, endsAt), { kind, conversation: id, endsAt });
  }

  /** Passes over who is silent; answers when to look again, null for not at all. */
  private passOver(conversation: Conversation): Micros | null {
    const { node, parts } = this;
    const coordinator = coordinatorOf(conversation);
    switch (coordinator.kind) {
      case "get":
        this.noteSilent(coordinator.key, parts.reads.onPatienceOver(conversation, coordinator));
        return this.nextLookAt(coordinator);
      case "put":
        this.noteSilent(coordinator.key, parts.writes.onPatienceOver(conversation, coordinator));
        return this.nextLookAt(coordinator);
      case "forward":
        parts.forwards.onPatienceOver(conversation, coordinator);
        return node.out.now + node.patienceUs(coordinator);
      case "gossip":
        node.onFailure(coordinator.peer, false);
        return null;
      default:
        return null;
    }
  }

  private nextLookAt({ responses, options }: GetCoordinator | PutCoordinator): Micros {
    const { node } = this;
    const patienceUs = node.patienceUs(options);
    const nextAt = responses.nextPassOverAt(patienceUs);
    // Later ones may be asked meanwhile: then the next look finds when their time is over.
    return nextAt !== null && nextAt > node.out.now ? nextAt : node.out.now + patienceUs;
  }

  private noteSilent(key: string, nodes: readonly NodeId[]): void {
    for (const peer of nodes) {
      if (peer === this.node.self) continue;
      this.node.counters.silences++;
      this.node.onFailure(peer, false);
      this.node.out.emit({ type: "silent", peer, key });
    }
  }

  onTimeout(id: number): void {
    const conversation = this.node.conversations.get(id);
    if (conversation === undefined) return;
    const coordinator = coordinatorOf(conversation);
    switch (coordinator.kind) {
      case "get":
        this.parts.reads.onTimeout(conversation, coordinator);
        break;
      case "put":
        this.parts.writes.onTimeout(conversation, coordinator);
        break;
      case "forward":
        this.parts.forwards.onTimeout(conversation, coordinator);
        break;
      default:
        this.onOver(coordinator);
    }
  }
}
