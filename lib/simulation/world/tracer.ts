/** A tracer observes everything that happens in a simulation, without changing it. */
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { MessageLeg } from "../../random/latency.ts";
import type { Fault } from "../faults/faults.ts";
import type { Operation } from "../workload/history.ts";

/** A message as a tracer sees it. Its sending and its arrival have the same `id`. */
export interface TracedMessage {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly leg: MessageLeg;
  /** A request or a reply (`lib/dynamo/types/events.ts`). */
  readonly content: unknown;
}

/** For transcripts, diagrams and the time machine. A clone of a simulation has no tracer. */
export interface Tracer {
  sent?(message: TracedMessage, at: number): void;
  arrived?(id: number, at: number): void;
  /** The message was dropped or refused, or its receiver was down. */
  lost?(id: number, at: number, why: string): void;
  /** A replica took one step. */
  stepped?(node: string, event: Event, effects: readonly Effect[], at: number): void;
  observed?(node: string, observation: Observation, at: number): void;
  started?(operation: Operation, at: number): void;
  ended?(operation: Operation, at: number): void;
  /** A fault began or ended; a node was started. */
  acted?(at: number, text: string, fault: Fault | null): void;
}
