/**
 * The other two roles in moving a range.
 *
 * The *sender* fences itself when the receiver asks for it: it refuses whatever is new, lets end what it
 * has begun, and remembers the fence durably before it says so. From then on all that it ever
 * acknowledged is there for the receiver to copy, and it can never acknowledge or answer anything again
 * under that epoch. Quorums among the others go on meeting, for at most one owner is missing.
 *
 * The *register writer*, the first owner, alone advances the register: so no two histories of a range exist. It
 * does so durably before anybody hears of it. A fence that turned out to be for nothing, as the plan
 * changed, it lifts in the same way: by an epoch more, under which the late receiver is refused.
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

/** A fence that waits until what was begun before it has ended. */
interface Fencing {
  /** The receiver's request; null when nobody takes over. */
  readonly request: number | null;
  readonly mark: LocalMark;
}

/** This node asks a register writer to advance a range that it gives up, or wants to serve again. */
export class AdvanceCall {
  readonly kind = "advance";
  constructor(readonly id: number, readonly start: Position) {}
}

const ASKED_MAX = 16;

export class RangeSender {
  private fencing: Fencing[] = [];
  /** Ranges for which a register writer has been asked, by start. */
  private readonly asked = new Set<Position>();
  /** Fences that were promised to somebody, by start: the epoch that each holds under. */
  private readonly promised = new Map<Position, number>();

  constructor(private readonly node: NodeContext) {}

  get isIdle(): boolean {
    return this.fencing.length === 0 && this.asked.size === 0;
  }

  /** Who may advance the range's register: its first owner that was not removed. */
  registerWriterOf(range: number): NodeId {
    const { ring, membership } = this.node;
    const registerWriter = ring.primaries(range).find((id) =>
      membership.memberStatus(id) !== "removed"
    );
    return registerWriter ?? ring.planned(range)[0] as NodeId;
  }

  /** The range that lies exactly there at that epoch; null when this node sees it otherwise. */
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

  /** What this node alone has to do for a step: as its register writer, or as a sender nobody takes over from. */
  private attend(step: OwnerStep, turns: RangeRegister[]): void {
    const { node } = this;
    const { range, sender, receiver } = step;
    if (receiver !== null) return;
    const isGone = sender === null || node.membership.memberStatus(sender) === "removed";
    if (isGone) {
      // Only the order is to change, or an owner is dead and has no successor.
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
    // In force at once, durable as soon as what it lets pass has ended.
    node.membership.mark(mark);
    if (request === null && this.isFencing(range)) return;
    this.fencing.push({ request, mark });
    this.settleFences();
  }

  /**
   * To be held against every write of the key that this node acknowledges as an owner. Once its fence is
   * promised, its successor counts in its place: one write would count on both.
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

  /** Makes those fences durable whose ranges have come to rest. */
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

  /** The fence is durable: the receiver is told, or where nobody takes over the register writer is asked. */
  onFenced(mark: LocalMark, request: number | null): void {
    this.promised.set(mark.start, mark.epoch);
    if (request !== null) {
      this.node.out.respond(request, { status: "stored" });
      return;
    }
    const range = this.exactRange(mark);
    if (range !== null) this.askRegisterWriter(range, this.node.self);
  }

  /** The plan has changed, and this node stays an owner of what it has fenced. */
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

  // The register writer -----------------------------------------------------------------------------------

  /** Advances the register, if what is asked for is what this node would have happen. */
  advance(request: number | null, from: NodeId, asked: Advance): void {
    const { node } = this;
    const { start, end, sender, receiver } = asked;
    const range = this.exactRange(asked);
    // A disk that was replaced may have forgotten to whom the range has gone already.
    if (
      range === null || this.registerWriterOf(range) !== node.self || !node.isRangeComplete(range)
    ) {
      if (request !== null) this.refuseMoved(request, start, end, "its register has moved on");
      return;
    }
    const step = node.ring.steps.find((each) => each.range === range);
    const isLift = sender === null && receiver === null && step?.sender !== from;
    if (isLift) this.publish([this.register(range, node.ring.primaries(range))], request);
    else if (step !== undefined && step.sender === sender && step.receiver === receiver) {
      node.out.emit({ type: "range-moved", range, from: sender, to: receiver });
      this.publish([this.turned(step)], request);
    } else if (request !== null) {
      this.refuseMoved(request, start, end, `${node.self} has not heard of that plan`);
    }
  }

  private turned(step: OwnerStep): RangeRegister {
    return this.register(step.range, this.node.ring.after(step));
  }

  private register(range: number, owners: readonly NodeId[]): RangeRegister {
    const { ring } = this.node;
    const { start, end } = ring.range(range);
    const held = ring.primaries(range);
    // A register that a peer made is taken as it came: only what this node makes of it is its own doing.
    if (!hasDuplicates(held)) {
      assert(!hasDuplicates(owners), "the owners of a range are distinct", start, owners);
      const least = Math.min(held.length, ring.planned(range).length);
      assert(owners.length >= least, "a range keeps N owners while it can", start, least, owners);
    }
    return { start, end, owners, epoch: ring.epochOf(range) + 1 };
  }

  /** Takes new registers on, and tells everybody concerned once they are durable. */
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

function hasDuplicates(ids: readonly NodeId[]): boolean {
  return new Set(ids).size < ids.length;
}
