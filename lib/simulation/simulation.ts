/**
 * A cluster in virtual time: N replicas, and a host that carries out their effects over a simulated
 * network, disks and clocks.
 *
 * One loop takes the next thing from a heap ordered by (at, seq) and does it; nothing else makes time
 * pass, so a seed determines a run to the microsecond. The host holds no protocol decisions; what it
 * does beyond `nodes/` is to fail on demand. Messages, records and requests can be sent through JSON,
 * as a wire and a disk would: a shared reference would hide bugs that those show.
 *
 * The whole state can be cloned at any moment, and the clone goes on to the same trace hash.
 */
import type {
  ClientReply,
  ClientRequest,
  Effect,
  Event,
  Founding,
  Observation,
  PeerReply,
  Reply,
} from "../dynamo/events.ts";
import { Ring } from "../dynamo/ring.ts";
import type { Versioning } from "../dynamo/versions.ts";
import type { Distribution, Legs } from "../random/latency.ts";
import { SeededRandom } from "../random/seeded.ts";
import { type DiskOperation, type DiskWatcher, SimulatedDisk } from "./disk.ts";
import { EventHeap } from "./event_heap.ts";
import { FaultDriver } from "./fault_driver.ts";
import { CLIENTS, type Fault, type FaultLeg } from "./faults.ts";
import type { InTransit } from "./link_rules.ts";
import { type Arrival, BACKLOG_MAX, Machine, type Route } from "./machine.ts";
import { Network } from "./network.ts";
import type { Sabotage } from "./sabotage.ts";
import { TraceHash } from "./trace_hash.ts";
import type { ClientOutcome, Driver, Tracer } from "./watchers.ts";

export interface SimulationOptions {
  readonly founding: Founding;
  readonly seed: number;
  readonly latency: Legs;
  readonly clientLatency: Distribution;
  readonly disk: { readonly load: Distribution; readonly store: Distribution };
  /** Every message, request and record goes through JSON. The trace hash is the same. */
  readonly json: boolean;
  readonly driver: Driver;
  readonly sabotage?: Sabotage;
}

/** Something addressed to a process: it counts only for the incarnation that was meant. */
interface Delivery {
  readonly kind: "delivery";
  readonly node: number;
  /** The incarnation that it was sent to; `ANY_BOOT` when the node was down then. */
  readonly boot: number;
  readonly event: Event;
  readonly route: Route | null;
  /** For the tracer; 0 when there was no message. */
  readonly message: number;
  /** A copy is made so long after the arrival, µs; -1 for none. */
  readonly copyAfterUs: number;
}

/** Something that has reached a machine whose process was not free for it. */
interface Waiting extends Arrival {
  readonly kind: "arrival";
  readonly node: number;
  readonly boot: number;
  /** Its turn was reserved; otherwise a slow process makes it wait once more. */
  readonly ready: boolean;
}

/** A node's answer on its way to a client. */
interface Answer {
  readonly kind: "answer";
  readonly token: number;
  readonly outcome: ClientOutcome;
  readonly message: number;
}

/** What the network carries. */
type Parcel = Delivery | Answer;

type Task =
  | Parcel
  | Waiting
  | {
    readonly kind: "disk";
    readonly node: number;
    readonly boot: number;
    readonly operation: DiskOperation;
  }
  | { readonly kind: "timer"; readonly node: number; readonly boot: number }
  | { readonly kind: "wake"; readonly token: number }
  | { readonly kind: "fault"; readonly fault: Fault }
  | { readonly kind: "lift"; readonly act: number };

const ANY_BOOT = -1;
const TASKS_MAX = 10_000_000;
const EVENT_CODES: Readonly<Record<Event["kind"], number>> = {
  "client": 1,
  "peer": 2,
  "reply": 3,
  "call-failed": 4,
  "loaded": 5,
  "stored": 6,
  "storage-failed": 7,
  "timer": 8,
  "start": 9,
  "hints-scanned": 10,
  "scanned": 11,
  "admin": 12,
};
const ANSWER_CODE = 20;
const FAULT_CODE = 30;

export class Simulation {
  /** Virtual µs since the start. */
  now = 0;
  /** Steps that replicas took: what is meant by protocol events. */
  steps = 0;
  tracer: Tracer | null = null;
  readonly founding: Founding;
  /** The founding ring: who owns a key, whichever nodes are up. */
  readonly ring: Ring;
  readonly options: SimulationOptions;
  machines: readonly Machine[];
  driver: Driver;
  faults: FaultDriver;
  private network: Network<Parcel>;
  private hash = new TraceHash();
  private heap = new EventHeap<Task>();
  private sabotage: Sabotage | null;
  private readonly rules: Versioning | undefined;
  private readonly indexes: ReadonlyMap<string, number>;
  private readonly effects: Effect[] = [];
  private exchanges = 0;
  /** How often replicas observed what, by type. */
  readonly observations = new Map<Observation["type"], number>();
  /** Tasks that are neither timers nor wakes nor faults: when there are none, nothing moves. */
  private moving = 0;
  private clientRandom: SeededRandom;
  private readonly diskWatchers: DiskWatcher[];

  constructor(options: SimulationOptions, copyOf?: Simulation) {
    this.options = options;
    this.founding = options.founding;
    this.ring = copyOf?.ring ?? new Ring(options.founding.ring, options.founding.config.n);
    this.sabotage = options.sabotage ?? null;
    this.rules = this.sabotage?.rules?.(options.founding);
    this.driver = options.driver;
    this.indexes = new Map(this.founding.members.map((member, i) => [member.id, i]));
    const root = SeededRandom.from(options.seed);
    this.clientRandom = root.child("client links");
    this.network = new Network(options.latency, options.clientLatency);
    this.faults = new FaultDriver(root.child("faults"));
    this.machines = copyOf?.machines ?? this.founding.members.map((member, i) => {
      const own = root.child(`node ${member.id}`);
      const { load, store } = options.disk;
      const disk = new SimulatedDisk(load, store, own.child("disk"));
      const network = own.child("network");
      return new Machine(i, member.id, member.zone, disk, network, own.child("replica"));
    });
    this.diskWatchers = this.machines.map((machine) => this.watcherOf(machine.index));
    if (copyOf === undefined) {
      for (const machine of this.machines) this.start(machine);
      this.driver.begin(this);
    }
  }

  // Running ---------------------------------------------------------------------------------------

  /** The moment of the next task; undefined when nothing is left to do. */
  get nextAt(): number | undefined {
    return this.heap.nextAt;
  }

  /** Nothing is on its way: only timers and wakes are left. */
  get isQuiet(): boolean {
    return this.moving === 0 && this.network.heldCount === 0;
  }

  get traceHash(): string {
    return this.hash.hex;
  }

  get messageCounters() {
    return this.network.counters;
  }

  /** Does the next thing; false when there is none. */
  step(): boolean {
    const at = this.heap.nextAt;
    if (at === undefined) return false;
    const task = this.heap.pop() as Task;
    this.now = at;
    switch (task.kind) {
      case "delivery":
        this.moving--;
        this.deliver(task);
        break;
      case "arrival":
        this.moving--;
        this.arrive(this.machine(task.node), task.boot, task, task.ready);
        break;
      case "disk":
        this.moving--;
        this.finishDisk(task.node, task.boot, task.operation);
        break;
      case "timer":
        this.onTimer(this.machine(task.node), task.boot);
        break;
      case "answer":
        this.moving--;
        this.tracer?.arrived?.(task.message, at);
        this.answerClient(task.token, task.outcome);
        break;
      case "wake":
        this.driver.woken(this, task.token);
        break;
      case "fault":
        this.inject(task.fault);
        break;
      case "lift":
        this.faults.lift(this, task.act);
        break;
    }
    return true;
  }

  /** Runs until `at` (virtual µs) has passed, or nothing is left. */
  runUntil(at: number): void {
    while ((this.heap.nextAt ?? Infinity) <= at) this.step();
    this.now = Math.max(this.now, at);
  }

  /** An independent copy that goes on to the same trace hash. The tracer stays behind. */
  clone(): Simulation {
    const driver = this.driver.clone();
    const sabotage = this.sabotage?.clone();
    const options = { ...this.options, driver, ...(sabotage === undefined ? {} : { sabotage }) };
    const copy = new Simulation(options, this);
    copy.machines = this.machines.map((machine) => machine.clone());
    copy.now = this.now;
    copy.steps = this.steps;
    copy.faults = this.faults.clone();
    copy.network = this.network.clone();
    copy.hash = this.hash.clone();
    // Tasks are never changed once they are scheduled: the copies share them.
    copy.heap = this.heap.clone((task) => task);
    for (const [type, count] of this.observations) copy.observations.set(type, count);
    copy.exchanges = this.exchanges;
    copy.moving = this.moving;
    copy.clientRandom = this.clientRandom.clone();
    return copy;
  }

  // For drivers -----------------------------------------------------------------------------------

  /** The index of a node among `machines`. Throws for one that is not a member. */
  indexOf(node: string): number {
    const index = this.indexes.get(node);
    if (index === undefined) throw new Error(`Cannot find node '${node}' among the members`);
    return index;
  }

  machine(index: number): Machine {
    return this.machines[index] as Machine;
  }

  /** Sends a client's request to a node; the driver is `answered` with the token. */
  ask(node: number, token: number, request: ClientRequest): void {
    const machine = this.machine(node);
    const id = ++this.exchanges;
    const event: Event = { kind: "client", id, request: this.copied(request) };
    const delayUs = this.network.clientDelayUs(this.clientRandom);
    const route: Route = { kind: "client", token };
    const message = { from: CLIENTS, to: machine.id, leg: "other", content: request } as const;
    this.send(message, delayUs, this.deliveryTo(machine, event, route, id));
  }

  /** The driver is `woken` with the token at that moment. */
  wakeAt(at: number, token: number): void {
    this.schedule(Math.max(at, this.now), { kind: "wake", token });
  }

  // Faults: acts of `FaultDriver` ------------------------------------------------------------------

  /** Has the fault happen at its moment. */
  scheduleFault(fault: Fault): void {
    this.schedule(Math.max(this.now, Math.round(fault.atMs * 1_000)), { kind: "fault", fault });
  }

  /** Has the fault happen now; it ends by itself if it is one that lasts. */
  inject(fault: Fault): void {
    this.hash.begin(this.now, -1, FAULT_CODE);
    this.hash.text(JSON.stringify(fault));
    this.faults.begin(this, fault);
  }

  /** Ends an act of the fault driver after so long. */
  liftAfter(delayUs: number, act: number): void {
    this.schedule(this.now + delayUs, { kind: "lift", act });
  }

  get links(): Network<unknown> {
    return this.network;
  }

  /** Lifts a network rule and lets go of what it held back. */
  liftRule(id: number): void {
    for (const { message, parcel } of this.network.liftRule(id)) {
      // Judged anew: another rule may still be in the way.
      this.route(message, 0, parcel);
    }
  }

  start(machine: Machine): void {
    const { sabotage } = this;
    machine.start(this.founding, (boot) => sabotage?.boot?.(boot) ?? boot, this.rules);
    this.tracer?.acted?.(this.now, `${machine.id} starts, incarnation ${machine.boot}`, null);
    this.tellLater(machine, { kind: "start" });
  }

  /** Ends a process as it stands. Whoever waits for it sees the connection break. */
  stop(machine: Machine, torn: number): void {
    for (const route of machine.stop()) this.failCaller(machine, route, false, "connection reset");
    machine.disk.interrupt(torn, this.diskWatcher(machine));
  }

  /** Lets the process go on with what has come in meanwhile. */
  resume(machine: Machine): void {
    const { backlog, boot, index: node } = machine;
    machine.backlog = [];
    for (const { event, route } of backlog) {
      this.schedule(this.now, { kind: "arrival", node, boot, event, route, ready: false });
    }
  }

  diskWatcher(machine: Machine): DiskWatcher {
    return this.diskWatchers[machine.index] as DiskWatcher;
  }

  // Messages --------------------------------------------------------------------------------------

  private schedule(at: number, task: Task): void {
    if (this.heap.size >= TASKS_MAX) {
      throw new Error(`Cannot schedule more than ${TASKS_MAX} tasks at once`);
    }
    if (
      task.kind !== "timer" && task.kind !== "wake" && task.kind !== "fault" && task.kind !== "lift"
    ) {
      this.moving++;
    }
    this.heap.push(at, task);
  }

  private deliveryTo(
    machine: Machine,
    event: Event,
    route: Route | null,
    message: number,
  ): Delivery {
    const boot = machine.isUp ? machine.boot : ANY_BOOT;
    const node = machine.index;
    return { kind: "delivery", node, boot, event, route, message, copyAfterUs: -1 };
  }

  private send(message: InTransit, delayUs: number, parcel: Parcel): void {
    this.network.counters.messages++;
    this.tracer?.sent?.({ ...message, id: parcel.message }, this.now);
    if (this.network.hasRules) this.route(message, delayUs, parcel);
    else this.schedule(this.now + delayUs, parcel);
  }

  private route(message: InTransit, delayUs: number, parcel: Parcel): void {
    const verdict = this.network.judge(message, this.now, parcel);
    switch (verdict.kind) {
      case "pass":
        this.schedule(this.now + delayUs, parcel);
        break;
      case "deliver": {
        // A client's exchange is never doubled: nothing in it would tell a copy from a second wish.
        const copyAfterUs = verdict.copyAfterUs ?? -1;
        const doubled = copyAfterUs >= 0 && parcel.kind === "delivery" &&
          parcel.event.kind !== "client";
        const carried = doubled ? { ...parcel, copyAfterUs } : parcel;
        this.schedule(this.now + delayUs + verdict.laterUs, carried);
        break;
      }
      case "hold":
        break;
      case "drop":
        this.tracer?.lost?.(parcel.message, this.now, "dropped");
        break;
      case "refuse":
        this.tracer?.lost?.(parcel.message, this.now, "no route");
        if (parcel.kind === "delivery" && parcel.route !== null) {
          // The sender's own router says so: nothing has to travel.
          this.tellCaller(parcel.route, true, "no route to host");
        }
        break;
    }
  }

  private deliver(delivery: Delivery): void {
    const machine = this.machine(delivery.node);
    const meant = delivery.boot === ANY_BOOT || delivery.boot === machine.boot;
    if (!machine.isUp || !meant) {
      this.tracer?.lost?.(delivery.message, this.now, "nobody there");
      // A connection that never was is certain; one that broke could have carried the message.
      const certain = delivery.boot === ANY_BOOT;
      const reason = certain ? "connection refused" : "connection reset";
      if (delivery.route !== null) this.failCaller(machine, delivery.route, certain, reason);
      return;
    }
    this.tracer?.arrived?.(delivery.message, this.now);
    if (delivery.copyAfterUs >= 0) this.sendCopy(delivery);
    this.arrive(machine, machine.boot, delivery, false);
  }

  /** Once the original has arrived, so that no failure can be told of what a copy did. */
  private sendCopy({ node, boot, event, copyAfterUs }: Delivery): void {
    const isRequest = event.kind === "peer";
    const copy = isRequest ? { ...event, id: ++this.exchanges } : event;
    this.schedule(this.now + copyAfterUs, {
      kind: "delivery",
      node,
      boot,
      event: copy,
      route: isRequest ? { kind: "nobody" } : null,
      message: 0,
      copyAfterUs: -1,
    });
  }

  /** The sender of a request hears over the network that it failed; the sender of an answer does not. */
  private failCaller(callee: Machine, route: Route, undelivered: boolean, reason: string): void {
    switch (route.kind) {
      case "client":
        this.sendToClient(callee, route.token, { kind: undelivered ? "refused" : "reset" });
        break;
      case "node": {
        const caller = this.machine(route.node);
        const event: Event = { kind: "call-failed", id: route.call, undelivered, reason };
        const delayUs = this.network.delayUs("other", false, caller.networkRandom);
        const message = { from: callee.id, to: caller.id, leg: "other", content: event } as const;
        const delivery = this.deliveryTo(caller, event, null, ++this.exchanges);
        this.send(message, delayUs, { ...delivery, boot: route.boot });
        break;
      }
      case "nobody":
        break;
    }
  }

  private tellCaller(route: Route, undelivered: boolean, reason: string): void {
    if (route.kind === "client") {
      const outcome = { kind: undelivered ? "refused" : "reset" } as const;
      this.schedule(this.now, { kind: "answer", token: route.token, outcome, message: 0 });
    } else if (route.kind === "node") {
      const event: Event = { kind: "call-failed", id: route.call, undelivered, reason };
      const delivery = this.deliveryTo(this.machine(route.node), event, null, 0);
      this.schedule(this.now, { ...delivery, boot: route.boot });
    }
  }

  private sendToClient(machine: Machine, token: number, outcome: ClientOutcome): void {
    const delayUs = this.network.clientDelayUs(this.clientRandom);
    const content = outcome.kind === "reply" ? outcome.reply : outcome;
    const message = { from: machine.id, to: CLIENTS, leg: "other", content } as const;
    this.send(message, delayUs, { kind: "answer", token, outcome, message: ++this.exchanges });
  }

  // A process -------------------------------------------------------------------------------------

  /** Past the network and the disk: now the process must find the time for it. */
  private arrive(machine: Machine, boot: number, { event, route }: Arrival, ready: boolean): void {
    if (!machine.isUp || machine.boot !== boot) {
      if (route !== null) this.failCaller(machine, route, false, "connection reset");
      return;
    }
    if (machine.isPaused) {
      if (machine.backlog.length < BACKLOG_MAX) machine.backlog.push({ event, route });
      return;
    }
    if (machine.stepUs > 0 && !ready) {
      const turn = Math.max(this.now, machine.freeAt);
      machine.freeAt = turn + machine.stepUs;
      const { index: node } = machine;
      this.schedule(turn, { kind: "arrival", node, boot, event, route, ready: true });
      return;
    }
    if (route !== null && event.kind !== "start") machine.inbound.set(event.id, route);
    this.tell(machine, event);
  }

  private tell(machine: Machine, event: Event): void {
    const { sabotage } = this;
    const told = sabotage?.event === undefined ? event : sabotage.event(this, machine, event);
    if (told === null || machine.replica === null) return;
    this.hash.begin(this.now, machine.index, EVENT_CODES[told.kind]);
    this.hash.event(told);
    this.steps++;
    const { effects } = this;
    effects.length = 0;
    machine.replica.step(this.now + machine.clockOffsetUs, told, effects);
    const more = sabotage?.effects?.(machine, effects);
    this.tracer?.stepped?.(machine.id, told, effects, this.now);
    for (let i = 0; i < effects.length; i++) this.carryOut(machine, effects[i] as Effect);
    if (more !== undefined) { for (const next of more) this.tellLater(machine, next); }
  }

  private tellLater(machine: Machine, event: Event): void {
    const { index: node, boot } = machine;
    this.schedule(this.now, { kind: "arrival", node, boot, event, route: null, ready: true });
  }

  private carryOut(machine: Machine, effect: Effect): void {
    switch (effect.kind) {
      case "call":
        this.call(machine, effect);
        break;
      case "respond":
        this.respond(machine, effect.id, effect.reply);
        break;
      case "load":
      case "store":
      case "remove":
      case "scan":
      case "scan-hints":
        this.beginDisk(machine, machine.disk.begin(this.copied(effect)));
        break;
      case "proven":
        machine.disk.isProven = true;
        break;
      case "timer":
        this.setTimer(machine, effect.id, effect.at);
        break;
      case "emit":
        this.observations.set(
          effect.observation.type,
          (this.observations.get(effect.observation.type) ?? 0) + 1,
        );
        this.tracer?.observed?.(machine.id, effect.observation, this.now);
        break;
    }
  }

  private call(caller: Machine, effect: Effect & { kind: "call" }): void {
    const callee = this.machine(this.indexOf(effect.to));
    const [requestLeg, replyLeg] = legsOf(effect.request.method);
    const near = caller.zone !== undefined && caller.zone === callee.zone;
    const delayUs = this.network.delayUs(requestLeg, near, caller.networkRandom);
    const id = ++this.exchanges;
    const request = this.copied(effect.request);
    const event: Event = { kind: "peer", id, from: caller.id, request };
    const { index: node, boot } = caller;
    const route: Route = { kind: "node", node, boot, call: effect.id, leg: replyLeg };
    const message = { from: caller.id, to: callee.id, leg: requestLeg, content: request };
    this.send(message, delayUs, this.deliveryTo(callee, event, route, id));
  }

  private respond(machine: Machine, id: number, given: Reply): void {
    const route = machine.inbound.get(id);
    if (route === undefined) throw new Error(`Node ${machine.id} answers request ${id} twice`);
    machine.inbound.delete(id);
    const reply = this.copied(given);
    switch (route.kind) {
      case "client":
        this.sendToClient(machine, route.token, { kind: "reply", reply: reply as ClientReply });
        break;
      case "node": {
        const caller = this.machine(route.node);
        const near = caller.zone !== undefined && caller.zone === machine.zone;
        const delayUs = this.network.delayUs(route.leg, near, caller.networkRandom);
        const event: Event = { kind: "reply", id: route.call, reply: reply as PeerReply };
        const message = { from: machine.id, to: caller.id, leg: route.leg, content: reply };
        const delivery = this.deliveryTo(caller, event, null, ++this.exchanges);
        this.send(message, delayUs, { ...delivery, boot: route.boot });
        break;
      }
      case "nobody":
        break;
    }
  }

  private beginDisk(machine: Machine, operation: DiskOperation): void {
    const { index: node, boot } = machine;
    const at = this.now + machine.disk.delayUs(operation);
    this.schedule(at, { kind: "disk", node, boot, operation });
  }

  private finishDisk(node: number, boot: number, operation: DiskOperation): void {
    const machine = this.machine(node);
    if (machine.boot !== boot || !machine.isUp) return;
    const answer = machine.disk.finish(operation, this.diskWatcher(machine));
    if (answer !== undefined) {
      this.arrive(machine, boot, { event: this.copied(answer), route: null }, false);
    }
  }

  /** A timer runs for a duration, as `setTimeout` does: setting the clock does not move it. */
  private setTimer(machine: Machine, id: number, at: number): void {
    const due = Math.max(this.now, at - machine.clockOffsetUs);
    machine.timerId = id;
    machine.timerDue = due;
    if (due < machine.timerScheduled) {
      machine.timerScheduled = due;
      this.schedule(due, { kind: "timer", node: machine.index, boot: machine.boot });
    }
  }

  /** Only the earliest setting is in the heap; one that was put off is scheduled again here. */
  private onTimer(machine: Machine, boot: number): void {
    if (machine.boot !== boot || machine.timerScheduled !== this.now) return;
    machine.timerScheduled = Infinity;
    if (machine.timerDue > this.now) {
      if (machine.timerDue === Infinity) return;
      machine.timerScheduled = machine.timerDue;
      this.schedule(machine.timerDue, { kind: "timer", node: machine.index, boot });
      return;
    }
    machine.timerDue = Infinity;
    const event: Event = { kind: "timer", id: machine.timerId };
    this.arrive(machine, boot, { event, route: null }, false);
  }

  private answerClient(token: number, outcome: ClientOutcome): void {
    this.hash.begin(this.now, -1, ANSWER_CODE);
    this.hash.word(token);
    if (outcome.kind === "reply") this.hash.clientReply(outcome.reply);
    else this.hash.text(outcome.kind);
    this.driver.answered(this, token, outcome);
  }

  private copied<T>(value: T): T {
    return this.options.json ? JSON.parse(JSON.stringify(value)) as T : value;
  }

  private watcherOf(node: number): DiskWatcher {
    return {
      committed: (key, record) => this.driver.committed?.(node, key, record, this.now),
      destroyed: (key, how) => this.driver.destroyed?.(node, key, how, this.now),
    };
  }
}

/** The legs of a call's request and reply. */
function legsOf(method: string): readonly [FaultLeg, FaultLeg] {
  if (method === "replica.put") return ["W", "A"];
  return method === "replica.get" ? ["R", "S"] : ["other", "other"];
}
