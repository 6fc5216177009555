/** A tracer sees everything that happens in a simulation, and changes nothing. */
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { MessageLeg } from "../../random/latency.ts";
import type { Fault } from "../faults/faults.ts";
import type { Operation } from "../workload/history.ts";

/** A message as a tracer sees it; `id` is the same for its sending and its arrival. */
export interface TracedMessage {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly leg: MessageLeg;
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
