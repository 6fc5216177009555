/**
 * Explicit membership changes (SOSP 2007, section 4.8.1): first a plan, which shows what
 * would move, then a commit, which is refused if the membership has changed in between.
 */
import type { Gossiping } from "../gossip/gossiping.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import type { MembershipOrder, TransfersState } from "../types/admin.ts";
import { refusal } from "../types/errors.ts";
import type { MembershipAct } from "../types/membership_plan.ts";
import { ActError, amendment, type Draft, draftOf } from "./membership_plan.ts";
import type { OrphanedReplicas } from "./orphaned_replicas.ts";
import type { RangeReceiver } from "./range_receiver.ts";
import type { RangeSender } from "./range_sender.ts";

/** Plans that may wait for a commit; past it the oldest is forgotten. */
const DRAFTS_MAX = 16;
/** How often moves are looked at while there are any, ms. */
const TICK_MS = 50;

export class MembershipActs {
  private readonly drafts = new Map<string, Draft>();
  private plans = 0;
  private isTicking = false;

  constructor(
    private readonly node: NodeContext,
    private readonly gossiping: Gossiping,
    private readonly rangeReceiver: RangeReceiver,
    private readonly rangeSender: RangeSender,
    private readonly orphanedReplicas: OrphanedReplicas,
  ) {}

  // Orders ----------------------------------------------------------------------------------------

  onOrder(request: number, order: MembershipOrder): void {
    switch (order.method) {
      case "membership.plan":
        this.plan(request, order.act);
        break;
      case "membership.commit":
        this.commit(request, order.planId);
        break;
      case "membership.transfers":
        this.node.out.respond(request, { status: "transfers", ...this.transfers() });
        break;
    }
  }

  private plan(request: number, act: MembershipAct): void {
    const { node } = this;
    try {
      const planId = `${node.self}-${node.boot.incarnation}-${++this.plans}`;
      const draft = this.draft(act, planId);
      const [oldest] = this.drafts.keys();
      if (this.drafts.size >= DRAFTS_MAX && oldest !== undefined) this.drafts.delete(oldest);
      this.drafts.set(planId, draft);
      node.out.respond(request, { status: "plan", plan: draft.plan });
    } catch (error) {
      if (!(error instanceof ActError)) throw error;
      node.refuse(request, refusal("act-refused", error.message));
    }
  }

  private draft(act: MembershipAct, planId: string): Draft {
    const { node } = this;
    const { n, r, w, tokensPerNode, gossipIntervalMs } = node.config;
    if (gossipIntervalMs === 0) {
      throw new ActError(`Cannot ${act.kind} while gossip is off: gossipIntervalMs is 0`);
    }
    if (!node.membership.isActive(node.self)) {
      throw new ActError(`Cannot ${act.kind} through '${node.self}', which is not a member itself`);
    }
    const around = {
      membership: node.membership,
      n,
      tokensPerNode,
      quorum: Math.max(r, w),
      isUp: (id: string) => node.isUp(id),
      isRecovering: (id: string) =>
        id === node.self ? node.recovery.isFilling : this.gossiping.statusOf(id) === "recovering",
      dataIdOf: (id: string) => this.gossiping.dataIdOf(id),
    };
    return draftOf(act, planId, around, node.random);
  }

  private commit(request: number, planId: string): void {
    const { node } = this;
    const draft = this.drafts.get(planId);
    if (draft === undefined) {
      const message =
        `${node.self} has no plan '${planId}': a plan is committed at the node that made it`;
      node.refuse(request, refusal("unknown-plan", message));
      return;
    }
    this.drafts.delete(planId);
    if (draft.basis !== node.membership.planVersion) {
      const message = `The membership has changed since plan '${planId}' was made: make a new plan`;
      node.refuse(request, refusal("ring-moved", message));
      return;
    }
    try {
      // Whether the node is up may have changed since the plan was made.
      this.draft(draft.plan.act, planId);
    } catch (error) {
      if (!(error instanceof ActError)) throw error;
      node.refuse(request, refusal("act-refused", error.message));
      return;
    }
    node.registry.learn(
      draft.change,
      { kind: "respond", request, reply: { status: "committed", plan: draft.plan } },
      { kind: "spread", state: draft.change, to: this.concerned(draft) },
    );
  }

  private concerned({ change }: Draft): string[] {
    const { node } = this;
    return [...new Set([...change.members.map(({ member }) => member.id), ...node.peers])];
  }

  /** How far the moves have come, as far as this node knows. */
  transfers(): TransfersState {
    const { node } = this;
    const { ring, membership } = node;
    const own = new Map(this.rangeReceiver.current.map((transfer) => [transfer.range, transfer]));
    return {
      members: membership.entries().map(({ member, memberStatus }) => ({
        ...member,
        memberStatus,
      })),
      left: ring.steps.length,
      moves: ring.steps.map(({ range, sender, receiver }) => {
        const transfer = own.get(range);
        const place = { range, start: ring.range(range).start, epoch: ring.epochOf(range) };
        const move = { ...place, from: sender, to: receiver };
        return transfer === undefined
          ? { ...move, phase: "waiting" as const, keys: 0 }
          : { ...move, phase: transfer.phase, keys: transfer.keys };
      }),
      orphanedReplicas: !this.orphanedReplicas.isClean,
      hints: this.hints,
    };
  }

  // Ticks -----------------------------------------------------------------------------------------

  /** Starts the ticks unless they run: at the start, and whenever the ring changes. */
  wake(): void {
    if (this.isTicking) return;
    this.isTicking = true;
    this.schedule();
  }

  onRing(): void {
    this.wake();
  }

  private schedule(): void {
    const { node } = this;
    node.deadlines.add(node.out.now + TICK_MS * MICROS_PER_MS, { kind: "membership" });
  }

  onTick(): void {
    const { node } = this;
    if (node.registry.isBehind) node.registry.save();
    if (!node.membership.isRemoved && node.recovery.knowsItsRanges) {
      this.rangeSender.onTick();
      this.rangeReceiver.onTick();
      this.orphanedReplicas.onTick();
      this.amend();
      this.leaveWhenDone();
    }
    this.isTicking = !this.isAtRest;
    if (this.isTicking) this.schedule();
  }

  /**
   * Reassigns tokens that two concurrent changes have left wrong. Only the first staying member
   * that is up does it.
   */
  private amend(): void {
    const { node } = this;
    if (node.membership.isSound) return;
    if (node.membership.staying().find((id) => node.isUp(id)) !== node.self) return;
    const tokens = amendment(node.membership, node.config.tokensPerNode, node.random);
    if (tokens.length === 0) return;
    const state = { members: [], tokens, registers: [] };
    node.registry.learn(state, { kind: "spread", state, to: [...node.peers] });
  }

  /** Whether this node is leaving and may go: the last member stays. */
  private get isLeaving(): boolean {
    const { membership, self } = this.node;
    return membership.memberStatus(self) === "leaving" && membership.staying().length > 0;
  }

  /** Whether nothing is left to move, to fence or to drop. */
  get isAtRest(): boolean {
    const { node } = this;
    return !node.registry.isBehind && node.membership.isSound && node.ring.steps.length === 0 &&
      this.rangeSender.isIdle &&
      this.orphanedReplicas.isClean && !node.membership.hasFences &&
      !this.isLeaving;
  }

  /** Records that this node keeps for others, or has accepted and is about to. */
  private get hints(): number {
    return this.node.hints.total + this.node.records.hintsBeingStored;
  }

  /**
   * Marks this node as left once it owns no range, and its hints and orphaned copies are handed
   * over. From then on it accepts no hints.
   */
  private leaveWhenDone(): void {
    const { node } = this;
    const { membership, ring } = node;
    const entry = membership.entry(node.self);
    if (
      entry?.memberStatus !== "leaving" || this.hints > 0 || !this.orphanedReplicas.isClean
    ) return;
    for (let range = 0; range < ring.rangeCount; range++) {
      if (ring.primaries(range).includes(node.self)) return;
    }
    const left = { ...entry, memberStatus: "left" as const, version: entry.version + 1 };
    const state = { members: [left], tokens: [], registers: [] };
    const to = [...node.peers];
    node.registry.learn(state, { kind: "spread", state, to });
  }
}
