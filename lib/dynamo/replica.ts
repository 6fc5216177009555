/**
 * A Dynamo node, as a pure state machine: `step` takes one event and appends the effects it asks
 * for. It reads no clock, draws no randomness of its own and does no I/O, so the same code runs
 * under `nodes/host.ts` as a process, in the simulator, and in a browser.
 *
 * This file is the switchboard. What to decide is in the small objects it holds: `GetCoordinator`,
 * `PutCoordinator` and `Forward` for the conversations, `LocalRecords` for what is on this disk.
 */
import type { Actor } from "./clock.ts";
import type { ClusterConfig } from "./config.ts";
import { type Conversation, Conversations, type Origin } from "./conversations.ts";
import { type Counters, newCounters, type ReplicaStats, SiblingWatch } from "./counters.ts";
import { Deadlines } from "./deadlines.ts";
import { type DynamoError, refusal } from "./errors.ts";
import type {
  Boot,
  ClientReply,
  ClientRequest,
  DeleteRequest,
  Effect,
  Event,
  Founding,
  Micros,
  PeerReply,
  PeerRequest,
  PutRequest,
} from "./events.ts";
import { formatRequestId, Forward, KnownForwards, rankCoordinators } from "./forwarding.ts";
import { GetCoordinator, type ReadPurpose } from "./get_coordinator.ts";
import { type Change, LocalRecords, type Outcome } from "./local_records.ts";
import { Outbox } from "./outbox.ts";
import { PutCoordinator } from "./put_coordinator.ts";
import type { Random } from "./random.ts";
import { complaintAbout, type ResolvedOptions, resolveOptions } from "./request_options.ts";
import { type NodeId, Ring } from "./ring.ts";
import { type CausalContext, contextOf, type Versioning, versioning } from "./versions.ts";

type Due =
  | { readonly kind: "timeout" | "patience"; readonly conversation: number }
  | { readonly kind: "forget"; readonly requestId: string };

const MICROS_PER_MS = 1_000;

/** What a forward may add to its request's lifetime before it is forgotten: both nodes' timeouts. */
const FORWARD_LIFETIMES = 2;

export class Replica {
  readonly founding: Founding;
  readonly config: ClusterConfig;
  readonly self: NodeId;
  readonly ring: Ring;
  private readonly random: Random;
  private readonly boot: Boot;
  private readonly versioning: Versioning;
  private readonly out = new Outbox();
  private readonly records: LocalRecords;
  private readonly conversations = new Conversations();
  private readonly deadlines = new Deadlines<Due>();
  private readonly forwards = new KnownForwards();
  private readonly recovering = new Set<string>();
  private readonly siblingWatch: SiblingWatch;
  private readonly counters: Counters = newCounters();
  private wake: { readonly id: number; readonly at: Micros } | null = null;
  private requestsInFlight = 0;
  private actorsDrawn = 0;
  private forwardsSent = 0;

  /** `rules` replaces the configured mode's versioning: for studying what broken rules do. */
  constructor(founding: Founding, random: Random, boot: Boot, rules?: Versioning) {
    this.founding = founding;
    this.config = founding.config;
    this.self = boot.self;
    this.random = random;
    this.boot = boot;
    this.ring = new Ring(founding.ring, founding.config.n);
    this.versioning = rules ?? versioning(founding.config.mode);
    this.siblingWatch = new SiblingWatch(founding.config.siblingsWarn);
    this.records = new LocalRecords(this.versioning, founding.config, this);
  }

  /** Takes one event at `now` and appends to `effects` what the host is to do, in order. */
  step(now: Micros, event: Event, effects: Effect[]): void {
    this.out.open(now, effects);
    switch (event.kind) {
      case "client":
        this.onClientRequest(event.id, event.request);
        break;
      case "peer":
        this.onPeerRequest(event.id, event.request);
        break;
      case "reply":
        this.onReply(event.id, event.reply);
        break;
      case "call-failed":
        this.onCallFailed(event.id, event.undelivered, event.reason);
        break;
      case "loaded":
        this.onOutcomes(this.records.onLoaded(event.id, event.record, this.out));
        break;
      case "stored":
        this.onOutcomes(this.records.onStored(event.id, this.out));
        break;
      case "storage-failed":
        this.onOutcomes(
          this.records.onFailed(event.id, event.reason, event.unreadable ?? false, this.out),
        );
        break;
      case "timer":
        this.onTimer(event.id);
        break;
    }
    this.armTimer();
    this.out.close();
  }

  /** Figures for people and for the bounds checker. */
  stats(): ReplicaStats {
    return {
      requestsInFlight: this.requestsInFlight,
      conversations: this.conversations.size,
      calls: this.conversations.callsOpen,
      deadlines: this.deadlines.size,
      forwardsKnown: this.forwards.size,
      recordsBusy: this.records.busy,
      crowdedKeys: this.siblingWatch.keys(),
      counters: { ...this.counters },
    };
  }

  /** `ActorSource`: unique for ever, because an incarnation is durably new at every start. */
  next(): Actor {
    this.actorsDrawn++;
    const { self, dataId, incarnation } = this.boot;
    return `${self}/${dataId}/${incarnation}.${this.actorsDrawn}`;
  }

  // Requests --------------------------------------------------------------------------------------

  private onClientRequest(id: number, request: ClientRequest): void {
    const origin: Origin = { kind: "client", request: id };
    const complaint = complaintAbout(request, this.config);
    if (complaint !== null) {
      this.out.respond(id, { status: "error", error: refusal("invalid", complaint) });
      return;
    }
    const { requestsMax } = this.config;
    if (this.requestsInFlight >= requestsMax) {
      const message = `Cannot take the request on as at most ${requestsMax} may be in flight`;
      this.counters.overloaded++;
      this.out.respond(id, { status: "error", error: refusal("overloaded", message) });
      return;
    }
    this.requestsInFlight++;
    if (this.ring.primariesOfKey(request.key).includes(this.self)) this.coordinate(request, origin);
    else this.forward(request, origin);
  }

  private onPeerRequest(id: number, request: PeerRequest): void {
    switch (request.method) {
      case "replica.get":
        this.records.read(request.key, { kind: "request", request: id }, this.out);
        break;
      case "replica.put": {
        const merge: Change = { kind: "merge", siblings: request.siblings, request: id };
        if (!this.records.change(request.key, merge, this.out)) {
          this.respondError(id, refusal("overloaded", `Too many changes of '${request.key}' wait`));
        }
        break;
      }
      case "forward":
        this.onForwarded(id, request);
        break;
    }
  }

  private onForwarded(id: number, call: PeerRequest & { method: "forward" }): void {
    const { request, requestId } = call;
    const complaint = complaintAbout(request, this.config);
    if (complaint !== null) {
      this.respondError(id, refusal("invalid", complaint));
      return;
    }
    if (!this.ring.primariesOfKey(request.key).includes(this.self)) {
      const error = refusal(
        "wrong-owner",
        `Node ${this.self} is not a primary of '${request.key}'`,
      );
      this.respondError(id, { ...error, ringVersion: this.ring.version });
      return;
    }
    if (request.method === "get") {
      this.coordinate(request, { kind: "peer", request: id });
      return;
    }
    const admission = this.forwards.admit(requestId, id);
    switch (admission.kind) {
      case "new": {
        const { timeoutMs } = resolveOptions(request, this.config);
        const at = this.out.now + FORWARD_LIFETIMES * timeoutMs * MICROS_PER_MS;
        this.deadlines.add(at, { kind: "forget", requestId });
        this.coordinate(request, { kind: "forward", requestId });
        break;
      }
      case "answered":
        this.out.respond(id, { status: "forwarded", reply: admission.reply });
        break;
      case "too-old":
        this.respondError(id, refusal("too-late", `Request ${requestId} has been forgotten`));
        break;
      case "waiting":
        break;
    }
  }

  private coordinate(request: ClientRequest, origin: Origin): void {
    const options = resolveOptions(request, this.config);
    if (request.method === "get") {
      this.startGet(request, "get", options, this.primariesOf(request.key), origin);
    } else if (request.method === "delete" && request.context === null) {
      this.startGet(request, "delete", options, this.primariesOf(request.key), origin);
    } else {
      this.startPut(request, request.context, options, this.out.now, origin);
    }
  }

  private primariesOf(key: string): readonly NodeId[] {
    return this.ring.primariesOfKey(key);
  }

  // Reads -----------------------------------------------------------------------------------------

  private startGet(
    request: ClientRequest,
    purpose: ReadPurpose,
    options: ResolvedOptions,
    nodes: readonly NodeId[],
    origin: Origin,
  ): void {
    const { now } = this.out;
    const id = this.out.nextId();
    const get = new GetCoordinator(id, request, purpose, options, now, this.versioning);
    const conversation = this.conversations.add(get, origin);
    for (const node of nodes) {
      get.participants.add(node, true, now);
      if (node === this.self) {
        this.records.read(request.key, { kind: "conversation", conversation: id }, this.out);
      } else {
        const call = { method: "replica.get", key: request.key } as const;
        this.call(conversation, node, call, options.timeoutMs);
      }
    }
    this.watch(id, now, options.timeoutMs);
  }

  private onReadProgress(conversation: Conversation, get: GetCoordinator): void {
    if (!get.replied) {
      if (get.enough) this.onReadEnough(conversation, get);
      else if (get.hopeless) this.onReadFailed(conversation, get);
    }
    if (get.settled) this.concludeRead(get);
  }

  private onReadEnough(conversation: Conversation, get: GetCoordinator): void {
    get.replied = true;
    switch (get.purpose) {
      case "get":
        this.finish(conversation, get.reply(this.self));
        break;
      case "delete": {
        const { origin } = conversation;
        conversation.origin = { kind: "self" };
        const request = get.request as DeleteRequest;
        const context = contextOf(get.merged);
        this.startPut(request, context, get.options, get.startedAt, origin);
        break;
      }
      case "recover":
        this.records.change(get.key, { kind: "recover", siblings: get.merged }, this.out);
        break;
    }
  }

  private onReadFailed(conversation: Conversation, get: GetCoordinator): void {
    get.replied = true;
    if (get.purpose === "recover") this.recovering.delete(get.key);
    else this.finish(conversation, { status: "error", error: get.failure() });
  }

  /** All have answered or time is up: the moment for read repair. */
  private concludeRead(get: GetCoordinator): void {
    if (get.purpose !== "recover" && this.config.readRepair && get.merged.length > 0) {
      for (const node of get.stale()) this.repair(get, node);
    }
    this.conversations.end(get.id);
    if (get.purpose !== "get") return;
    this.out.emit({
      type: "request",
      method: "get",
      key: get.key,
      outcome: get.enough ? (get.merged.length === 0 ? "absent" : "ok") : "quorum-not-met",
      tookUs: this.out.now - get.startedAt,
      needed: get.options.r,
      replicas: get.participants.traces(),
    });
  }

  private repair(get: GetCoordinator, node: NodeId): void {
    const { key, merged: siblings } = get;
    this.counters.readRepairs++;
    this.out.emit({ type: "read-repair", key, to: node });
    if (node === this.self) {
      this.records.change(key, { kind: "merge", siblings, request: null }, this.out);
    } else {
      const call = { method: "replica.put", key, siblings, purpose: "repair" } as const;
      this.out.call(node, call, this.config.timeoutMs);
    }
  }

  // Writes ----------------------------------------------------------------------------------------

  private startPut(
    request: PutRequest | DeleteRequest,
    context: CausalContext | null,
    options: ResolvedOptions,
    startedAt: Micros,
    origin: Origin,
  ): void {
    const { now } = this.out;
    const id = this.out.nextId();
    const put = new PutCoordinator(id, request, context, options, startedAt);
    const conversation = this.conversations.add(put, origin);
    put.participants.add(this.self, true, now);
    const isPut = request.method === "put";
    const taken = this.records.change(request.key, {
      kind: "write",
      conversation: id,
      context,
      value: isPut ? request.value : null,
      contentType: isPut ? request.contentType : "",
    }, this.out);
    if (!taken) {
      const error = refusal("overloaded", `Too many changes of '${request.key}' wait their turn`);
      this.endWrite(conversation, put, { status: "error", error });
      return;
    }
    this.watch(id, startedAt, options.timeoutMs);
  }

  private onCommitted(put: PutCoordinator, outcome: Outcome & { kind: "changed" }): void {
    const conversation = this.conversations.get(put.id);
    if (conversation === undefined) return;
    const { now } = this.out;
    put.written = outcome.context;
    put.addAck(this.self, now);
    const call = {
      method: "replica.put",
      key: put.key,
      siblings: outcome.after,
      purpose: "replicate",
    } as const;
    for (const node of this.primariesOf(put.key)) {
      if (node === this.self) continue;
      put.participants.add(node, true, now);
      this.call(conversation, node, call, put.options.timeoutMs);
    }
    this.onWriteProgress(conversation, put);
  }

  private onWriteProgress(conversation: Conversation, put: PutCoordinator): void {
    if (!put.replied) {
      if (put.enough) this.finishWrite(conversation, put);
      else if (put.hopeless) this.failWrite(conversation, put);
    }
    if (put.settled) this.concludeWrite(put, put.enough ? "ok" : "quorum-not-met");
  }

  private finishWrite(conversation: Conversation, put: PutCoordinator): void {
    put.replied = true;
    this.finish(conversation, put.reply(this.self));
  }

  private failWrite(conversation: Conversation, put: PutCoordinator): void {
    put.replied = true;
    this.finish(conversation, { status: "error", error: put.failure() });
  }

  private endWrite(conversation: Conversation, put: PutCoordinator, reply: ClientReply): void {
    if (!put.replied) {
      put.replied = true;
      this.finish(conversation, reply);
    }
    this.concludeWrite(put, reply.status === "error" ? reply.error.code : "ok");
  }

  private concludeWrite(put: PutCoordinator, outcome: "ok" | DynamoError["code"]): void {
    this.conversations.end(put.id);
    this.out.emit({
      type: "request",
      method: put.request.method,
      key: put.key,
      outcome,
      tookUs: this.out.now - put.startedAt,
      needed: put.options.w,
      replicas: put.participants.traces(),
    });
  }

  // Forwards --------------------------------------------------------------------------------------

  private forward(request: ClientRequest, origin: Origin): void {
    const { now } = this.out;
    const id = this.out.nextId();
    const hinted = request.method === "get" ? undefined : request.fastest;
    const candidates = rankCoordinators(
      this.primariesOf(request.key),
      this.config.coordinator,
      hinted,
      this.conversations,
      this.random,
    );
    this.forwardsSent++;
    const requestId = formatRequestId(this.self, this.boot.incarnation, this.forwardsSent);
    const { timeoutMs } = resolveOptions(request, this.config);
    const forward = new Forward(id, request, candidates, requestId, timeoutMs, now);
    const conversation = this.conversations.add(forward, origin);
    this.tryNext(conversation, forward);
    this.watch(id, now, timeoutMs);
  }

  private tryNext(conversation: Conversation, forward: Forward): void {
    const node = forward.nextCandidate();
    if (node === undefined) {
      if (forward.pending === 0) this.failForward(conversation, forward);
      return;
    }
    this.counters.forwards++;
    this.out.emit({ type: "forward", key: forward.key, to: node });
    const timeoutMs = forward.remainingMs(this.out.now);
    this.call(conversation, node, {
      method: "forward",
      requestId: forward.requestId,
      request: { ...forward.request, timeoutMs },
      ringVersion: this.ring.version,
    }, timeoutMs);
  }

  private onForwardReply(conversation: Conversation, forward: Forward, reply: PeerReply): void {
    forward.pending--;
    if (reply.status === "forwarded") {
      this.endForward(conversation, forward, reply.reply);
    } else if (reply.status === "error" && mayTryElsewhere(reply.error)) {
      forward.reasons.push(reply.error.message);
      this.tryNext(conversation, forward);
    } else if (reply.status === "error") {
      this.endForward(conversation, forward, reply);
    } else {
      this.onForwardFailed(conversation, forward, false, "an answer of another kind came");
    }
  }

  private onForwardFailed(
    conversation: Conversation,
    forward: Forward,
    undelivered: boolean,
    reason: string,
  ): void {
    forward.reasons.push(reason);
    if (undelivered || forward.request.method === "get") {
      this.tryNext(conversation, forward);
    } else {
      forward.uncertain = true;
      this.failForward(conversation, forward);
    }
  }

  private failForward(conversation: Conversation, forward: Forward): void {
    this.endForward(conversation, forward, { status: "error", error: forward.failure() });
  }

  private endForward(conversation: Conversation, forward: Forward, reply: ClientReply): void {
    this.finish(conversation, reply);
    this.conversations.end(forward.id);
  }

  // Answers, outcomes and time --------------------------------------------------------------------

  private onReply(id: number, reply: PeerReply): void {
    const taken = this.conversations.takeCall(id);
    if (taken === undefined) return;
    const { call, conversation } = taken;
    const { coordinator } = conversation;
    const { now } = this.out;
    switch (coordinator.kind) {
      case "get":
        if (reply.status === "record") {
          this.conversations.noteRead(call, now);
          coordinator.addReply(call.to, reply.siblings, now);
        } else coordinator.addFailure(call.to, reasonOf(reply), now);
        this.onReadProgress(conversation, coordinator);
        break;
      case "put":
        if (reply.status === "stored") coordinator.addAck(call.to, now);
        else coordinator.addFailure(call.to, reasonOf(reply), now);
        this.onWriteProgress(conversation, coordinator);
        break;
      case "forward":
        this.onForwardReply(conversation, coordinator, reply);
        break;
    }
  }

  private onCallFailed(id: number, undelivered: boolean, reason: string): void {
    const taken = this.conversations.takeCall(id);
    if (taken === undefined) return;
    const { call, conversation } = taken;
    const { coordinator } = conversation;
    const { now } = this.out;
    this.counters.callsFailed++;
    this.out.emit({ type: "call-failed", to: call.to, method: coordinator.kind, reason });
    switch (coordinator.kind) {
      case "get":
        coordinator.addFailure(call.to, reason, now);
        this.onReadProgress(conversation, coordinator);
        break;
      case "put":
        coordinator.addFailure(call.to, reason, now);
        this.onWriteProgress(conversation, coordinator);
        break;
      case "forward":
        coordinator.pending--;
        this.onForwardFailed(conversation, coordinator, undelivered, `${call.to}: ${reason}`);
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
          this.onOwnReadFailed(outcome);
          break;
        case "changed":
          this.onChanged(outcome);
          break;
        case "change-failed":
          this.onChangeFailed(outcome);
          break;
        case "unreadable":
          this.recover(outcome.key);
          break;
      }
    }
  }

  private onRead({ read, siblings }: Outcome & { kind: "read" }): void {
    if (read.kind === "request") {
      this.out.respond(read.request, { status: "record", siblings });
      return;
    }
    const conversation = this.conversations.get(read.conversation);
    if (conversation?.coordinator.kind !== "get") return;
    conversation.coordinator.addReply(this.self, siblings, this.out.now);
    this.onReadProgress(conversation, conversation.coordinator);
  }

  private onOwnReadFailed({ read, key, reason }: Outcome & { kind: "read-failed" }): void {
    this.noteStorageFailure(key, reason);
    if (read.kind === "request") {
      this.respondError(
        read.request,
        refusal("storage-failed", `Cannot read '${key}': ${reason}`),
      );
      return;
    }
    const conversation = this.conversations.get(read.conversation);
    if (conversation?.coordinator.kind !== "get") return;
    conversation.coordinator.addFailure(this.self, reason, this.out.now);
    this.onReadProgress(conversation, conversation.coordinator);
  }

  private onChanged(outcome: Outcome & { kind: "changed" }): void {
    const { change, key, after } = outcome;
    this.siblingWatch.note(key, after.length);
    if (after.length > 1) this.out.emit({ type: "siblings", key, count: after.length });
    switch (change.kind) {
      case "write": {
        const coordinator = this.conversations.get(change.conversation)?.coordinator;
        if (coordinator?.kind === "put") this.onCommitted(coordinator, outcome);
        break;
      }
      case "merge":
        if (change.request !== null) this.out.respond(change.request, { status: "stored" });
        break;
      case "recover":
        this.recovering.delete(key);
        this.counters.recovered++;
        this.out.emit({ type: "recovered", key });
        break;
    }
  }

  private onChangeFailed({ change, key, error }: Outcome & { kind: "change-failed" }): void {
    if (error.code === "storage-failed") this.noteStorageFailure(key, error.message);
    switch (change.kind) {
      case "write": {
        const conversation = this.conversations.get(change.conversation);
        if (conversation?.coordinator.kind !== "put") return;
        conversation.coordinator.addFailure(this.self, error.message, this.out.now);
        this.endWrite(conversation, conversation.coordinator, { status: "error", error });
        break;
      }
      case "merge":
        if (change.request !== null) this.respondError(change.request, error);
        break;
      case "recover":
        this.recovering.delete(key);
        break;
    }
  }

  /** Asks *every* other primary what it holds: one missing answer could be the one that mattered. */
  private recover(key: string): void {
    const others = this.primariesOf(key).filter((node) => node !== this.self);
    if (others.length === 0 || this.recovering.has(key)) return;
    this.recovering.add(key);
    const options = { ...resolveOptions({}, this.config), r: others.length, pr: 0 };
    this.startGet({ method: "get", key }, "recover", options, others, { kind: "self" });
  }

  private onTimer(id: number): void {
    if (this.wake?.id !== id) return;
    this.wake = null;
    let due = this.deadlines.takeDue(this.out.now);
    while (due !== undefined) {
      if (due.kind === "forget") this.forwards.forget(due.requestId);
      else this.onDue(due.kind, due.conversation);
      due = this.deadlines.takeDue(this.out.now);
    }
  }

  private onDue(kind: "timeout" | "patience", id: number): void {
    const conversation = this.conversations.get(id);
    if (conversation === undefined) return;
    const { coordinator } = conversation;
    if (kind === "patience") {
      this.onPatienceOver(conversation);
      return;
    }
    switch (coordinator.kind) {
      case "get":
        if (!coordinator.replied) this.onReadFailed(conversation, coordinator);
        this.concludeRead(coordinator);
        break;
      case "put":
        if (!coordinator.replied) this.failWrite(conversation, coordinator);
        this.concludeWrite(coordinator, coordinator.enough ? "ok" : "quorum-not-met");
        break;
      case "forward":
        this.failForward(conversation, coordinator);
        break;
    }
  }

  private onPatienceOver(conversation: Conversation): void {
    const { coordinator } = conversation;
    if (coordinator.kind !== "forward") {
      for (const node of coordinator.participants.silent()) {
        this.counters.silences++;
        this.out.emit({ type: "silent", node, key: coordinator.key });
      }
    } else if (coordinator.request.method === "get") {
      this.tryNext(conversation, coordinator);
    }
  }

  // Small things ----------------------------------------------------------------------------------

  private call(
    conversation: Conversation,
    to: NodeId,
    request: PeerRequest,
    timeoutMs: number,
  ): void {
    const id = this.out.call(to, request, timeoutMs);
    this.conversations.addCall(id, conversation, to, this.out.now);
  }

  private watch(conversation: number, startedAt: Micros, timeoutMs: number): void {
    const patienceMs = Math.min(this.config.patienceMs, timeoutMs);
    this.deadlines.add(startedAt + patienceMs * MICROS_PER_MS, { kind: "patience", conversation });
    this.deadlines.add(startedAt + timeoutMs * MICROS_PER_MS, { kind: "timeout", conversation });
  }

  private armTimer(): void {
    const at = this.deadlines.next;
    if (at === undefined || (this.wake !== null && this.wake.at <= at)) return;
    this.wake = { id: this.out.timer(at), at };
  }

  private finish({ origin }: Conversation, reply: ClientReply): void {
    switch (origin.kind) {
      case "client":
        this.requestsInFlight--;
        if (reply.status === "error") this.counters.requestsFailed++;
        else this.counters.requestsServed++;
        this.out.respond(origin.request, reply);
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

  private respondError(request: number, error: DynamoError): void {
    this.out.respond(request, { status: "error", error });
  }

  private noteStorageFailure(key: string, reason: string): void {
    this.counters.storageFailures++;
    this.out.emit({ type: "storage-failed", key, reason });
  }
}

function mayTryElsewhere(error: DynamoError): boolean {
  return error.definite &&
    (error.code === "wrong-owner" || error.code === "too-late" || error.code === "overloaded");
}

function reasonOf(reply: PeerReply): string {
  return reply.status === "error" ? reply.error.message : `unexpected answer '${reply.status}'`;
}
