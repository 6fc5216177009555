/**
 * A Dynamo node, as a pure state machine: `step` takes one event and appends the effects it asks
 * for. It reads no clock, draws no randomness of its own and does no I/O, so the same code runs
 * under `nodes/host.ts` as a process, in the simulator, and in a browser.
 *
 * This file is the switchboard. Conversations are carried by `Reads`, `Writes` and `Forwards`, which
 * hold the small objects that decide (`GetCoordinator`, `PutCoordinator`, `Forward`); what is on this
 * disk is in `LocalRecords`.
 */
import type { ClusterConfig } from "./config.ts";
import type { Origin } from "./conversations.ts";
import { Coordination } from "./coordination.ts";
import { type ReplicaStats, SiblingWatch } from "./counters.ts";
import { refusal } from "./errors.ts";
import type {
  Boot,
  ClientRequest,
  Effect,
  Event,
  Founding,
  Micros,
  PeerReply,
  PeerRequest,
} from "./events.ts";
import { Forwards } from "./forwards.ts";
import { Gossiping } from "./gossiping.ts";
import { Handoff } from "./handoff.ts";
import type { Change, Outcome } from "./local_records.ts";
import { NodeContext } from "./node_context.ts";
import type { Random } from "./random.ts";
import type { Reads } from "./reads.ts";
import { complaintAbout } from "./request_options.ts";
import type { NodeId, Ring } from "./ring.ts";
import type { Versioning } from "./versions.ts";
import type { Writes } from "./writes.ts";

export class Replica {
  readonly founding: Founding;
  private readonly node: NodeContext;
  private readonly coordination: Coordination;
  private readonly writes: Writes;
  private readonly reads: Reads;
  private readonly forwards: Forwards;
  private readonly gossiping: Gossiping;
  private readonly handoff: Handoff;
  private readonly siblingWatch: SiblingWatch;
  private wake: { readonly id: number; readonly at: Micros } | null = null;

  /** `rules` replaces the configured mode's versioning: for studying what broken rules do. */
  constructor(founding: Founding, random: Random, boot: Boot, rules?: Versioning) {
    this.founding = founding;
    this.node = new NodeContext(founding, random, boot, rules);
    this.coordination = new Coordination(this.node);
    this.writes = this.coordination.writes;
    this.reads = this.coordination.reads;
    this.forwards = new Forwards(this.node, this.coordination);
    this.gossiping = new Gossiping(this.node, founding.members);
    this.handoff = new Handoff(this.node);
    this.siblingWatch = new SiblingWatch(founding.config.siblingsWarn);
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

  /** Takes one event at `now` and appends to `effects` what the host is to do, in order. */
  step(now: Micros, event: Event, effects: Effect[]): void {
    const { out, records } = this.node;
    out.open(now, effects);
    switch (event.kind) {
      case "start":
        this.gossiping.start();
        if (this.config.hintedHandoff) this.handoff.onTick();
        break;
      case "client":
        this.onClientRequest(event.id, event.request);
        break;
      case "peer":
        this.node.onContact(event.from);
        this.onPeerRequest(event.id, event.request);
        break;
      case "reply":
        this.onReply(event.id, event.reply);
        break;
      case "call-failed":
        this.onCallFailed(event.id, event.undelivered, event.reason);
        break;
      case "loaded":
        this.onOutcomes(records.onLoaded(event.id, event.record, out));
        break;
      case "stored":
        this.onOutcomes(records.onStored(event.id, out));
        break;
      case "storage-failed":
        this.handoff.onScanFailed(event.id);
        this.onOutcomes(records.onFailed(event.id, event.reason, event.unreadable ?? false, out));
        break;
      case "hints-scanned":
        this.handoff.onScanned(event.id, event.places);
        break;
      case "timer":
        this.onTimer(event.id);
        break;
    }
    this.armTimer();
    out.close();
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
      crowdedKeys: this.siblingWatch.keys(),
      counters: { ...counters },
    };
  }

  private onClientRequest(id: number, request: ClientRequest): void {
    const complaint = complaintAbout(request, this.config);
    if (complaint !== null) {
      this.node.refuse(id, refusal("invalid", complaint));
      return;
    }
    if (!this.node.admitClient(id)) return;
    const origin: Origin = { kind: "client", request: id };
    if (this.node.isPrimaryOf(request.key)) this.coordination.start(request, origin);
    else this.forwards.start(request, origin);
  }

  private onPeerRequest(id: number, request: PeerRequest): void {
    const { node } = this;
    switch (request.method) {
      case "replica.get":
        node.records.read(request.key, { kind: "request", request: id }, node.out);
        break;
      case "replica.put":
        this.onReplicaPut(id, request);
        break;
      case "forward": {
        const origin = this.forwards.admit(id, request);
        if (origin !== null) this.coordination.start(request.request, origin);
        break;
      }
      case "gossip":
        this.gossiping.onDigest(id, request.digest);
        break;
      case "gossip.states":
        this.gossiping.onStates(id, request.states);
        break;
    }
  }

  private onReplicaPut(id: number, request: PeerRequest & { method: "replica.put" }): void {
    const { node } = this;
    if (!this.handoff.admit(id, request)) return;
    const { key, siblings, hintFor = null } = request;
    const merge: Change = { kind: "merge", siblings, request: id, hintFor };
    if (!node.records.change(key, merge, node.out)) {
      this.handoff.release(id);
      node.refuse(id, refusal("overloaded", `Too many changes of '${key}' wait their turn`));
    }
  }

  private onReply(id: number, reply: PeerReply): void {
    const taken = this.node.conversations.takeCall(id);
    if (taken === undefined) return;
    const { call, conversation } = taken;
    const { coordinator } = conversation;
    this.node.onContact(call.to);
    switch (coordinator.kind) {
      case "get":
        this.node.conversations.noteRead(call, this.node.out.now);
        this.reads.onReply(conversation, coordinator, call.to, reply);
        break;
      case "put":
        this.writes.onReply(conversation, coordinator, call.to, reply);
        break;
      case "forward":
        this.forwards.onReply(conversation, coordinator, reply);
        break;
      case "gossip":
        this.gossiping.onReply(conversation, coordinator, reply);
        break;
      case "handoff":
        this.handoff.onReply(coordinator, reply);
        break;
    }
  }

  private onCallFailed(id: number, undelivered: boolean, reason: string): void {
    const taken = this.node.conversations.takeCall(id);
    if (taken === undefined) return;
    const { call, conversation } = taken;
    const { coordinator } = conversation;
    this.node.onFailure(call.to, undelivered);
    this.node.counters.callsFailed++;
    this.node.out.emit({ type: "call-failed", to: call.to, method: coordinator.kind, reason });
    switch (coordinator.kind) {
      case "get":
        this.reads.onCallFailed(conversation, coordinator, call.to, reason);
        break;
      case "put":
        this.writes.onCallFailed(conversation, coordinator, call.to, reason);
        break;
      case "forward":
        this.forwards.onCallFailed(conversation, coordinator, undelivered, `${call.to}: ${reason}`);
        break;
      case "gossip":
        this.node.conversations.end(coordinator.id);
        break;
      case "handoff":
        this.handoff.onFailed(coordinator);
        break;
    }
  }

  private onOutcomes(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      switch (outcome.kind) {
        case "read":
          this.onRead(outcome);
          break;
        case "read-failed":
          this.onReadFailed(outcome);
          break;
        case "changed":
          this.onChanged(outcome);
          break;
        case "change-failed":
          this.onChangeFailed(outcome);
          break;
        case "unreadable":
          this.reads.recover(outcome.key);
          break;
      }
    }
  }

  private onRead({ read, record }: Outcome & { kind: "read" }): void {
    const { node } = this;
    if (read.kind === "request") {
      node.out.respond(read.request, { status: "record", siblings: record?.siblings ?? [] });
      return;
    }
    const conversation = node.conversations.get(read.conversation);
    const coordinator = conversation?.coordinator;
    if (conversation === undefined) return;
    if (coordinator?.kind === "get") this.reads.onOwnRead(conversation, coordinator, record);
    else if (coordinator?.kind === "handoff") {
      this.handoff.onRead(conversation, coordinator, record);
    }
  }

  private onReadFailed({ read, key, reason }: Outcome & { kind: "read-failed" }): void {
    const { node } = this;
    node.noteStorageFailure(key, reason);
    if (read.kind === "request") {
      node.refuse(read.request, refusal("storage-failed", `Cannot read '${key}': ${reason}`));
      return;
    }
    const conversation = node.conversations.get(read.conversation);
    const coordinator = conversation?.coordinator;
    if (conversation === undefined) return;
    if (coordinator?.kind === "get") {
      this.reads.onCallFailed(conversation, coordinator, node.self, reason);
    } else if (coordinator?.kind === "handoff") this.handoff.onReadFailed(coordinator);
  }

  private onChanged(outcome: Outcome & { kind: "changed" }): void {
    const { change, key, after } = outcome;
    const { out } = this.node;
    this.siblingWatch.note(key, after.length);
    if (after.length > 1) out.emit({ type: "siblings", key, count: after.length });
    switch (change.kind) {
      case "write":
        if (change.hintFor !== null) this.noteHint(key, change.hintFor);
        this.writes.onChanged(outcome, change.conversation);
        break;
      case "merge":
        if (change.hintFor !== null) this.noteHint(key, change.hintFor);
        if (change.request === null) break;
        this.handoff.release(change.request);
        out.respond(change.request, { status: "stored" });
        break;
      case "hint-done":
        break;
      case "recover":
        this.reads.onRecovered(key, true);
        break;
    }
  }

  private onChangeFailed({ change, key, error }: Outcome & { kind: "change-failed" }): void {
    if (error.code === "storage-failed") this.node.noteStorageFailure(key, error.message);
    switch (change.kind) {
      case "write":
        this.writes.onChangeFailed(change.conversation, error);
        break;
      case "merge":
        if (change.request === null) break;
        this.handoff.release(change.request);
        this.node.refuse(change.request, error);
        break;
      case "hint-done":
        break;
      case "recover":
        this.reads.onRecovered(key, false);
        break;
    }
  }

  private noteHint(key: string, target: NodeId): void {
    this.node.counters.hintsStored++;
    this.node.out.emit({ type: "hint-stored", key, for: target });
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
          this.onPatienceOver(due.conversation, due.endsAt);
          break;
        case "timeout":
          this.onTimeout(due.conversation);
          break;
        case "gossip":
          this.gossiping.onTick();
          break;
        case "handoff":
          this.handoff.onTick();
          break;
      }
      due = deadlines.takeDue(out.now);
    }
  }

  private onPatienceOver(id: number, endsAt: Micros): void {
    const conversation = this.node.conversations.get(id);
    if (conversation === undefined) return;
    this.node.deadlines.add(endsAt, { kind: "timeout", conversation: id });
    const { coordinator } = conversation;
    switch (coordinator.kind) {
      case "get":
        this.noteSilent(coordinator.key, this.reads.onPatienceOver(conversation, coordinator));
        break;
      case "put":
        this.noteSilent(coordinator.key, this.writes.onPatienceOver(conversation, coordinator));
        break;
      case "forward":
        this.forwards.onPatienceOver(conversation, coordinator);
        break;
      case "gossip":
        this.node.onFailure(coordinator.peer, false);
        break;
      case "handoff":
        break;
    }
  }

  private noteSilent(key: string, nodes: readonly NodeId[]): void {
    for (const node of nodes) {
      if (node === this.self) continue;
      this.node.counters.silences++;
      this.node.onFailure(node, false);
      this.node.out.emit({ type: "silent", node, key });
    }
  }

  private onTimeout(id: number): void {
    const conversation = this.node.conversations.get(id);
    if (conversation === undefined) return;
    const { coordinator } = conversation;
    switch (coordinator.kind) {
      case "get":
        this.reads.onTimeout(conversation, coordinator);
        break;
      case "put":
        this.writes.onTimeout(conversation, coordinator);
        break;
      case "forward":
        this.forwards.onTimeout(conversation, coordinator);
        break;
      case "gossip":
        this.node.conversations.end(id);
        break;
      case "handoff":
        this.handoff.onFailed(coordinator);
        break;
    }
  }

  /** The host keeps one timer: at the next deadline. */
  private armTimer(): void {
    const { deadlines, out } = this.node;
    const at = deadlines.next;
    if (at === undefined || (this.wake !== null && this.wake.at <= at)) return;
    this.wake = { id: out.timer(at), at };
  }
}
