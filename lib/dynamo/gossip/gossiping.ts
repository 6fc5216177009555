/**
 * How a replica gossips: one round with one random peer each interval, and what it learns goes to the
 * failure detector. What the states mean and how they are reconciled is in `gossip.ts`.
 */
import type { Conversation } from "../conversations.ts";
import type { MembershipState } from "../membership/membership_state.ts";
import type { Afterwards } from "../membership/registry.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import type { Life, LifeStatus } from "../types/life.ts";
import type { PeerReply } from "../types/peer_messages.ts";
import { below, pick } from "../types/random.ts";
import { type Digest, Gossip, type NodeState } from "./gossip.ts";

/** One exchange under way. */
export class GossipRound {
  readonly kind = "gossip";
  constructor(readonly id: number, readonly peer: NodeId) {}
}

/**
 * The first members are seeds (SOSP 2007, section 4.8.2): all nodes gossip with them now and then,
 * so that no partition of the ring lasts.
 */
const SEEDS = 3;
/** One round in this many also goes to a seed. */
const SEED_EVERY = 10;
/** Rounds are spread by up to this share of the interval, so that nodes do not gossip in step. */
const JITTER_PERCENT = 20;

/** How often the write counts of peers are made durable. */
const LIVES_SAVED_EVERY_MS = 60_000;

/** Hears what peers remember of this node. */
interface OwnLifeListener {
  judge(remembered: Life): void;
}

export class Gossiping {
  onOwnLife: OwnLifeListener | null = null;
  private readonly gossip: Gossip;
  private livesSavedAt: Micros = 0;

  constructor(private readonly node: NodeContext) {
    const { gossipIntervalMs, adaptiveGossip } = node.config;
    const { dataId, incarnation, bootNumber = 0, writes = 0 } = node.boot;
    this.gossip = new Gossip(
      node.self,
      { dataId, incarnation, bootNumber, writes },
      gossipIntervalMs,
      adaptiveGossip,
    );
  }

  /** What this node tells of itself from now on. */
  describe(life: Life, status: LifeStatus): void {
    this.gossip.describe(life, status);
  }

  /** This node's status as peers are told it. */
  get status(): LifeStatus {
    return this.gossip.own().status ?? "settled";
  }

  get intervalMs(): number {
    return this.gossip.intervalMs;
  }

  private get peers(): readonly NodeId[] {
    return this.node.peers;
  }

  private get seeds(): readonly NodeId[] {
    const { peers, self } = this.node;
    return [self, ...peers].toSorted().slice(0, SEEDS).filter((id) => id !== self);
  }

  /** The data directory that the node was last heard of with; undefined when it never was. */
  dataIdOf(node: NodeId): string | undefined {
    return this.gossip.statesOf([node])[0]?.dataId;
  }

  /** What the node last said of its disk; undefined when it was never heard of. */
  statusOf(node: NodeId): LifeStatus | undefined {
    const [state] = this.gossip.statesOf([node]);
    return state === undefined ? undefined : state.status ?? "settled";
  }

  /** Members come and go. */
  onRing(): void {
    const { node } = this;
    this.gossip.onChange();
    const peers = new Set(this.peers);
    for (const peer of peers) {
      node.detector.watch(peer, this.gossip.intervalUsOf(peer), node.out.now);
    }
    node.detector.forgetOthers(peers);
  }

  start(): void {
    const { node } = this;
    if (node.config.gossipIntervalMs === 0) return;
    for (const peer of this.peers) {
      node.detector.watch(peer, this.gossip.intervalUsOf(peer), node.out.now);
    }
    this.scheduleTick();
  }

  onTick(): void {
    const { node } = this;
    this.gossip.relax();
    this.gossip.beat(node.writes);
    const changes = node.detector.changes(node.out.now);
    for (const { node: peer, up } of changes) node.noteHealth(peer, up);
    if (changes.length > 0) this.gossip.onChange();
    for (const peer of this.chosenPeers()) this.open(peer);
    this.saveLives();
    this.scheduleTick();
  }

  /**
   * Saves peers' write counts now and then, so that an older copy of a disk is recognised even
   * after all nodes have restarted.
   */
  private saveLives(): void {
    const { now } = this.node.out;
    const isTime = now - this.livesSavedAt >= LIVES_SAVED_EVERY_MS * MICROS_PER_MS;
    if (!isTime || !this.node.lives.isBehind) return;
    this.livesSavedAt = now;
    this.node.registry.save();
  }

  private scheduleTick(): void {
    const { node } = this;
    const intervalUs = this.gossip.intervalMs * MICROS_PER_MS;
    const jitterUs = below(node.random, Math.max(1, Math.round(intervalUs * JITTER_PERCENT / 100)));
    const at = node.out.now + intervalUs - Math.round(jitterUs / 2);
    node.deadlines.add(at, { kind: "gossip" });
  }

  /**
   * A live peer, sometimes a seed as well, and one that is believed down, to find out whether it
   * is.
   */
  private chosenPeers(): Set<NodeId> {
    const { random } = this.node;
    const chosen = new Set<NodeId>();
    const live = this.peers.filter((peer) => this.node.isUp(peer));
    const down = this.peers.filter((peer) => !live.includes(peer));
    if (live.length > 0) chosen.add(pick(random, live));
    if (this.seeds.length > 0 && (live.length === 0 || below(random, SEED_EVERY) === 0)) {
      chosen.add(pick(random, this.seeds));
    }
    if (down.length > 0) chosen.add(pick(random, down));
    return chosen;
  }

  private open(peer: NodeId): void {
    const { node } = this;
    const round = new GossipRound(node.out.nextId(), peer);
    const conversation = node.conversations.add(round, { kind: "self" });
    const { timeoutMs } = node.config;
    const digest = this.gossip.digest();
    const membership = node.registry.durable.version;
    node.call(conversation, peer, { method: "gossip", digest, membership }, timeoutMs);
    node.watch(round.id, node.out.now, timeoutMs);
    node.counters.gossipRounds++;
  }

  onDigest(request: number, digest: Digest, version: string): void {
    const { node } = this;
    const { newer, wanted } = this.gossip.compare(digest);
    const known = wanted.filter((id) => this.isMember(id));
    const reply = { status: "gossip", newer, wanted: known } as const;
    const { durable } = node.registry;
    node.out.respond(
      request,
      durable.version === version ? reply : { ...reply, membership: durable.state },
    );
  }

  onStates(request: number, states: readonly NodeState[]): void {
    this.absorb(states);
    this.node.out.respond(request, { status: "stored" });
  }

  onReply(conversation: Conversation, round: GossipRound, reply: PeerReply): void {
    const { node } = this;
    if (reply.status === "gossip") {
      if (reply.membership !== undefined) this.reconcile(round.peer, reply.membership);
      this.absorb(reply.newer);
      const states = this.gossip.statesOf(reply.wanted);
      if (states.length > 0) {
        node.out.call(round.peer, { method: "gossip.states", states }, node.config.timeoutMs);
      }
    }
    node.conversations.end(conversation.coordinator.id);
  }

  /** Merges the peer's view, and sends the peer what it did not know once that is durable here. */
  reconcile(peer: NodeId, theirs: MembershipState): void {
    const { registry } = this.node;
    registry.learn(theirs);
    const tell = { kind: "reconcile", peer, theirs } as const;
    if (registry.isDurable) this.tellDifference(tell);
    else registry.afterwards(tell);
  }

  /** This node's view is durable: sends it to the peer if the peer's view was another. */
  tellDifference({ peer, theirs }: Afterwards & { readonly kind: "reconcile" }): void {
    const { registry } = this.node;
    const { state } = registry.durable;
    if (JSON.stringify(state) !== JSON.stringify(theirs)) registry.spread(state, [peer]);
  }

  private absorb(states: readonly NodeState[]): void {
    const { node } = this;
    const ofMembers = states.filter((state) => this.isMember(state.id));
    for (const state of ofMembers) if (state.id === node.self) this.onOwnLife?.judge(state);
    for (const { state, restarted } of this.gossip.absorb(ofMembers)) {
      node.detector.onHeartbeat(state.id, state.intervalMs * MICROS_PER_MS, node.out.now);
      if (restarted) this.gossip.onChange();
      node.noteLife(state.id, state, state.status ?? "settled");
    }
  }

  private isMember(id: NodeId): boolean {
    return id === this.node.self || this.node.membership.isActive(id);
  }
}
