/**
 * A Dynamo node, as a pure state machine: `step` takes one event and appends the effects it asks
 * for. It reads no clock, draws no randomness of its own and does no I/O, so the same code runs
 * under `nodes/host.ts` as a process, in the simulator, and in a browser.
 *
 * This file is the front door. `Parts` holds what each concern of the paper does, `Dialogue` routes
 * what peers and deadlines say to them, `Outcomes` what became of this node's own disk accesses.
 */
import type { ClusterConfig } from "./config.ts";
import type { Origin } from "./conversations.ts";
import type { ReplicaStats } from "./counters.ts";
import { Dialogue } from "./dialogue.ts";
import { refusal } from "./errors.ts";
import type {
  Boot,
  ClientRequest,
  EffectSink,
  Event,
  Founding,
  KeyPlace,
  Micros,
  PeerRequest,
  StoredRecord,
} from "./events.ts";
import type { Change } from "./record_changes.ts";
import { MICROS_PER_MS, NodeContext } from "./node_context.ts";
import { Outcomes } from "./outcomes.ts";
import { Parts } from "./parts.ts";
import type { Random } from "./random.ts";
import { complaintAbout } from "./request_options.ts";
import type { NodeId, Ring } from "./ring.ts";
import type { Versioning } from "./versions.ts";

/** A timer so late was set under another clock. */
const OVERDUE_US = 50 * MICROS_PER_MS;

export class Replica {
  readonly founding: Founding;
  private readonly node: NodeContext;
  private readonly parts: Parts;
  private readonly dialogue: Dialogue;
  private readonly outcomes: Outcomes;
  private wake: { readonly id: number; readonly at: Micros } | null = null;

  /** `rules` replaces the configured mode's versioning: for studying what broken rules do. */
  constructor(founding: Founding, random: Random, boot: Boot, rules?: Versioning) {
    this.founding = founding;
    this.node = new NodeContext(founding, random, boot, rules);
    this.parts = new Parts(this.node, founding);
    this.dialogue = new Dialogue(this.node, this.parts);
    this.outcomes = new Outcomes(this.node, this.parts);
  }

  get self(): NodeId {
    return this.node.self;
  }

  get config(): ClusterConfig {
    return this.node.config;
  }

  get ring(): Ring {
    return this.node.ring;
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
        this.onClientRequest(event.id, event.request);
        break;
      case "peer":
        this.node.onContact(event.from);
        this.onPeerRequest(event.id, event.request);
        break;
      case "admin":
        this.parts.antiEntropy.orders.onRequest(event.id, event.request);
        break;
      case "reply":
        this.dialogue.onReply(event.id, event.reply);
        break;
      case "call-failed":
        this.dialogue.onCallFailed(event.id, event.undelivered, event.reason);
        break;
      case "loaded":
        this.outcomes.handle(records.onLoaded(event.id, event.record, out));
        break;
      case "stored":
        this.outcomes.handle(records.onStored(event.id, out));
        break;
      case "storage-failed":
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

  /** Whether it knows what its disk is worth: not while a new one is being asked about (`proving.ts`). */
  get isSettled(): boolean {
    return !this.node.proving.isAsking;
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
    const { gossiping, handoff, antiEntropy } = this.parts;
    gossiping.start();
    if (config.hintedHandoff) handoff.onTick();
    if (config.reapIntervalMs > 0) {
      const at = node.out.now + config.reapIntervalMs * MICROS_PER_MS;
      node.deadlines.add(at, { kind: "reap" });
    }
    if (config.antiEntropyIntervalMs === 0) return;
    node.trees.start(node.out);
    antiEntropy.onTick();
  }

  private onScanned(id: number, records: readonly StoredRecord[], next: KeyPlace | null): void {
    const { trees, out } = this.node;
    const { reaping, antiEntropy } = this.parts;
    if (trees.onScanned(id, records, next, out) || reaping.onScanned(id, records, next)) return;
    antiEntropy.onScanned(id, records, next);
  }

  private onScanFailed(id: number): void {
    if (this.node.trees.onScanFailed(id) || this.parts.reaping.onScanFailed(id)) return;
    this.parts.handoff.onScanFailed(id);
    this.parts.antiEntropy.onScanFailed(id);
  }

  private onClientRequest(id: number, request: ClientRequest): void {
    const complaint = complaintAbout(request, this.config);
    if (complaint !== null) {
      this.node.refuse(id, refusal("invalid", complaint));
      return;
    }
    if (!this.node.admitClient(id)) return;
    const origin: Origin = { kind: "client", request: id };
    if (this.node.isPrimaryOf(request.key)) this.parts.coordination.start(request, origin);
    else this.parts.forwards.start(request, origin);
  }

  private onPeerRequest(id: number, request: PeerRequest): void {
    const { node } = this;
    switch (request.method) {
      case "replica.get":
        if (request.purpose !== "repair" && !node.isProvenFor(request.key)) {
          const message = `The disk of ${node.self} was wiped and '${request.key}' may be missing`;
          node.refuse(id, refusal("not-proven", message));
          break;
        }
        node.records.read(request.key, { kind: "request", request: id }, node.out);
        break;
      case "replica.put":
        this.onReplicaPut(id, request);
        break;
      case "reap.ask": {
        const { key, digest } = request;
        node.records.read(key, { kind: "reap", request: id, digest }, node.out);
        break;
      }
      case "reap.drop": {
        const drop: Change = { kind: "drop", digest: request.digest, request: id };
        if (!node.records.change(request.key, drop, node.out)) {
          node.refuse(id, refusal("overloaded", `Too many changes of '${request.key}' wait`));
        }
        break;
      }
      case "forward": {
        const origin = this.parts.forwards.admit(id, request);
        if (origin !== null) this.parts.coordination.start(request.request, origin);
        break;
      }
      case "gossip":
        this.parts.gossiping.onDigest(id, request.digest);
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
    if (!this.parts.handoff.admit(id, request)) return;
    const { key, siblings, hintFor = null, buffered = false } = request;
    const merge: Change = { kind: "merge", siblings, request: id, hintFor, buffered };
    if (!node.records.change(key, merge, node.out)) {
      this.parts.handoff.release(id);
      node.refuse(id, refusal("overloaded", `Too many changes of '${key}' wait their turn`));
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
          this.dialogue.onPatienceOver(due.conversation, due.endsAt);
          break;
        case "timeout":
          this.dialogue.onTimeout(due.conversation);
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
        case "reap":
          this.parts.reaping.onTick();
          break;
        case "merge":
          this.parts.antiEntropy.mergeNext();
          break;
        case "asked":
          this.parts.gossiping.onAskedLongEnough();
          break;
        case "exchange-silent": {
          const exchange = this.node.conversations.get(due.conversation)?.coordinator;
          if (exchange?.kind === "anti-entropy") this.parts.antiEntropy.onDue(exchange, due.call);
          break;
        }
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
