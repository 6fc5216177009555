/**
 * The other two roles in moving a range.
 *
 * The *sender* fences the range when the receiver asks for it: it refuses new requests, finishes
 * those that it has begun, and makes the fence durable before it answers. From then on everything
 * that it ever acknowledged can be copied, and it never acknowledges or answers anything again
 * under that epoch. Quorums of the other owners still meet, as at most one owner is missing.
 *
 * Only the *register writer*, the range's first owner, advances its register, so each range has one
 * history. The new register is durable before any peer gets it. If the plan changes and a fence
 * is no longer needed, the register writer lifts it in the same way, with the next epoch; a late
 * receiver is then refused.
 */
import type { NodeContext } from "../node_context.ts";
import type { Position } from "../ring/position.ts";
import type { OwnerStep } from "../ring/ring.ts";
import type { LocalMark, RangeRegister } from "../ring/ring_state.ts";
import { refusal } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import { assert } from "../util/assert.ts";
import type { MembershipState } from "./membership_state.ts";

type Advance = PeerRequest & { readonly method: "range.advance" };
type Place = Pick<RangeRegister, "start" | "end" | "epoch">;

/** A fence that waits until the changes that were under way have ended. */
interface Fencing {
  /** The receiver's request; null when the range has no receiver. */
  readonly request: number | null;
  readonly mark: LocalMark;
}

/**
 * A call to a register writer, to advance a range that this node gives up or wants to serve again.
 */
export class AdvanceCall {
  readonly kind = "advance";
  constructor(readonly id: number, readonly start: Position) {}
}

const ASKED_MAX = 16;

export class RangeSender {
  private fencing: Fencing[] = [];
  /** Ranges for which a register writer has been asked, by start. */
  private readonly asked = new Set<Position>();
  /** Fences that were guaranteed to a receiver: the epoch that each holds under, by start. */
  private readonly promised = new Map<Position, number>();

  constructor(private readonly node: NodeContext) {}

  get isIdle(): boolean {
    return this.fencing.length === 0 && this.asked.size === 0;
  }

  /** The only node that may advance the range's register: its first owner that was not removed. */
  registerWriterOf(range: number): NodeId {
    const { ring, membership } = this.node;
    const registerWriter = ring.primaries(range).find((id) =>
      membership.memberStatus(id) !== "removed"
    );
    return registerWriter ?? ring.planned(range)[0] as NodeId;
  }

  /**
   * The number of the range with exactly these ends and this epoch; null when this node knows of
   * none.
   */
  exactRange({ start, end, epoch }: Place): number | null {
    const { ring } = this.node;
    const index = ring.rangeAt(start);
    const range = ring.range(index);
    const isSame = range.start === start && range.end === end && ring.epochOf(index) === epoch;
    return isSame ? index : null;
  }

  refuseMoved(request: number, start: Position, end: Position, why: string): void {
    const error = refusal("ring-moved", `Cannot move the range from ${start} to ${end}: ${why}`);
    this.node.refuse(request, { ...error, registers: this.node.registersAt(start) });
  }

  onTick(): void {
    this.settleFences();
    const turns: RangeRegister[] = [];
    for (const step of this.node.ring.steps) this.attend(step, turns);
    this.publish(turns);
    this.liftIdleFences();
  }

  /**
   * Steps without a receiver: the register writer makes those without a live sender, a sender
   * fences itself first.
   */
  private attend(step: OwnerStep, turns: RangeRegister[]): void {
    const { node } = this;
    const { range, sender, receiver } = step;
    if (receiver !== null) return;
    const isGone = sender === null || node.membership.memberStatus(sender) === "removed";
    if (isGone) {
      // Only the order of the owners changes, or a dead owner goes without a successor.
      if (this.registerWriterOf(range) === node.self) turns.push(this.turned(step));
    } else if (sender === node.self) {
      if (!node.membership.isFenced(range)) this.fence(range, null);
      else if (!this.isFencing(range)) this.askRegisterWriter(range, sender);
    }
  }

  // The sender ------------------------------------------------------------------------------------

  onFenceRequest(
    request: number,
    from: NodeId,
    asked: PeerRequest & { readonly method: "range.fence" },
  ): void {
    const { node } = this;
    const { start, end } = asked;
    const range = this.exactRange(asked);
    const step = node.ring.steps.find((each) => each.range === range);
    if (range === null || step?.sender !== node.self || step.receiver !== from) {
      this.refuseMoved(request, start, end, `${node.self} has not heard that '${from}' takes over`);
    } else if (!node.isRangeComplete(range)) {
      this.refuseMoved(request, start, end, `the disk of ${node.self} may lack something`);
    } else this.fence(range, request);
  }

  private fence(range: number, request: number | null): void {
    const { node } = this;
    const { start, end } = node.ring.range(range);
    const mark: LocalMark = { start, end, epoch: node.ring.epochOf(range), mark: "fenced" };
    // It takes effect at once, and becomes durable when the changes under way have ended.
    node.membership.mark(mark);
    if (request === null && this.isFencing(range)) return;
    this.fencing.push({ request, mark });
    this.settleFences();
  }

  /**
   * Must hold for every write of the key that this node acknowledges as an owner. Once the fence is
   * promised, the successor counts in its place, and one write would count on both.
   */
  requireUnfenced(key: string): void {
    const { ring, membership } = this.node;
    const range = ring.rangeOfKey(key);
    if (!membership.isFenced(range)) return;
    const epoch = ring.epochOf(range);
    const isPromised = this.promised.get(ring.range(range).start) === epoch;
    assert(!isPromised, "a fenced range is not acknowledged under its epoch", key, epoch);
  }

  private isFencing(range: number): boolean {
    const { start } = this.node.ring.range(range);
    return this.fencing.some(({ mark }) => mark.start === start) || this.asked.has(start);
  }

  /** Makes the fences durable in whose ranges no record is being changed any more. */
  settleFences(): void {
    if (this.fencing.length === 0) return;
    const { node } = this;
    const waiting: Fencing[] = [];
    for (const fencing of this.fencing) {
      const { request, mark } = fencing;
      if (node.records.isBusyWithin(mark.start, mark.end)) waiting.push(fencing);
      else node.registry.mark(mark, { kind: "fenced", mark, request });
    }
    this.fencing = waiting;
  }

  /**
   * The fence is durable: tells the receiver, or where there is none asks the register writer to go
   * on.
   */
  onFenced(mark: LocalMark, request: number | null): void {
    this.promised.set(mark.start, mark.epoch);
    if (request !== null) {
      this.node.out.respond(request, { status: "stored" });
      return;
    }
    const range = this.exactRange(mark);
    if (range !== null) this.askRegisterWriter(range, this.node.self);
  }

  /** Asks for fences to be lifted where the plan has changed and this node stays an owner. */
  private liftIdleFences(): void {
    const { node } = this;
    if (!node.membership.hasFences) return;
    const leaving = new Set(
      node.ring.steps.filter((step) => step.sender === node.self).map((step) => step.range),
    );
    for (let range = 0; range < node.ring.rangeCount; range++) {
      if (!node.membership.isFenced(range) || leaving.has(range)) continue;
      if (!this.isFencing(range)) this.askRegisterWriter(range, null);
    }
  }

  private askRegisterWriter(range: number, sender: NodeId | null): void {
    const { node } = this;
    const { start, end } = node.ring.range(range);
    if (this.asked.size >= ASKED_MAX || this.asked.has(start)) return;
    const epoch = node.ring.epochOf(range);
    const step: Advance = { method: "range.advance", start, end, epoch, sender, receiver: null };
    const registerWriter = this.registerWriterOf(range);
    if (registerWriter === node.self) {
      this.advance(null, node.self, step);
      return;
    }
    this.asked.add(start);
    const call = new AdvanceCall(node.out.nextId(), start);
    const conversation = node.conversations.add(call, { kind: "self" });
    node.call(conversation, registerWriter, step, node.config.timeoutMs);
    node.watch(call.id, node.out.now, node.config.timeoutMs);
  }

  onReply(call: AdvanceCall, reply: PeerReply): void {
    this.end(call);
    if (reply.status === "membership") this.node.registry.learn(reply.state);
  }

  end(call: AdvanceCall): void {
    this.node.conversations.end(call.id);
    this.asked.delete(call.start);
  }

  // The register writer ---------------------------------------------------------------------------

  /**
   * Advances the register if the step that is asked for is the next one in this node's own plan.
   */
  advance(request: number | null, from: NodeId, asked: Advance): void {
    const { node } = this;
    const { start, end, sender, receiver } = asked;
    const range = this.exactRange(asked);
    // A replaced disk may not know that the range has moved on already.
    if (
      range === null || this.registerWriterOf(range) !== node.self || !node.isRangeComplete(range)
    ) {
      if (request !== null) this.refuseMoved(request, start, end, "its register has moved on");
      return;
    }
    const step = node.ring.steps.find((each) => each.range === range);
    const isLift = sender === null && receiver === null && step?.sender !== from;
    if (isLift) {
      const { epoch, ...register } = node.ring.register(range);
      this.publish([{ ...register, epoch: epoch + 1 }], request);
    } else if (step !== undefined && step.sender === sender && step.receiver === receiver) {
      node.out.emit({ type: "range-moved", range, from: sender, to: receiver });
      this.publish([this.turned(step)], request);
    } else if (request !== null) {
      this.refuseMoved(request, start, end, `${node.self} has not heard of that plan`);
    }
  }

  private turned(step: OwnerStep): RangeRegister {
    return this.checked(step.range, this.node.ring.registerAfter(step));
  }

  /** Registers from peers are taken as they come; only what this node makes of one is checked. */
  private checked(range: number, register: RangeRegister): RangeRegister {
    const { ring } = this.node;
    const { start, owners, slots = [] } = register;
    const held = ring.primaries(range);
    if (hasDuplicates(held)) return register;
    assert(!hasDuplicates(owners), "the owners of a range are distinct", start, owners);
    const least = Math.min(held.length, ring.planned(range).length);
    assert(owners.length >= least, "a range keeps N owners while it can", start, least, owners);
    assert(!hasDuplicates(slots), "the slots of a range are distinct", start, slots);
    return register;
  }

  /** Adopts new registers, and tells the owners before and after once they are durable. */
  private publish(registers: readonly RangeRegister[], request: number | null = null): void {
    if (registers.length === 0) return;
    const { node } = this;
    const concerned = new Set<NodeId>();
    for (const { start, owners } of registers) {
      for (const id of [...node.ring.primaries(node.ring.rangeAt(start)), ...owners]) {
        if (id !== node.self && node.membership.isActive(id)) concerned.add(id);
      }
    }
    const state: MembershipState = { members: [], tokens: [], registers };
    node.counters.rangesAdvanced += registers.length;
    const answer = request === null
      ? []
      : [{ kind: "respond", request, reply: { status: "membership", state } } as const];
    node.registry.learn(state, ...answer, { kind: "spread", state, to: [...concerned] });
  }
}

function hasDuplicates(ids: readonly (NodeId | number)[]): boolean {
  return new Set(ids).size < ids.length;
}
