/**
 * A Dynamo node, as a pure state machine: `step` takes one event and appends the effects it asks
 * for. It reads no clock, draws no randomness of its own and does no I/O, so the same code runs
 * under `nodes/host/host.ts` as a process, in the simulator, and in a browser.
 *
 * This file is the front door. `Parts` holds what each concern of the paper does, `ReplyDispatch` routes
 * what peers and deadlines say to them, `StorageCompletions` what became of this node's own disk accesses.
 */
import type { Origin } from "./conversations.ts";
import type { ReplicaStats } from "./counters.ts";
import type { Membership } from "./membership/membership.ts";
import type { MembershipState } from "./membership/membership_state.ts";
import { MICROS_PER_MS, NodeContext } from "./node_context.ts";
import { Parts } from "./parts.ts";
import type { Change } from "./records/record_changes.ts";
import { ReplyDispatch } from "./reply_dispatch.ts";
import { validateRequest } from "./requests/request_options.ts";
import type { Ring } from "./ring/ring.ts";
import { StorageCompletions } from "./storage_completions.ts";
import type { Boot, RecoveryState } from "./types/boot.ts";
import type { ClientRequest } from "./types/client_messages.ts";
import type { ClusterConfig } from "./types/config.ts";
import { refusal } from "./types/errors.ts";
import type { EffectSink, Event } from "./types/events.ts";
import type { Micros, NodeId } from "./types/ids.ts";
import type { InitialClusterConfig } from "./types/initial_config.ts";
import type { Life } from "./types/life.ts";
import type { PeerRequest } from "./types/peer_messages.ts";
import type { Random } from "./types/random.ts";
import type { KeyPlace, StoredRecord } from "./types/records.ts";
import type { Versioning } from "./versions/versions.ts";

/** A timer so late was set under another clock. */
const OVERDUE_US = 50 * MICROS_PER_MS;

export class Replica {
  readonly initialConfig: InitialClusterConfig;
  private readonly node: NodeContext;
  private readonly parts: Parts;
  private readonly replyDispatch: ReplyDispatch;
  private readonly outcomes: StorageCompletions;
  private wake: { readonly id: number; readonly at: Micros } | null = null;

  /** `rules` replaces the configured mode's versioning: for studying what broken rules do. */
  constructor(initialConfig: InitialClusterConfig, random: Random, boot: Boot, rules?: Versioning) {
    this.initialConfig = initialConfig;
    this.node = new NodeContext(initialConfig, random, boot, rules);
    this.parts = new Parts(this.node);
    this.replyDispatch = new ReplyDispatch(this.node, this.parts);
    this.outcomes = new StorageCompletions(this.node, this.parts);
  }

  get self(): NodeId {
    return this.node.self;
  }

  get config(): ClusterConfig {
    return this.node.config;
  }

  /** Who holds what now, as this node knows. */
  get ring(): Ring {
    return this.node.ring;
  }

  /** Who belongs to the cluster, as this node knows. */
  get membership(): Membership {
    return this.node.membership;
  }

  /** Takes one event at `now` and pushes to `effects` what the host is to do, in order. */
  step(now: Micros, event: Event, effects: EffectSink): void {
    const { out, records } = this.node;
    out.open(now, effects);
    switch (event.kind) {
      case "start":
        this.start();
        break;
      case "client":
        out.accept(event.id);
        this.onClientRequest(event.id, event.request);
        break;
      case "peer":
        out.accept(event.id);
        this.node.onContact(event.from);
        this.parts.recovering.onContact(event.from);
        this.onPeer(event.id, event.from, event.request);
        break;
      case "admin":
        out.accept(event.id);
        if (event.request.method === "anti-entropy") {
          this.parts.antiEntropy.orders.onRequest(event.id, event.request);
        } else this.parts.acts.onOrder(event.id, event.request);
        break;
      case "reply":
        this.replyDispatch.onReply(event.id, event.reply);
        break;
      case "call-failed":
        this.replyDispatch.onCallFailed(event.id, event.undelivered, event.reason);
        break;
      case "loaded":
        this.outcomes.handle(records.onLoaded(event.id, event.record, out));
        break;
      case "stored":
        if (this.onSaved(event.id)) break;
        // Only records count: what is saved of peers' lives would make them save it again, for ever.
        this.node.writes = Math.max(this.node.writes, event.writes ?? 0);
        this.outcomes.handle(records.onStored(event.id, out));
        break;
      case "storage-failed":
        if (this.parts.recovering.onSaveFailed(event.id)) break;
        if (this.node.registry.onSaveFailed(event.id)) {
          // If nothing else is in progress, only this wake-up repeats the save.
          this.parts.acts.wake();
          break;
        }
        this.onScanFailed(event.id);
        this.outcomes.handle(
          records.onFailed(event.id, event.reason, event.unreadable ?? false, out),
        );
        break;
      case "hints-scanned":
        this.parts.handoff.onScanned(event.id, event.places);
        break;
      case "scanned":
        this.onScanned(event.id, event.records, event.next);
        break;
      case "timer":
        this.onTimer(event.id);
        break;
    }
    this.armTimer();
    out.close();
  }

  /**
   * Whether clients may ask: not while the node checks with its peers for the first time after a
   * start.
   */
  get isReady(): boolean {
    return this.parts.recovering.isReady;
  }

  /** The membership as the disk knows it: what may be told to others. */
  get durableMembership(): MembershipState {
    return this.node.registry.durable.state;
  }

  /** This start of the node, as peers are told of it. */
  get life(): Life {
    return this.parts.recovering.life;
  }

  /** The last life of a peer that it has heard of. */
  remembers(peer: NodeId): Life | null {
    return this.node.lives.of(peer);
  }

  /** Whether its data counts as complete, and what it waits for. */
  get recovery(): RecoveryState {
    return this.parts.recovering.state;
  }

  /** Whether no range is being moved and no copy of a former range is left. */
  get isAtRest(): boolean {
    return this.parts.acts.isAtRest && this.parts.recovering.isAtRest;
  }

  /** Figures for people and for the bounds checker. */
  stats(): ReplicaStats {
    const { requestsInFlight, conversations, deadlines, forwards, records, hints, counters } =
      this.node;
    return {
      requestsInFlight,
      conversations: conversations.size,
      calls: conversations.callsOpen,
      deadlines: deadlines.size,
      forwardsKnown: forwards.size,
      recordsBusy: records.busy,
      hints: Object.fromEntries(hints.targets().map((node) => [node, hints.countFor(node)])),
      peers: this.node.peerHealth(),
      antiEntropy: this.parts.antiEntropy.state,
      crowdedKeys: this.outcomes.crowdedKeys(),
      counters: { ...counters },
    };
  }

  private start(): void {
    const { config, node } = this;
    const { gossiping, handoff, antiEntropy, orphanedReplicas, acts } = this.parts;
    gossiping.start();
    this.parts.recovering.start();
    orphanedReplicas.onStart();
    if (node.membership.version !== "") acts.wake();
    if (config.hintedHandoff) handoff.onTick();
    if (config.reapIntervalMs > 0) {
      const at = node.out.now + config.reapIntervalMs * MICROS_PER_MS;
      node.deadlines.add(at, { kind: "reap" });
    }
    if (config.antiEntropyIntervalMs === 0) return;
    node.trees.start(node.out);
    antiEntropy.onTick();
    if (config.scrubIntervalMs > 0) antiEntropy.onScrubTick();
  }

  private onScanned(id: number, records: readonly StoredRecord[], next: KeyPlace | null): void {
    const { trees, out } = this.node;
    const { reaping, antiEntropy, rangeReceiver, orphanedReplicas } = this.parts;
    if (trees.onScanned(id, records, next, out) || reaping.onScanned(id, records, next)) return;
    if (
      rangeReceiver.onScanned(id, records, next) || orphanedReplicas.onScanned(id, records, next)
    ) {
      return;
    }
    antiEntropy.onScanned(id, records, next);
  }

  /** The membership is on the disk: what was to wait for it may happen. */
  private onSaved(id: number): boolean {
    const { registry, out } = this.node;
    if (this.parts.recovering.onSaved(id)) return true;
    const afterwards = registry.onSaved(id);
    for (const next of afterwards ?? []) {
      switch (next.kind) {
        case "respond":
          out.respond(next.request, next.reply);
          break;
        case "spread":
          registry.spread(next.state, next.to);
          break;
        case "filled":
          this.parts.rangeReceiver.onFilled(next.transfer);
          break;
        case "fenced":
          this.parts.rangeSender.onFenced(next.mark, next.request);
          break;
        case "reconcile":
          this.parts.gossiping.tellDifference(next);
          break;
      }
    }
    if (afterwards !== null) this.parts.recovering.onMembershipSaved();
    return afterwards !== null;
  }

  private onScanFailed(id: number): void {
    const { reaping, rangeReceiver, orphanedReplicas } = this.parts;
    if (this.node.trees.onScanFailed(id) || reaping.onScanFailed(id)) return;
    if (rangeReceiver.onScanFailed(id) || orphanedReplicas.onScanFailed(id)) return;
    this.parts.handoff.onScanFailed(id);
    this.parts.antiEntropy.onScanFailed(id);
  }

  private onClientRequest(id: number, request: ClientRequest): void {
    const invalid = validateRequest(request, this.config);
    if (invalid !== null) {
      this.node.refuse(id, refusal("invalid", invalid));
      return;
    }
    if (this.node.membership.isRemoved) {
      this.node.refuse(id, refusal("removed", `Node ${this.self} was removed from the cluster`));
      return;
    }
    if (!this.node.admitClient(id)) return;
    const origin: Origin = { kind: "client", request: id };
    if (this.node.isPrimaryOf(request.key)) this.parts.coordination.start(request, origin);
    else this.parts.forwards.start(request, origin);
  }

  /**
   * From removed nodes only messages are taken that let them learn of their removal: what they hold
   * may have been deleted and forgotten since.
   */
  private onPeer(id: number, from: NodeId, request: PeerRequest): void {
    const { membership } = this.node;
    const isTold = request.method === "gossip" || request.method === "membership" ||
      request.method === "boot.check";
    if (!isTold && (membership.isRemoved || membership.isGone(from))) {
      const who = membership.isRemoved ? this.self : from;
      this.node.refuse(id, refusal("removed", `Node ${who} was removed from the cluster`));
    } else this.onPeerRequest(id, from, request);
  }

  private onPeerRequest(id: number, from: NodeId, request: PeerRequest): void {
    const { node } = this;
    const { rangeReceiver, rangeSender, orphanedReplicas, gossiping } = this.parts;
    switch (request.method) {
      case "replica.get":
        if (
          request.purpose === undefined && request.standIn !== true &&
          !node.isPrimaryOf(request.key)
        ) {
          node.refuseAsNoOwner(id, request.key);
          break;
        }
        if (request.purpose !== "repair" && !node.isCompleteFor(request.key)) {
          node.refuse(id, refusal("recovering", node.whyIncomplete(request.key)));
          break;
        }
        node.records.read(request.key, { kind: "request", request: id }, node.out);
        break;
      case "replica.put":
        this.onReplicaPut(id, request);
        break;
      case "reap.ask": {
        const { key, digest, plan } = request;
        if (plan !== node.membership.planVersion) {
          node.out.respond(id, { status: "reap", agrees: false });
          break;
        }
        node.records.read(key, { kind: "reap", request: id, digest }, node.out);
        break;
      }
      case "reap.drop": {
        const drop: Change = { kind: "drop", digest: request.digest, request: id };
        if (!node.records.change(request.key, drop, node.out)) {
          node.refuse(
            id,
            refusal("overloaded", `Too many changes of '${request.key}' are waiting`),
          );
        }
        break;
      }
      case "forward": {
        const origin = this.parts.forwards.admit(id, request);
        if (origin !== null) this.parts.coordination.start(request.request, origin);
        break;
      }
      case "gossip":
        gossiping.onDigest(id, request.digest, request.membership);
        break;
      case "boot.check":
        this.parts.recovering.onCheck(id, from, request);
        break;
      case "membership":
        node.registry.learn(request.state);
        node.out.respond(id, { status: "stored" });
        break;
      case "range.keys":
        rangeReceiver.onListRequest(id, from, request);
        break;
      case "range.fence":
        rangeSender.onFenceRequest(id, from, request);
        break;
      case "range.advance":
        rangeSender.advance(id, from, request);
        break;
      case "orphan.check":
        orphanedReplicas.onAsked(id, request.keys);
        break;
      case "gossip.states":
        this.parts.gossiping.onStates(id, request.states);
        break;
      case "tree.roots":
      case "tree.children":
      case "tree.keys":
        this.parts.antiEntropy.onRequest(id, request);
        break;
    }
  }

  private onReplicaPut(id: number, request: PeerRequest & { method: "replica.put" }): void {
    const { node } = this;
    // Other nodes never ask a non-member which records it has, so it must not keep any.
    const mayKeep = request.hintFor === undefined ? node.isPrimaryOf(request.key) : node.isMember;
    if (!mayKeep) {
      node.refuseAsNoOwner(id, request.key);
      return;
    }
    if (!this.parts.handoff.admit(id, request)) return;
    const { key, siblings, hintFor = null, buffered = false } = request;
    const merge: Change = { kind: "merge", siblings, request: id, hintFor, buffered };
    if (!node.records.change(key, merge, node.out)) {
      this.parts.handoff.release(id);
      node.refuse(id, refusal("overloaded", `Too many changes of '${key}' are waiting`));
    }
  }

  private onTimer(id: number): void {
    if (this.wake?.id !== id) return;
    this.wake = null;
    const { deadlines, forwards, out } = this.node;
    let due = deadlines.takeDue(out.now);
    while (due !== undefined) {
      switch (due.kind) {
        case "forget":
          forwards.forget(due.requestId);
          break;
        case "patience":
          this.replyDispatch.onPatienceOver(due.conversation, due.endsAt);
          break;
        case "timeout":
          this.replyDispatch.onTimeout(due.conversation);
          break;
        case "gossip":
          this.parts.gossiping.onTick();
          break;
        case "handoff":
          this.parts.handoff.onTick();
          break;
        case "anti-entropy":
          this.parts.antiEntropy.onTick();
          break;
        case "scrub":
          this.parts.antiEntropy.onScrubTick();
          break;
        case "reap":
          this.parts.reaping.onTick();
          break;
        case "recovery":
          this.parts.recovering.onTick();
          break;
        case "membership":
          this.parts.acts.onTick();
          break;
        case "call-silent":
          this.replyDispatch.onCallSilent(due.conversation, due.call);
          break;
      }
      due = deadlines.takeDue(out.now);
    }
  }

  /** The host keeps one timer: at the next deadline. */
  private armTimer(): void {
    const { deadlines, out } = this.node;
    const at = deadlines.next;
    if (at === undefined) return;
    // A timer runs for a duration: if the clock was set meanwhile, it may ring long after its moment.
    const overdue = this.wake !== null && out.now - this.wake.at > OVERDUE_US;
    if (this.wake !== null && this.wake.at <= at && !overdue) return;
    this.wake = { id: out.timer(at), at };
  }
}
