/**
 * The interface of the simulated cluster for its parts and its driver: the clock, the machines, and the
 * services that the parts offer each other. `simulation.ts` implements it.
 */
import type { Ring } from "../../dynamo/ring/ring.ts";
import type { AdminReply } from "../../dynamo/types/admin.ts";
import type { ClientRequest } from "../../dynamo/types/client_messages.ts";
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { Member } from "../../dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../dynamo/types/initial_config.ts";
import type { MembershipAct } from "../../dynamo/types/membership_plan.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { StoredRecord } from "../../dynamo/types/records.ts";
import type { Fault } from "../faults/faults.ts";
import type { Destroyed, DiskWatcher } from "./disk.ts";
import type { Machine, Route } from "./machine.ts";
import type { Network } from "./network.ts";
import type { ClientOutcome, Packet, Task } from "./tasks.ts";
import type { TraceHash } from "./trace_hash.ts";
import type { Tracer } from "./tracer.ts";

export interface World {
  /** Virtual time since the start, µs. */
  readonly now: number;
  readonly tracer: Tracer | null;
  readonly hash: TraceHash;
  readonly initialConfig: InitialClusterConfig;
  readonly machines: readonly Machine[];
  /** The ring as the first running member knows it. */
  readonly ring: Ring;
  readonly driver: Driver;
  readonly router: MessageRouting;
  readonly processes: ProcessControl;
  readonly orders: MembershipOrdering;
  readonly faults: Healing;
  /** All scheduled tasks, in no particular order. */
  readonly waiting: readonly Task[];
  /** No message and no disk access is in progress: only timers and wake-ups are left. */
  readonly isQuiet: boolean;
  schedule(at: number, task: Task): void;
  /** A copy as a wire or a disk makes one. */
  copied<T>(value: T): T;
  /** The index of a node among `machines`. Throws if there is no such node. */
  indexOf(node: string): number;
  machine(index: number): Machine;
  /** The member entry of a member or spare. */
  memberOf(node: string): Member;
  /** Sends a client's request to a node. The driver's `answered` gets the outcome with the token. */
  ask(node: number, token: number, request: ClientRequest): void;
  /** Calls the driver's `woken` with the token at that time. */
  wakeAt(at: number, token: number): void;
  scheduleFault(fault: Fault): void;
  /** Begins the fault now. */
  inject(fault: Fault): void;
}

/** Sends requests to the cluster and gets the outcomes. It is cloned with the simulation. */
export interface Driver {
  begin(world: World): void;
  /** A time that was requested with `wakeAt` has come. */
  woken(world: World, token: number): void;
  answered(world: World, token: number, outcome: ClientOutcome): void;
  /** A record became durable on a node. */
  committed?(node: number, key: string, record: StoredRecord, at: number): void;
  /** A node's copy is gone or unreadable. */
  destroyed?(node: number, key: string, how: Destroyed, at: number): void;
  /** A node has dropped its copy. */
  removed?(node: number, key: string): void;
  /**
   * A node sent membership state or its incarnation. `notDurable` names the part that was not yet on
   * its disk; null if all of it was.
   */
  stateSent?(node: number, notDurable: string | null, at: number): void;
  /** A machine was destroyed so that its node can be removed. `dataId`: its data directory. */
  removalStarted?(node: number, dataId: string): void;
  /** The node could not be removed. It is still a member, with this data directory. */
  removalFailed?(node: number, dataId: string): void;
  clone(): Driver;
}

/** `message_router.ts` */
interface MessageRouting {
  readonly network: Network<Packet>;
  nextId(): number;
  call(caller: Machine, effect: Effect & { kind: "call" }): void;
  respond(machine: Machine, effect: Effect & { kind: "respond" }): void;
  failCaller(callee: Machine, route: Route, undelivered: boolean, reason: string): void;
  liftRule(id: number): void;
}

/** `processes.ts` */
interface ProcessControl {
  /** The number of replicas' observations, by type. */
  readonly observations: ReadonlyMap<Observation["type"], number>;
  start(machine: Machine): void;
  stop(machine: Machine, torn: number): void;
  destroy(machine: Machine): void;
  resume(machine: Machine): void;
  diskWatcher(machine: Machine): DiskWatcher;
  arrive(machine: Machine, boot: number, event: Event, route: Route | null, ready: boolean): void;
}

/** `membership_orders.ts` */
interface MembershipOrdering {
  readonly isIdle: boolean;
  request(world: World, act: MembershipAct, removedDataId?: string | null): void;
  isBeingRemoved(node: string): boolean;
  answered(world: World, id: number, attempt: number, reply: AdminReply | null): void;
}

/** `fault_driver.ts` */
interface Healing {
  heal(world: World): void;
}
