/**
 * Who may look on: the driver of the workload, which asks for things, and the tracer, which sees
 * everything and changes nothing.
 */
import type { ClientReply, Effect, Event, StoredRecord } from "../../dynamo/types/events.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { Fault, FaultLeg } from "../faults/faults.ts";
import type { Operation } from "../workload/history.ts";
import type { Destroyed } from "./disk.ts";
import type { Simulation } from "./simulation.ts";

/** How a client's exchange with a node ended. */
export type ClientOutcome =
  | { readonly kind: "reply"; readonly reply: ClientReply }
  /** The node was not there: it never saw the request. */
  | { readonly kind: "refused" }
  /** The connection broke: it may have. */
  | { readonly kind: "reset" };

/** Asks for things and is told what came of them. Cloned along with the simulation. */
export interface Driver {
  begin(world: Simulation): void;
  /** A moment that was asked for with `wakeAt`. */
  woken(world: Simulation, token: number): void;
  answered(world: Simulation, token: number, outcome: ClientOutcome): void;
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

/** A message as a tracer sees it; `id` is the same for its sending and its arrival. */
export interface TracedMessage {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly leg: FaultLeg;
  /** A request or a reply of the seam (`lib/dynamo/types/events.ts`). */
  readonly content: unknown;
}

/** Sees everything as it happens, for transcripts, diagrams and the time machine. Not cloned. */
export interface Tracer {
  sent?(message: TracedMessage, at: number): void;
  arrived?(id: number, at: number): void;
  /** Dropped, refused, or at a node that was not there. */
  lost?(id: number, at: number, why: string): void;
  /** A replica took one step. */
  stepped?(node: string, event: Event, effects: readonly Effect[], at: number): void;
  observed?(node: string, observation: Observation, at: number): void;
  started?(operation: Operation, at: number): void;
  ended?(operation: Operation, at: number): void;
  /** A fault began or ended; a node was started. */
  acted?(at: number, text: string, fault: Fault | null): void;
}
