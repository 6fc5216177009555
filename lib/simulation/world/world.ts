/**
 * The simulated cluster as its own parts and its driver see it: the clock, the machines, and the
 * services that the parts do for each other. `simulation.ts` puts them together.
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
  /** Virtual µs since the start. */
  readonly now: number;
  readonly tracer: Tracer | null;
  readonly hash: TraceHash;
  readonly initialConfig: InitialClusterConfig;
  readonly machines: readonly Machine[];
  /** Who owns a key, as the first running member sees it. */
  readonly ring: Ring;
  readonly driver: Driver;
  readonly router: MessageRouting;
  readonly processes: ProcessControl;
  readonly orders: MembershipOrdering;
  readonly faults: Healing;
  /** What waits for its moment, in no particular order. */
  readonly waiting: readonly Task[];
  /** Nothing is on its way: only timers and wakes are left. */
  readonly isQuiet: boolean;
  schedule(at: number, task: Task): void;
  /** As it comes out at the other end of a wire or a disk. */
  copied<T>(value: T): T;
  /** The index of a node among `machines`. Throws for one that is not there. */
  indexOf(node: string): number;
  machine(index: number): Machine;
  /** The node as a member of the cluster, whether it is one or not yet. */
  memberOf(node: string): Member;
  /** Sends a client's request to a node; the driver is `answered` with the token. */
  ask(node: number, token: number, request: ClientRequest): void;
  /** The driver is `woken` with the token at that moment. */
  wakeAt(at: number, token: number): void;
  scheduleFault(fault: Fault): void;
  /** Has the fault happen now. */
  inject(fault: Fault): void;
}

/** Asks for things and is told what came of them. Cloned along with the simulation. */
export interface Driver {
  begin(world: World): void;
  /** A moment that was asked for with `wakeAt`. */
  woken(world: World, token: number): void;
  answered(world: World, token: number, outcome: ClientOutcome): void;
  /** A record became durable on a node. */
  committed?(node: number, key: string, record: StoredRecord, at: number): void;
  /** A node's copy is gone, or cannot be read any more. */
  destroyed?(node: number, key: string, how: Destroyed, at: number): void;
  /** A node has let go of its copy. */
  removed?(node: number, key: string): void;
  /** A message left the node; `what` of it was not on its disk yet, null when all of it was. */
  told?(node: number, what: string | null, at: number): void;
  /** A machine was taken out, so that its node is removed: its data directory was this one. */
  removedWith?(node: number, dataId: string): void;
  /** The node could not be removed, and stays a member by that directory. */
  stays?(node: number, dataId: string): void;
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
  /** How often replicas observed what, by type. */
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
  give(world: World, act: MembershipAct, takenOut?: string | null): void;
  isToGo(node: string): boolean;
  answered(world: World, id: number, attempt: number, reply: AdminReply | null): void;
}

/** `fault_driver.ts` */
interface Healing {
  heal(world: World): void;
}
