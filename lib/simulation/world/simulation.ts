/**
 * A cluster in virtual time: replicas, and a host that executes their effects on simulated networks,
 * disks and clocks.
 *
 * One loop takes the next task from a queue ordered by (at, seq) and executes it. Nothing else makes time
 * pass, so a seed determines a run to the microsecond. The host makes no protocol decisions. Unlike
 * `nodes/` it can fail on demand. Messages, records and requests can be copied through JSON, like on a
 * wire or a disk, because shared references would hide bugs.
 *
 * The whole state can be cloned at any time, and the clone reaches the same trace hash.
 */
import { Ring } from "../../dynamo/ring/ring.ts";
import type { ClientRequest } from "../../dynamo/types/client_messages.ts";
import type { Member } from "../../dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../dynamo/types/initial_config.ts";
import { EventQueue } from "../../dynamo/util/event_queue.ts";
import type { Distribution, Legs } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { FaultDriver } from "../faults/fault_driver.ts";
import type { Fault } from "../faults/faults.ts";
import { SimulatedDisk } from "./disk.ts";
import type { FaultHook } from "./fault_hook.ts";
import { Machine } from "./machine.ts";
import { MembershipOrders } from "./membership_orders.ts";
import { MessageRouter } from "./message_router.ts";
import { Network, type NetworkCounters } from "./network.ts";
import { Processes } from "./processes.ts";
import { type Answer, isMoving, type Packet, type Task } from "./tasks.ts";
import { TraceHash } from "./trace_hash.ts";
import type { Tracer } from "./tracer.ts";
import type { Driver, World } from "./world.ts";

export interface SimulationOptions {
  readonly initialConfig: InitialClusterConfig;
  /** Nodes that may join later. */
  readonly spares?: readonly Member[];
  readonly seed: number;
  readonly latency: Legs;
  readonly clientLatency: Distribution;
  readonly disk: { readonly load: Distribution; readonly store: Distribution };
  /** Copies every message, request and record through JSON. This does not change the trace hash. */
  readonly json: boolean;
  readonly driver: Driver;
  readonly hook?: FaultHook;
}

const TASKS_MAX = 10_000_000;

export class Simulation implements World {
  /** Virtual time since the start, µs. */
  now = 0;
  tracer: Tracer | null = null;
  readonly initialConfig: InitialClusterConfig;
  readonly orders: MembershipOrders;
  readonly driver: Driver;
  readonly machines: readonly Machine[];
  readonly faults: FaultDriver;
  readonly router: MessageRouter;
  readonly processes: Processes;
  readonly hash: TraceHash;
  private readonly queue: EventQueue<Task>;
  private readonly indexes: ReadonlyMap<string, number>;

  constructor(private readonly options: SimulationOptions, original?: Simulation) {
    const { initialConfig, driver, seed, hook } = options;
    this.initialConfig = initialConfig;
    this.driver = driver;
    this.indexes = new Map(membersOf(options).map((member, i) => [member.id, i]));
    if (original !== undefined) {
      this.orders = original.orders.clone();
      this.machines = original.machines.map((machine) => machine.clone());
      this.faults = original.faults.clone();
      this.router = original.router.clone(this);
      this.processes = original.processes.clone(this);
      this.hash = original.hash.clone();
      this.queue = original.queue.clone();
      this.now = original.now;
      return;
    }
    const root = SeededRandom.from(seed);
    this.orders = new MembershipOrders(root.child("membership"));
    this.machines = machinesOf(options, root);
    this.faults = new FaultDriver(root.child("faults"));
    const network = new Network<Packet>(options.latency, options.clientLatency);
    this.router = new MessageRouter(this, network, root.child("client links"));
    this.processes = new Processes(this, hook ?? null);
    this.hash = new TraceHash();
    this.queue = new EventQueue();
    for (const machine of this.machines.slice(0, initialConfig.members.length)) {
      this.processes.start(machine);
    }
    driver.begin(this);
  }

  /** An independent copy that reaches the same trace hash. It has no tracer. */
  clone(): Simulation {
    return new Simulation({ ...this.options, driver: this.driver.clone() }, this);
  }

  // Running ---------------------------------------------------------------------------------------

  /** The ring as the first running member knows it; the initial ring if none is running. */
  get ring(): Ring {
    for (const { id, replica } of this.machines) {
      if (replica?.membership.isActive(id) === true) return replica.ring;
    }
    return Ring.over(this.initialConfig.ring, this.initialConfig.config.n);
  }

  /** The member entry of a member or spare. Throws for any other node. */
  memberOf(node: string): Member {
    return membersOf(this.options)[this.indexOf(node)] as Member;
  }

  /** The time of the next task; undefined if there is none. */
  get nextAt(): number | undefined {
    return this.queue.nextAt;
  }

  /** No message and no disk access is in progress: only timers and wake-ups are left. */
  get isQuiet(): boolean {
    return this.router.network.heldCount === 0 && !this.queue.waiting().some(isMoving);
  }

  /** The number of steps that replicas have taken, also called protocol events. */
  get steps(): number {
    return this.processes.steps;
  }

  get traceHash(): string {
    return this.hash.hex;
  }

  get messageCounters(): Readonly<NetworkCounters> {
    return this.router.network.counters;
  }

  /** All scheduled tasks in no particular order, for drawing messages in flight. */
  get waiting(): readonly Task[] {
    return this.queue.waiting();
  }

  /** Executes the next task; false if there is none. */
  step(): boolean {
    const at = this.queue.nextAt;
    if (at === undefined) return false;
    const task = this.queue.pop() as Task;
    this.now = at;
    switch (task.kind) {
      case "delivery":
        this.router.deliver(task);
        break;
      case "arrival":
        this.processes.arrive(
          this.machine(task.node),
          task.boot,
          task.event,
          task.route,
          task.ready,
        );
        break;
      case "disk":
        this.processes.finishDisk(task);
        break;
      case "timer":
        this.processes.onTimer(this.machine(task.node), task.boot);
        break;
      case "answer":
        this.answer(task);
        break;
      case "wake":
        this.driver.woken(this, task.token);
        break;
      case "fault":
        this.inject(task.fault);
        break;
      case "backup":
        this.faults.backUp(this, task.fault);
        break;
      case "lift":
        this.faults.lift(this, task.act);
        break;
      case "order":
        this.orders.retry(this, task.order, task.attempt);
        break;
    }
    return true;
  }

  /** Runs all tasks up to and including `at` (virtual µs). */
  runUntil(at: number): void {
    while ((this.queue.nextAt ?? Infinity) <= at) this.step();
    this.now = Math.max(this.now, at);
  }

  schedule(at: number, task: Task): void {
    if (this.queue.size >= TASKS_MAX) {
      throw new Error(`Cannot schedule more than ${TASKS_MAX} tasks at once`);
    }
    this.queue.push(at, task);
  }

  /** A copy through JSON, as a wire or a disk makes one, if the simulation does that. */
  copied<T>(value: T): T {
    return this.options.json ? JSON.parse(JSON.stringify(value)) as T : value;
  }

  // For drivers -----------------------------------------------------------------------------------

  /** The index of a node among `machines`. Throws if it is neither a member nor a spare. */
  indexOf(node: string): number {
    const index = this.indexes.get(node);
    if (index === undefined) throw new Error(`There is no node '${node}' in the simulation`);
    return index;
  }

  machine(index: number): Machine {
    return this.machines[index] as Machine;
  }

  /** Sends a client's request to a node. The driver's `answered` gets the outcome with the token. */
  ask(node: number, token: number, request: ClientRequest): void {
    this.router.ask(this.machine(node), token, request);
  }

  /** Calls the driver's `woken` with the token at that time. */
  wakeAt(at: number, token: number): void {
    this.schedule(Math.max(at, this.now), { kind: "wake", token });
  }

  /** Schedules the fault for its time. */
  scheduleFault(fault: Fault): void {
    const at = (ms: number) => Math.max(this.now, Math.round(ms * 1_000));
    this.schedule(at(fault.atMs), { kind: "fault", fault });
    if (fault.kind === "restore") {
      this.schedule(at(fault.atMs - fault.agoMs), { kind: "backup", fault });
    }
  }

  /** Begins the fault now. A fault with a duration ends by itself. */
  inject(fault: Fault): void {
    this.hash.fault(this.now, JSON.stringify(fault));
    this.faults.begin(this, fault);
  }

  private answer({ token, outcome, message }: Answer): void {
    this.tracer?.arrived?.(message, this.now);
    this.hash.answer(this.now, token, outcome);
    this.driver.answered(this, token, outcome);
  }
}

function membersOf({ initialConfig, spares = [] }: SimulationOptions): readonly Member[] {
  return [...initialConfig.members, ...spares];
}

function machinesOf(options: SimulationOptions, root: SeededRandom): Machine[] {
  const { disk } = options;
  return membersOf(options).map(({ id, zone }, i) => {
    const own = root.child(`node ${id}`);
    const drive = new SimulatedDisk(disk.load, disk.store, own.child("disk"));
    return new Machine(i, id, zone, drive, own.child("network"), own.child("replica"));
  });
}
