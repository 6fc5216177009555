/**
 * How a replica gossips: one round with one random peer each interval, and what it learns goes to the
 * failure detector. What the states mean and how they are reconciled is in `gossip.ts`.
 */
import type { Conversation } from "./conversations.ts";
import type { PeerReply } from "./events.ts";
import { type Digest, Gossip, type NodeState } from "./gossip.ts";
import type { MembershipState } from "./membership.ts";
import { MICROS_PER_MS, type NodeContext } from "./node_context.ts";
import { below, pick } from "./random.ts";
import type { NodeId } from "./ring.ts";

/** One exchange under way. */
export class GossipRound {
  readonly kind = "gossip";
  constructor(readonly id: number, readonly peer: NodeId) {}
}

/** The first members are seeds: everybody talks to them now and then, so that no two groups drift apart. */
const SEEDS = 3;
/** One round in so many also goes to a seed. */
const SEED_EVERY = 10;
/** Beats are spread by up to this share of the interval, or all nodes would beat in step. */
const JITTER_PERCENT = 20;

export class Gossiping {
  private readonly gossip: Gossip;

  constructor(private readonly node: NodeContext) {
    const { gossipIntervalMs, adaptiveGossip } = node.config;
    this.gossip = new Gossip(
      node.self,
      node.boot.dataId,
      node.boot.incarnation,
      gossipIntervalMs,
      adaptiveGossip,
      !node.proving.isProven,
    );
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
    if (node.proving.isAsking) this.askAll();
    this.scheduleTick();
  }

  /** A new data directory: does anybody remember this node? Whoever cannot be asked is not waited for. */
  private askAll(): void {
    const { node } = this;
    for (const peer of this.peers) this.open(peer);
    const at = node.out.now + node.config.timeoutMs * MICROS_PER_MS;
    node.deadlines.add(at, { kind: "asked" });
  }

  onAskedLongEnough(): void {
    if (this.node.proving.onSilence()) this.node.noteProven();
  }

  /** The round is over, however it ended. */
  onRoundOver(peer: NodeId): void {
    if (this.node.proving.onWord(peer)) this.node.noteProven();
  }

  /** A wiped disk has been filled again. */
  onMerged(): void {
    this.gossip.onMerged();
    this.node.noteProven();
  }

  onTick(): void {
    const { node } = this;
    this.gossip.relax();
    this.gossip.beat();
    const changes = node.detector.changes(node.out.now);
    for (const { node: peer, up } of changes) node.noteHealth(peer, up);
    if (changes.length > 0) this.gossip.onChange();
    for (const peer of this.chosenPeers()) this.open(peer);
    this.scheduleTick();
  }

  private scheduleTick(): void {
    const { node } = this;
    const intervalUs = this.gossip.intervalMs * MICROS_PER_MS;
    const jitterUs = below(node.random, Math.max(1, Math.round(intervalUs * JITTER_PERCENT / 100)));
    const at = node.out.now + intervalUs - Math.round(jitterUs / 2);
    node.deadlines.add(at, { kind: "gossip" });
  }

  /** A live peer; sometimes a seed as well; and one that is believed down, to see whether it is. */
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
    const membership = node.membership.version;
    node.call(conversation, peer, { method: "gossip", digest, membership }, timeoutMs);
    node.watch(round.id, node.out.now, timeoutMs);
    node.counters.gossipRounds++;
  }

  onDigest(request: number, digest: Digest, version: string): void {
    const { node } = this;
    const { newer, wanted } = this.gossip.compare(digest);
    const known = wanted.filter((id) => this.isMember(id));
    const reply = { status: "gossip", newer, wanted: known } as const;
    const { membership } = node;
    const isSame = membership.version === version;
    node.out.respond(request, isSame ? reply : { ...reply, membership: membership.state() });
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
    this.onRoundOver(round.peer);
  }

  /** Takes the peer's view in, and sends it what it did not know. */
  private reconcile(peer: NodeId, theirs: MembershipState): void {
    const { node } = this;
    node.registry.learn(theirs);
    const own = node.membership.state();
    if (JSON.stringify(own) !== JSON.stringify(theirs)) node.registry.spread(own, [peer]);
  }

  private absorb(states: readonly NodeState[]): void {
    const { node } = this;
    const ofMembers = states.filter((state) => this.isMember(state.id));
    for (const { state, restarted } of this.gossip.absorb(ofMembers)) {
      node.detector.onHeartbeat(state.id, state.intervalMs * MICROS_PER_MS, node.out.now);
      if (restarted) this.gossip.onChange();
    }
    if (node.proving.isAsking && ofMembers.some((state) => this.tellsOfAge(state))) {
      node.distrustDisk();
      if (node.proving.isProven) node.noteProven();
      node.out.emit({ type: "wiped" });
      node.deadlines.add(node.out.now, { kind: "merge" });
    }
  }

  /** A peer with data from before, or the memory of another data directory of this very node. */
  private tellsOfAge(state: NodeState): boolean {
    const { self, boot } = this.node;
    return state.id === self ? state.dataId !== boot.dataId : state.fresh !== true;
  }

  private isMember(id: NodeId): boolean {
    return id === this.node.self || this.node.membership.isActive(id);
  }
}
