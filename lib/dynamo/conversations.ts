/**
 * Everything a replica is in the middle of: its conversations, who waits for their outcome, and
 * which peer call belongs to which.
 */
import type { Micros } from "./events.ts";
import type { Exchange, KeyRepair } from "./exchange.ts";
import type { Forward, PeerView } from "./forwarding.ts";
import type { GossipRound } from "./gossiping.ts";
import type { HintDelivery } from "./handoff.ts";
import type { AdvanceCall } from "./handover.ts";
import type { LeftoverCall } from "./leftovers.ts";
import type { GetCoordinator } from "./get_coordinator.ts";
import type { PutCoordinator } from "./put_coordinator.ts";
import type { ReapRound } from "./reaping.ts";
import type { NodeId } from "./ring.ts";
import type { KeyPull, Takeover } from "./takeover.ts";

export type Coordinator =
  | GetCoordinator
  | PutCoordinator
  | Forward
  | HintDelivery
  | GossipRound
  | Exchange
  | KeyRepair
  | ReapRound
  | Takeover
  | KeyPull
  | AdvanceCall
  | LeftoverCall;

/** Who is answered when a conversation has its outcome. */
export type Origin =
  | { readonly kind: "client"; readonly request: number }
  /** A peer that forwarded a read. */
  | { readonly kind: "peer"; readonly request: number }
  /** Peers that forwarded a write: all copies of it are answered alike. */
  | { readonly kind: "forward"; readonly requestId: string }
  /** Nobody: the node's own doing. */
  | { readonly kind: "self" };

export interface Conversation {
  readonly coordinator: Coordinator;
  origin: Origin;
  readonly calls: number[];
}

interface Call {
  /** 0 when nobody listens to the answer. */
  readonly conversation: number;
  readonly to: NodeId;
  readonly sentAt: Micros;
}

export class Conversations implements PeerView {
  private readonly open = new Map<number, Conversation>();
  private readonly calls = new Map<number, Call>();
  private readonly loads = new Map<NodeId, number>();
  private readonly lastReads = new Map<NodeId, Micros>();

  get size(): number {
    return this.open.size;
  }

  get callsOpen(): number {
    return this.calls.size;
  }

  add<C extends Coordinator>(coordinator: C, origin: Origin): Conversation & { coordinator: C } {
    const conversation = { coordinator, origin, calls: [] };
    this.open.set(coordinator.id, conversation);
    return conversation;
  }

  get(id: number): Conversation | undefined {
    return this.open.get(id);
  }

  /** Forgets the conversation and whatever answers are still owed to it. */
  end(id: number): void {
    for (const call of this.open.get(id)?.calls ?? []) this.takeCall(call);
    this.open.delete(id);
  }

  addCall(call: number, conversation: Conversation, to: NodeId, sentAt: Micros): void {
    conversation.calls.push(call);
    this.calls.set(call, { conversation: conversation.coordinator.id, to, sentAt });
    this.loads.set(to, this.load(to) + 1);
  }

  isCallOpen(id: number): boolean {
    return this.calls.has(id);
  }

  /** The call and its conversation, once; undefined for late or unknown answers. */
  takeCall(id: number): { call: Call; conversation: Conversation } | undefined {
    const call = this.calls.get(id);
    if (call === undefined) return undefined;
    this.calls.delete(id);
    this.loads.set(call.to, this.load(call.to) - 1);
    const conversation = this.open.get(call.conversation);
    return conversation === undefined ? undefined : { call, conversation };
  }

  noteRead(call: Call, now: Micros): void {
    this.lastReads.set(call.to, now - call.sentAt);
  }

  load(node: NodeId): number {
    return this.loads.get(node) ?? 0;
  }

  lastReadUs(node: NodeId): Micros | undefined {
    return this.lastReads.get(node);
  }
}
