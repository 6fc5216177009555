/**
 * What the parts of a replica share: its identity, its open conversations, its data, and the few
 * operations that reads, writes and forwards all need.
 */
import { type Conversation, Conversations } from "./conversations.ts";
import { newCounters } from "./counters.ts";
import type { Due } from "./due.ts";
import { FailureDetector } from "./gossip/failure_detector.ts";
import { Membership } from "./membership/membership.ts";
import { Registry } from "./membership/registry.ts";
import { Outbox } from "./outbox.ts";
import { DiskLatency } from "./records/disk_latency.ts";
import { HintBook } from "./records/hints.ts";
import { LocalRecords } from "./records/local_records.ts";
import { PeerLives } from "./recovery/lives.ts";
import { Recovery } from "./recovery/recovery.ts";
import { TreeKeeper } from "./repair/tree_keeper.ts";
import { KnownForwards } from "./requests/forward.ts";
import type { GetCoordinator } from "./requests/get_coordinator.ts";
import type { PutCoordinator } from "./requests/put_coordinator.ts";
import { type Health, type Place, Placement } from "./ring/placement.ts";
import { type Position, positionOf } from "./ring/position.ts";
import type { Ring } from "./ring/ring.ts";
import type { RangeRegister } from "./ring/ring_state.ts";
import type { Boot } from "./types/boot.ts";
import type { ClientReply, ClientRequest } from "./types/client_messages.ts";
import type { ClusterConfig } from "./types/config.ts";
import { type DynamoError, refusal } from "./types/errors.ts";
import type { Micros, NodeId } from "./types/ids.ts";
import type { InitialClusterConfig } from "./types/initial_config.ts";
import type { Life, LifeStatus } from "./types/life.ts";
import type { PeerRequest } from "./types/peer_messages.ts";
import type { Random } from "./types/random.ts";
import { assert } from "./util/assert.ts";
import { Deadlines } from "./util/deadlines.ts";
import type { Actor } from "./versions/clock.ts";
import { type Siblings, type Versioning, versioning } from "./versions/versions.ts";

export const MICROS_PER_MS = 1_000;

/**
 * After 1/50 of the patience without a sign of life a peer that owes an answer is doubted, after
 * 1/5 it counts as silent.
 */
const DOUBTS_PER_PATIENCE = 50;
const SILENCES_PER_PATIENCE = 5;

/** Deadlines of conversations long over are swept out when their number has doubled, from here on. */
const DEADLINES_SWEEP_MIN = 1_024;

export class NodeContext {
  readonly config: ClusterConfig;
  readonly self: NodeId;
  readonly membership: Membership;
  readonly registry: Registry;
  readonly versioning: Versioning;
  readonly out = new Outbox();
  readonly conversations = new Conversations();
  readonly deadlines = new Deadlines<Due>();
  readonly forwards = new KnownForwards();
  readonly records: LocalRecords;
  readonly hints: HintBook;
  readonly detector: FailureDetector;
  readonly trees: TreeKeeper;
  readonly disk: DiskLatency;
  readonly recovery: Recovery;
  /** The last known life of each peer: it tells a peer that has started on an older disk. */
  readonly lives: PeerLives;
  /** How many changes the disk has durably taken. */
  writes: number;
  /** This start's number: durable before peers hear of it, and above any that they remember. */
  incarnation: number;
  readonly counters = newCounters();
  /** Peers that are back from being believed down: some writes to them may have left no hint. */
  readonly returned = new Set<NodeId>();
  /** Requests of this node's own clients that have no answer yet. */
  requestsInFlight = 0;
  /** The common prefix of the actors of this boot. */
  private readonly actorsOfBoot: string;
  private actorsDrawn = 0;
  /** Actors up to this one issue no more dots. */
  private actorsRetired = 0;
  private sweepAbove = DEADLINES_SWEEP_MIN;

  constructor(
    initialConfig: InitialClusterConfig,
    readonly random: Random,
    readonly boot: Boot,
    rules: Versioning | undefined,
  ) {
    this.config = initialConfig.config;
    this.self = boot.self;
    this.membership = new Membership(initialConfig, boot.self, boot.membership);
    this.lives = new PeerLives(boot.membership?.peers);
    this.registry = new Registry(this, this.membership);
    this.recovery = new Recovery(boot.self, boot);
    this.writes = boot.writes ?? 0;
    this.incarnation = boot.incarnation;
    const { self, dataId, incarnation, bootNumber = 0 } = boot;
    this.actorsOfBoot = `${self}/${dataId}/${incarnation}-${bootNumber.toString(36)}.`;
    this.versioning = rules ?? versioning(initialConfig.config.mode);
    this.hints = new HintBook(boot.hints ?? [], initialConfig.config.hintsMax);
    this.detector = new FailureDetector(initialConfig.config);
    this.trees = new TreeKeeper(this.ring, boot.self);
    this.disk = new DiskLatency(initialConfig.config.storageSlowMs * MICROS_PER_MS);
    this.records = new LocalRecords(this.versioning, initialConfig.config, this);
  }

  get ring(): Ring {
    return this.membership.ring;
  }

  get isMember(): boolean {
    return this.membership.isActive(this.self);
  }

  /** The other members that may hold data. */
  get peers(): readonly NodeId[] {
    return this.membership.peers;
  }

  /**
   * The ring has changed: a range that became this node's own without a transfer must be merged
   * from its other owners.
   */
  onRing(before: Ring, after: Ring): void {
    // On a disk that was replaced or restored, marks describe an earlier state and do not count.
    const isFilled = (range: number) =>
      this.recovery.cause === null && this.membership.isFilled(range);
    this.recovery.onRing(before, after, isFilled, (node) => this.membership.isGone(node));
  }

  /** Remembers a peer's life as it tells it. A new start is made durable at once. */
  noteLife(peer: NodeId, life: Life, status: LifeStatus): void {
    if (!this.membership.isActive(peer)) return;
    const { dataId, incarnation, bootNumber, writes } = life;
    this.lives.note(peer, { dataId, incarnation, bootNumber, writes }, status);
    if (this.lives.isChanged) this.registry.save();
  }

  /** An actor that was never used before: no other boot has both incarnation and number. */
  nextActor(): Actor {
    this.actorsDrawn++;
    return `${this.actorsOfBoot}${this.actorsDrawn}`;
  }

  /**
   * Whether the disk knows every dot that the actor issued. Of actors of earlier boots it may not: the
   * disk may be an older copy of itself, without the last dots, and peers may lack them too; under
   * `buffered` they may have been lost with the memory.
   */
  mayReuse(actor: Actor): boolean {
    const { actorsOfBoot } = this;
    return actor.startsWith(actorsOfBoot) &&
      Number(actor.slice(actorsOfBoot.length)) > this.actorsRetired;
  }

  /**
   * A store of writes that were already acknowledged failed. Their dots were sent out and are not
   * on the disk, so their actors must not be used again.
   */
  onBufferLost(): void {
    this.actorsRetired = this.actorsDrawn;
  }

  onCommitted(key: string, before: Siblings, after: Siblings): void {
    if (this.config.antiEntropyIntervalMs > 0) this.trees.onChange(key, before, after);
  }

  onDoubt(key: string): void {
    if (this.config.antiEntropyIntervalMs > 0) this.trees.onDoubt(key);
  }

  primariesOf(key: string): readonly NodeId[] {
    return this.ring.primariesOfKey(key);
  }

  isForeign(key: string): boolean {
    const range = this.ring.rangeOfKey(key);
    return !this.ring.primaries(range).includes(this.self) &&
      !this.ring.planned(range).includes(this.self);
  }

  /**
   * Whether this node can hold the key only as a stand-in. After ranges have moved it may also be a
   * former owner: see `orphaned_replicas.ts`.
   */
  isStandInOnly(key: string): boolean {
    return this.membership.version === "" && this.isForeign(key);
  }

  /** The durable register of the key's range, for a peer; empty while it is the initial one. */
  registersOf(key: string): RangeRegister[] {
    return this.registersAt(positionOf(key));
  }

  registersAt(position: Position): RangeRegister[] {
    const { ring } = this.registry.durable;
    const index = ring.rangeAt(position);
    const epoch = ring.epochOf(index);
    if (epoch === 1) return [];
    return [ring.register(index)];
  }

  refuseAsNoOwner(request: number, key: string): void {
    this.refuse(request, this.noOwnerError(key));
  }

  noOwnerError(key: string): DynamoError {
    if (!this.recovery.knowsItsRanges) return refusal("recovering", this.whyIncomplete(key));
    const error = refusal("wrong-owner", `Node ${this.self} is not a primary of '${key}'`);
    return { ...error, ringVersion: this.ring.version, registers: this.registersOf(key) };
  }

  /** Whether this node's data for the key is known to be complete, so that its answer counts. */
  isCompleteFor(key: string): boolean {
    return this.recovery.isOver || this.isRangeComplete(this.ring.rangeOfKey(key));
  }

  /** Whether this node may answer a read of the key alone, because no peer can be reached. */
  mayAnswerAlone(key: string): boolean {
    return this.recovery.mayAnswerAlone(this.ring.range(this.ring.rangeOfKey(key)).start);
  }

  isRangeComplete(range: number): boolean {
    return this.recovery.isOver || this.recovery.isComplete(this.ring.range(range).start);
  }

  /** Why the data for the key is not complete, in words for people. */
  whyIncomplete(key: string): string {
    const { cause, isInformed } = this.recovery;
    if (cause === null) {
      return `${this.self} has just started: no peer has confirmed yet that its data is complete`;
    }
    const missing = isInformed ? this.recovery.waitingFor() : this.peers;
    return `The disk of ${this.self} was ${cause}, and '${key}' may be missing until its data is ` +
      `copied from ${missing.join(", ")}`;
  }

  /** Whether this node serves the key as its own: an owner that has not fenced itself. */
  isPrimaryOf(key: string): boolean {
    if (!this.recovery.knowsItsRanges) return false;
    const range = this.ring.rangeOfKey(key);
    if (this.recovery.cause !== null && this.mayHaveFenced(range)) return false;
    return this.ring.primaries(range).includes(this.self) && !this.membership.isFenced(range);
  }

  /** A disk that was replaced or restored may have lost fences that were promised. */
  private mayHaveFenced(range: number): boolean {
    return this.ring.steps.some((step) => step.range === range && step.sender === this.self);
  }

  /**
   * Whether the node is believed to be up. Without gossip there is no evidence, so every node is.
   */
  isUp(node: NodeId): boolean {
    return node === this.self || this.config.gossipIntervalMs === 0 ||
      this.detector.isUp(node, this.out.now);
  }

  /**
   * Whether the node has been silent for a moment while it owes an answer. It is not suspected yet,
   * but others are preferred for what cannot be undone, such as a forwarded write.
   */
  isDoubted(node: NodeId): boolean {
    return this.isLate(node, DOUBTS_PER_PATIENCE);
  }

  /** Whether it has been silent for so long that no request should be forwarded to it. */
  isSilent(node: NodeId): boolean {
    return this.isLate(node, SILENCES_PER_PATIENCE);
  }

  private isLate(node: NodeId, timesPerPatience: number): boolean {
    const { gossipIntervalMs, patienceMs } = this.config;
    const afterUs = patienceMs * MICROS_PER_MS / timesPerPatience;
    return gossipIntervalMs > 0 && this.conversations.isLate(node, afterUs, this.out.now);
  }

  /** The node has answered a call. */
  onAnswer(node: NodeId): void {
    if (this.config.gossipIntervalMs === 0) return;
    this.conversations.noteAnswer(node, this.out.now);
    this.onContact(node);
  }

  /** A message from the node has arrived. */
  onContact(node: NodeId): void {
    if (this.config.gossipIntervalMs === 0) return;
    this.conversations.noteContact(node, this.out.now);
    if (this.detector.onContact(node, this.out.now)) this.noteHealth(node, true);
  }

  /** A call to the node was refused, cut off, or has been silent for too long. */
  onFailure(node: NodeId, refused: boolean): void {
    if (this.detector.onFailure(node, refused)) this.noteHealth(node, false);
  }

  noteHealth(peer: NodeId, up: boolean): void {
    if (up) this.returned.add(peer);
    const phi = this.detector.phi(peer, this.out.now);
    this.out.emit(
      up
        ? { type: "node-up", peer }
        : { type: "node-down", peer, phi: Math.round(phi * 100) / 100 },
    );
  }

  peerHealth(): Record<NodeId, { up: boolean; phi: number | null }> {
    const { now } = this.out;
    return Object.fromEntries(
      this.peers.map((node) => {
        const phi = this.detector.phi(node, now);
        return [node, { up: this.isUp(node), phi: Number.isFinite(phi) ? phi : null }];
      }),
    );
  }

  get health(): Health {
    return (node) => this.isUp(node);
  }

  placement(key: string, sloppy: boolean): Placement {
    const range = this.ring.rangeOfKey(key);
    return new Placement(this.ring, range, sloppy, this.self, this.membership.isFenced(range));
  }

  /**
   * A node to ask in place of one that refused or is silent; undefined when there is none. Its
   * successor as an owner is chosen only where no answer can come any more (`isOver`): the
   * successor has inherited what the former owner acknowledged, and counting both would count one
   * copy twice.
   */
  replacement(
    placement: Placement,
    key: string,
    node: NodeId,
    isOver: boolean,
  ): Place | undefined {
    const { ring } = this;
    const successor = isOver ? placement.successorOf(node, ring, ring.rangeOfKey(key)) : undefined;
    return successor ?? placement.replacementOf(node, this.health);
  }

  /**
   * Accepts a client's request and returns true, or refuses it where `requestsMax` are in flight.
   */
  admitClient(request: number): boolean {
    const { requestsMax } = this.config;
    if (this.requestsInFlight < requestsMax) {
      this.requestsInFlight++;
      return true;
    }
    this.counters.overloaded++;
    this.refuse(request, {
      code: "overloaded",
      message:
        `This node has ${requestsMax} requests in flight, as many as it may: try again or ask another`,
      definite: true,
    });
    return false;
  }

  call(conversation: Conversation, to: NodeId, request: PeerRequest, timeoutMs: number): void {
    const id = this.out.call(to, request, timeoutMs);
    this.conversations.addCall(id, conversation, to, this.out.now);
  }

  /** How long a replica may be silent in a request with that timeout before it is passed over, µs. */
  patienceUs({ timeoutMs }: { readonly timeoutMs: number }): Micros {
    return Math.min(this.config.patienceMs, timeoutMs) * MICROS_PER_MS;
  }

  /**
   * Sets the conversation's first deadline, `patienceMs` after `startedAt` (µs), when silent
   * replicas are passed over. The next one, at last its timeout, is set then: most conversations
   * are over before, so fewer deadlines are kept.
   */
  watch(conversation: number, startedAt: Micros, timeoutMs: number): void {
    const endsAt = startedAt + timeoutMs * MICROS_PER_MS;
    const at = startedAt + this.patienceUs({ timeoutMs });
    this.deadlines.add(at, { kind: "patience", conversation, endsAt });
    if (this.deadlines.size > this.sweepAbove) this.sweep();
  }

  private sweep(): void {
    this.deadlines.keep((due) =>
      !("conversation" in due) || this.conversations.get(due.conversation) !== undefined
    );
    this.sweepAbove = Math.max(DEADLINES_SWEEP_MIN, 2 * this.deadlines.size);
  }

  /**
   * Sends the outcome to its requester. The conversation must still be open; end it
   * afterwards.
   */
  finish({ coordinator: { id }, origin }: Conversation, reply: ClientReply): void {
    assert(this.conversations.isOpen(id), "no reply comes after its conversation has ended", id);
    switch (origin.kind) {
      case "client":
        this.out.respond(origin.request, reply);
        this.requestsInFlight--;
        assert(this.requestsInFlight >= 0, "requests in flight are never negative", origin.request);
        if (reply.status === "error") this.counters.requestsFailed++;
        else this.counters.requestsServed++;
        break;
      case "peer":
        this.out.respond(origin.request, { status: "forwarded", reply });
        break;
      case "forward":
        for (const request of this.forwards.answer(origin.requestId, reply)) {
          this.out.respond(request, { status: "forwarded", reply });
        }
        break;
      case "self":
        break;
    }
  }

  refuse(request: number, error: DynamoError): void {
    this.out.respond(request, { status: "error", error });
  }

  noteStorageFailure(key: string, reason: string): void {
    this.counters.storageFailures++;
    this.out.emit({ type: "storage-failed", key, reason });
  }

  /** Emits an observation of how a request went, once no replica is waited for any more. */
  noteRequest(
    coordinator: Observed,
    method: ClientRequest["method"],
    outcome: "ok" | "absent" | DynamoError["code"],
    needed: number,
  ): void {
    this.out.emit({
      type: "request",
      method,
      key: coordinator.key,
      outcome,
      tookUs: (coordinator.repliedAt ?? this.out.now) - coordinator.startedAt,
      needed,
      replicas: coordinator.responses.traces(),
    });
  }
}

type Observed = GetCoordinator | PutCoordinator;
