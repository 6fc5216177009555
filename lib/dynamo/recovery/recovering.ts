/**
 * How a replica checks with its peers whether its data is complete, and copies what is missing.
 * What the answers mean is in `recovery.ts` and `lives.ts`.
 *
 * At every start but a directory's first, the node asks every peer what it remembers of it. Peers
 * that cannot be reached are asked again for as long as it matters. What the node learns about
 * itself is durable before a peer hears of it; otherwise two boots could use one incarnation.
 */
import type { Conversation } from "../conversations.ts";
import type { Gossiping } from "../gossip/gossiping.ts";
import type { RangeReceiver } from "../membership/range_receiver.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import type { Position } from "../ring/position.ts";
import type { RecoveryCause, RecoveryState } from "../types/boot.ts";
import { refusal } from "../types/errors.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import type { Life, LifeStatus } from "../types/life.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import { DiskStateKeeper } from "./disk_state.ts";
import { INCARNATION_MAX, verdictOf } from "./lives.ts";
import type { Recovery } from "./recovery.ts";

/** Asks a peer what it remembers of this node. */
export class BootCheck {
  readonly kind = "boot-check";
  constructor(readonly id: number, readonly peer: NodeId) {}
}

/** How often peers that did not answer are asked again, ms. */
const TICK_MS = 250;

/** How many peers are told of this node's life where there is no gossip. */
const WITNESSES_MAX = 16;

export class Recovering {
  private readonly recovery: Recovery;
  private readonly heard = new Set<NodeId>();
  private readonly asked = new Set<NodeId>();
  /** Without gossip: peers that do not know this node's latest life yet. */
  private readonly untold = new Set<NodeId>();
  /** Answers to checks with a lower id than this were given before. */
  private untoldSince = 0;
  private toldVersion: string;
  /** Until then clients wait for the answers of peers (µs); null when they need not. */
  private firstRoundEndsAt: Micros | null = null;
  /** A peer remembers this disk and nothing later. */
  private isRemembered = false;
  /** In this life the missing data was copied from all other owners. */
  private isFilled = false;
  private isTicking = false;
  /** Peers have to be asked; one that makes contact is asked too. */
  private asksOthers = false;
  private readonly disk: DiskStateKeeper;

  constructor(
    private readonly node: NodeContext,
    private readonly gossiping: Gossiping,
    private readonly rangeReceiver: RangeReceiver,
  ) {
    this.recovery = node.recovery;
    this.disk = new DiskStateKeeper(node);
    this.toldVersion = node.registry.durable.version;
    rangeReceiver.onRecovered = this;
    gossiping.onOwnLife = this;
  }

  /** Whether clients may ask: every peer was asked once, or there was no need to. */
  get isReady(): boolean {
    return this.firstRoundEndsAt === null;
  }

  get state(): RecoveryState {
    const { recovery, node } = this;
    const unheard = node.peers.filter((peer) => !this.heard.has(peer));
    const isWaiting = !recovery.isOver;
    return {
      status: !isWaiting ? "settled" : recovery.cause === null ? "unconfirmed" : "recovering",
      cause: recovery.cause,
      ranges: recovery.rangesLeft,
      waitingFor: !isWaiting
        ? []
        : recovery.cause === null || !recovery.isInformed
        ? unheard
        : recovery.waitingFor(),
    };
  }

  // What is told of this life ---------------------------------------------------------------------

  get life(): Life {
    const { dataId, bootNumber = 0 } = this.node.boot;
    const { incarnation, writes } = this.node;
    return { dataId, incarnation, bootNumber, writes };
  }

  /** Nothing is told before it is durable. */
  private get status(): LifeStatus {
    if (this.disk.saved.condition === "recovering") return "recovering";
    const isSettled = this.recovery.isOver && this.disk.saved.condition === "whole";
    return isSettled ? "settled" : "unconfirmed";
  }

  /** Tells peers of this node's present life and status. */
  private announce(): void {
    this.gossiping.describe(this.life, this.status);
    // At a directory's first start there is nothing to remember yet.
    if (this.asksOthers) this.tell(this.witnesses);
  }

  /** The peers that are told of this node's life where there is no gossip: the next ones by id. */
  private get witnesses(): NodeId[] {
    const { peers, self } = this.node;
    const later = peers.filter((peer) => peer > self).toSorted();
    return [...later, ...peers.filter((peer) => peer < self).toSorted()].slice(0, WITNESSES_MAX);
  }

  // The beginning ---------------------------------------------------------------------------------

  start(): void {
    const { node, recovery } = this;
    this.announce();
    this.judgeDirectory();
    if (node.peers.length === 0) recovery.isConfirmed = true;
    if (!recovery.isOver && node.peers.length > 0) {
      this.firstRoundEndsAt = node.out.now + node.config.patienceMs * MICROS_PER_MS;
    }
    if (!recovery.isOver) this.askOthers();
    this.goOn();
  }

  /** Members come and go, or their directories are known by now. */
  onRing(): void {
    this.judgeDirectory();
    this.goOn();
  }

  /** Compares this directory with the one that the membership knows. */
  private judgeDirectory(): void {
    const { node, recovery } = this;
    const { membership, boot, self } = node;
    if (!membership.isActive(self)) return;
    const registered = membership.entry(self)?.member.dataId;
    const isMarked = boot.condition === "recovering";
    const isOther = registered === undefined
      ? this.disk.saved.condition !== "whole"
      : registered !== boot.dataId;
    if (recovery.cause === null && !this.isFilled) {
      if (isOther) this.begin("replaced");
      else if (isMarked) this.begin("restored");
    }
    // A range may become this node's own without a transfer. Until it was copied, the next start
    // must not take the disk for complete.
    const condition = recovery.cause === null && recovery.rangesLeft === 0 ? "whole" : "recovering";
    if (this.disk.wanted.condition !== condition) this.disk.save({ condition });
  }

  private begin(cause: RecoveryCause): void {
    const { node } = this;
    const { membership, ring } = node;
    this.recovery.begin(cause, ring, (id) => membership.isGone(id));
    this.disk.save({ condition: "recovering" });
    node.out.emit({ type: "recovering", cause });
    this.askOthers();
  }

  // Asking ----------------------------------------------------------------------------------------

  private askOthers(): void {
    this.asksOthers = true;
    for (const peer of this.node.peers) if (!this.heard.has(peer)) this.ask(peer);
    this.wake();
  }

  private ask(peer: NodeId): void {
    if (this.asked.has(peer)) return;
    const { node } = this;
    const check = new BootCheck(node.out.nextId(), peer);
    const conversation = node.conversations.add(check, { kind: "self" });
    const { timeoutMs } = node.config;
    const membership = node.registry.durable.version;
    this.asked.add(peer);
    node.call(
      conversation,
      peer,
      { method: "boot.check", life: this.life, status: this.status, membership },
      timeoutMs,
    );
    node.watch(check.id, node.out.now, timeoutMs);
  }

  /** A peer that makes contact can be asked. */
  onContact(peer: NodeId): void {
    if (this.asksOthers && !this.heard.has(peer) && this.node.peers.includes(peer)) this.ask(peer);
  }

  onReply(conversation: Conversation, check: BootCheck, reply: PeerReply): void {
    if (reply.status !== "boot") {
      this.onFailed(check);
      return;
    }
    const { node, recovery } = this;
    node.conversations.end(conversation.coordinator.id);
    this.asked.delete(check.peer);
    this.heard.add(check.peer);
    recovery.isInformed = true;
    recovery.isAlone = false;
    if (reply.membership === undefined) {
      if (check.id > this.untoldSince) this.untold.delete(check.peer);
    } else this.gossiping.reconcile(check.peer, reply.membership);
    this.note(check.peer, reply.life, reply.lifeStatus);
    if (reply.remembered !== null) this.assess(reply.remembered);
    this.onWord();
    this.goOn();
  }

  /** No answer says nothing about the disk. */
  onFailed(check: BootCheck): void {
    this.node.conversations.end(check.id);
    this.asked.delete(check.peer);
    this.onWord();
    this.goOn();
  }

  /**
   * The first round ends when all peers have answered, or one that remembers the disk has and no
   * call is open.
   */
  private onWord(): void {
    const isAnswered = this.isKnown && this.asked.size === 0;
    if (isAnswered || this.node.peers.every((peer) => this.heard.has(peer))) this.endFirstRound();
  }

  /**
   * Whether a peer remembers this disk and nothing later. Without gossip any answer is enough, as
   * few were ever told anything.
   */
  private get isKnown(): boolean {
    return this.isRemembered || (this.node.config.gossipIntervalMs === 0 && this.heard.size > 0);
  }

  private endFirstRound(): void {
    if (this.firstRoundEndsAt === null) return;
    this.firstRoundEndsAt = null;
    this.recovery.isAlone = this.heard.size === 0;
    this.node.out.emit({ type: "boot-checked", heard: [...this.heard].toSorted() });
  }

  /** Gossip has brought what a peer remembers of this node. */
  judge(remembered: Life): void {
    this.assess(remembered);
    this.goOn();
  }

  private assess(remembered: Life): void {
    const { node, recovery } = this;
    const { boot } = node;
    const verdict = verdictOf(remembered, boot);
    if (verdict === "current" || remembered.incarnation >= INCARNATION_MAX) return;
    if (remembered.incarnation >= this.disk.wanted.incarnation) {
      this.disk.save({ incarnation: remembered.incarnation + 1 });
    }
    if (recovery.cause !== null || this.isFilled) return;
    if (verdict === "older") this.begin("restored");
    else if (verdict === "same") this.isRemembered = true;
    else if (this.isCreatedAnew) this.begin("replaced");
  }

  /**
   * Whether only this directory's own initial configuration says that it is the member's, and it
   * was never used before: a node that started its cluster alone was started again on an empty
   * disk.
   */
  private get isCreatedAnew(): boolean {
    const { boot, membership, self } = this.node;
    return boot.previous === undefined && membership.entry(self)?.version === 1;
  }

  /** A peer has started or has recovered, and asks what this node remembers of it. */
  onCheck(
    request: number,
    from: NodeId,
    { life, status, membership }: PeerRequest & { readonly method: "boot.check" },
  ): void {
    const { node } = this;
    const { registry } = node;
    const { durable } = registry;
    const answer = {
      status: "boot" as const,
      remembered: node.lives.of(from),
      life: this.life,
      lifeStatus: this.status,
    };
    const reply = durable.version === membership
      ? answer
      : { ...answer, membership: durable.state };
    this.note(from, life, status);
    // Without gossip the peer does not tell it again, so the answer must wait until it is durable
    // here.
    if (status === "unconfirmed" || registry.isDurable) node.out.respond(request, reply);
    else if (registry.isBehind) {
      const message = `The disk of ${node.self} does not take the membership at present`;
      node.refuse(request, refusal("storage-failed", message));
    } else registry.afterwards({ kind: "respond", request, reply });
  }

  /**
   * Remembers what a peer has told in a check. With gossip this is left to gossip: if a late
   * message from an earlier life is remembered, the node hears of it too and raises its
   * incarnation.
   */
  private note(peer: NodeId, life: Life, status: LifeStatus): void {
    if (this.node.config.gossipIntervalMs === 0) this.node.noteLife(peer, life, status);
  }

  /** Whether the save was one of these. */
  onSaved(id: number): boolean {
    if (!this.disk.onSaved(id)) return false;
    this.announce();
    this.disk.saveNext();
    this.goOn();
    return true;
  }

  /** The save failed: the next tick tries again. False when it was not one of these. */
  onSaveFailed(id: number): boolean {
    if (!this.disk.onFailed(id)) return false;
    this.wake();
    return true;
  }

  /** Without gossip, this node informs these peers of its life until each has answered. */
  private tell(peers: readonly NodeId[]): void {
    if (this.node.config.gossipIntervalMs > 0) return;
    for (const peer of peers) this.untold.add(peer);
    this.untoldSince = this.node.out.nextId();
    this.wake();
    for (const peer of this.untold) this.ask(peer);
  }

  // Filling the disk ------------------------------------------------------------------------------

  private wake(): void {
    if (this.isTicking) return;
    this.isTicking = true;
    this.schedule();
  }

  private schedule(): void {
    const { node } = this;
    node.deadlines.add(node.out.now + TICK_MS * MICROS_PER_MS, { kind: "recovery" });
  }

  onTick(): void {
    const { node } = this;
    if (node.out.now >= (this.firstRoundEndsAt ?? Infinity)) this.endFirstRound();
    this.disk.saveNext();
    if (!this.recovery.isOver) this.askOthers();
    for (const peer of this.untold) if (node.peers.includes(peer)) this.ask(peer);
    this.goOn();
    this.isTicking = this.isWaiting;
    if (this.isTicking) this.schedule();
  }

  /** Whether it has recovered and all peers that must hear of it have. */
  get isAtRest(): boolean {
    return !this.isWaiting && this.asked.size === 0;
  }

  private get isWaiting(): boolean {
    return !this.recovery.isOver || !this.isReady || !this.disk.isInformed ||
      this.node.peers.some((peer) => this.untold.has(peer));
  }

  /** Does what has become possible since the last event. */
  private goOn(): void {
    const { node, recovery } = this;
    const others = node.peers;
    if (others.length === 0) recovery.isInformed = true;
    if (recovery.cause === null) {
      // One peer that remembers the disk is enough, but the others are given time to remember
      // something later. Or all have answered, and none remembers it.
      const isSure = (this.isKnown && this.isReady) || others.every((peer) => this.heard.has(peer));
      if (isSure) recovery.isConfirmed = true;
      if (recovery.isConfirmed) this.onSettled();
    } else if (!recovery.isInformed) return;
    for (const [start, owners] of recovery.entries()) {
      if (!this.rangeReceiver.hasRoom) break;
      const owner = owners.find((id) => node.isUp(id));
      if (owner !== undefined) this.rangeReceiver.recover(start, owner);
    }
    if (!recovery.isOver) this.wake();
    else if (this.disk.wanted.condition === "recovering") this.onCaughtUp();
  }

  private onCaughtUp(): void {
    const { recovery, node } = this;
    if (recovery.cause !== null) this.isFilled = true;
    recovery.end();
    this.disk.save({ condition: "whole" });
    node.out.emit({ type: "caught-up" });
    this.onSettled();
  }

  private onSettled(): void {
    this.endFirstRound();
    if (this.gossiping.status !== this.status) this.announce();
    this.register();
  }

  /** Everything that the owner held of the range was copied. */
  onRangeMerged(start: Position, owner: NodeId): void {
    this.recovery.onMerged(start, owner);
    this.goOn();
  }

  /** The next tick tries another owner: one that refuses at once must not be asked in a loop. */
  onRangeFailed(start: Position, owner: NodeId): void {
    this.recovery.onFailed(start, owner);
  }

  /** Registers this directory with the membership, once it is durable that the data is complete. */
  private register(): void {
    const { node } = this;
    const { membership, self, boot: { dataId } } = node;
    const entry = membership.entry(self);
    if (entry === undefined || !membership.isActive(self)) return;
    if (entry.member.dataId === dataId || this.disk.saved.condition !== "whole") return;
    const member = { ...entry.member, dataId };
    const asInitial = membership.isAsInitial(self) ? { asInitial: true } as const : {};
    const state = {
      members: [{ ...entry, member, version: entry.version + 1, ...asInitial }],
      tokens: [],
      registers: [],
    };
    node.registry.learn(state, { kind: "spread", state, to: [...node.peers] });
  }

  /** A view of the membership has become durable. */
  onMembershipSaved(): void {
    const { version } = this.node.registry.durable;
    if (version !== this.toldVersion) this.tell(this.node.peers);
    this.toldVersion = version;
  }
}
