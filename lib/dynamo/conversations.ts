/**
 * The conversations that a replica has open, who waits for the outcome of each, and which call to a
 * peer belongs to which.
 */
import type { PeerView } from "./requests/forward.ts";
import type { Micros, NodeId } from "./types/ids.ts";
import { assert } from "./util/assert.ts";
import { IdTable } from "./util/id_table.ts";

/**
 * Decides what the answers of one conversation mean: of a request, a gossip round, a comparison of
 * trees. `kind` tells `reply_dispatch.ts` who carries it out.
 */
interface Coordinator {
  readonly id: number;
  readonly kind: string;
}

/** Who is answered when a conversation has its outcome. */
export type Origin =
  | { readonly kind: "client"; readonly request: number }
  /** A peer that forwarded a read. */
  | { readonly kind: "peer"; readonly request: number }
  /** Peers that forwarded a write: all copies of it are answered alike. */
  | { readonly kind: "forward"; readonly requestId: string }
  /** The node started this itself. */
  | { readonly kind: "self" };

export interface Conversation<C extends Coordinator = Coordinator> {
  readonly coordinator: C;
  origin: Origin;
  readonly calls: number[];
}

interface Call {
  readonly conversation: number;
  readonly to: NodeId;
  readonly sentAt: Micros;
  readonly debt: Debt;
}

/** What a peer owes this node. */
interface Debt {
  /** Calls without an answer. */
  calls: number;
  /** Since this time (µs) it has owed at least one answer without any sign of life. */
  since: Micros;
  /**
   * How long it usually stays silent while it owes an answer, µs: a moving average, 0 before the
   * first.
   */
  silenceUs: Micros;
  /** How long its last answer to a read took; undefined before the first. */
  lastReadUs: Micros | undefined;
}

/**
 * Weight of the newest silence in the moving average, as in TCP's estimate of round trips (RFC
 * 6298).
 */
const NEWEST = 1 / 8;
/** A peer is late when it is silent this many times longer than usual. */
const LATE_FACTOR = 4;

export class Conversations implements PeerView {
  private readonly open = new IdTable<Conversation>();
  private readonly calls = new IdTable<Call>();
  private readonly debts = new Map<NodeId, Debt>();

  get size(): number {
    return this.open.size;
  }

  get callsOpen(): number {
    return this.calls.size;
  }

  add<C extends Coordinator>(coordinator: C, origin: Origin): Conversation<C> {
    const conversation: Conversation<C> = { coordinator, origin, calls: [] };
    this.open.set(coordinator.id, conversation);
    return conversation;
  }

  get(id: number): Conversation | undefined {
    return this.open.get(id);
  }

  isOpen(id: number): boolean {
    return this.open.has(id);
  }

  /**
   * The conversation with that id, if its coordinator is of that class; undefined when it is over.
   */
  find<C extends Coordinator>(
    id: number,
    type: abstract new (...args: never[]) => C,
  ): Conversation<C> | undefined {
    const conversation = this.open.get(id);
    return conversation?.coordinator instanceof type ? conversation as Conversation<C> : undefined;
  }

  /** Forgets the conversation and whatever answers are still owed to it. */
  end(id: number): void {
    const conversation = this.open.take(id);
    if (conversation === undefined) return;
    for (const call of conversation.calls) this.endCall(call);
  }

  addCall(call: number, conversation: Conversation, to: NodeId, sentAt: Micros): void {
    const { id } = conversation.coordinator;
    assert(this.isOpen(id), "a call belongs to an open conversation", id, to);
    const debt = this.debts.get(to) ?? this.addDebt(to);
    if (debt.calls++ === 0) debt.since = sentAt;
    conversation.calls.push(call);
    this.calls.set(call, { conversation: id, to, sentAt, debt });
  }

  private addDebt(to: NodeId): Debt {
    const debt: Debt = { calls: 0, since: 0, silenceUs: 0, lastReadUs: undefined };
    this.debts.set(to, debt);
    return debt;
  }

  isCallOpen(id: number): boolean {
    return this.calls.has(id);
  }

  /** The call and its conversation, once; undefined for late or unknown answers. */
  takeCall(id: number): { call: Call; conversation: Conversation } | undefined {
    const call = this.endCall(id);
    if (call === undefined) return undefined;
    const conversation = this.open.get(call.conversation);
    assert(conversation !== undefined, "no call outlives its conversation", id, call.to);
    return { call, conversation };
  }

  private endCall(id: number): Call | undefined {
    const call = this.calls.take(id);
    if (call === undefined) return undefined;
    call.debt.calls--;
    assert(call.debt.calls >= 0, "calls owed by a peer are never negative", call.to);
    return call;
  }

  /**
   * An answer came at `now`: updates how long the node usually takes to speak. Call {@link
   * noteContact} afterwards.
   */
  noteAnswer(node: NodeId, now: Micros): void {
    const debt = this.debts.get(node);
    if (debt === undefined) return;
    const silenceUs = now - debt.since;
    if (debt.silenceUs === 0) debt.silenceUs = silenceUs;
    else debt.silenceUs += NEWEST * (silenceUs - debt.silenceUs);
  }

  /** A message of the node came at `now`: it is alive, whatever it still owes. */
  noteContact(node: NodeId, now: Micros): void {
    const debt = this.debts.get(node);
    if (debt !== undefined) debt.since = now;
  }

  /**
   * Whether the node has owed an answer for so long, and for much longer than usual, without any sign
   * of life: no evidence of a failure yet, and enough to prefer another.
   */
  isLate(node: NodeId, afterUs: Micros, now: Micros): boolean {
    const debt = this.debts.get(node);
    if (debt === undefined || debt.calls === 0) return false;
    return now - debt.since > Math.max(afterUs, LATE_FACTOR * debt.silenceUs);
  }

  noteRead(call: Call, now: Micros): void {
    call.debt.lastReadUs = now - call.sentAt;
  }

  load(node: NodeId): number {
    return this.debts.get(node)?.calls ?? 0;
  }

  lastReadUs(node: NodeId): Micros | undefined {
    return this.debts.get(node)?.lastReadUs;
  }
}
