/**
 * What may lie in the heap of a simulation, waiting for its moment. Tasks are never changed once they
 * are scheduled, so copies of a simulation share them.
 */
import type { ClientReply } from "../../dynamo/types/client_messages.ts";
import type { Event } from "../../dynamo/types/events.ts";
import type { Fault, RestoreFault } from "../faults/faults.ts";
import type { DiskOperation } from "./disk.ts";
import type { Arrival, Route } from "./machine.ts";

/** In place of an incarnation, when the node was down as a message was sent. */
export const ANY_BOOT = -1;

/** Something addressed to a process: it counts only for the incarnation that was meant. */
export interface Delivery {
  readonly kind: "delivery";
  readonly node: number;
  readonly boot: number;
  readonly event: Event;
  readonly route: Route | null;
  /** For the tracer; 0 when there was no message. */
  readonly message: number;
  /** A copy is made so long after the arrival, µs; -1 for none. */
  readonly copyAfterUs: number;
}

/** A node's answer on its way to a client. */
export interface Answer {
  readonly kind: "answer";
  readonly token: number;
  readonly outcome: ClientOutcome;
  readonly message: number;
}

/** What the network carries. */
export type Packet = Delivery | Answer;

/** Something that has reached a machine whose process was not free for it. */
interface Waiting extends Arrival {
  readonly kind: "arrival";
  readonly node: number;
  readonly boot: number;
  /** Its turn was reserved; otherwise a slow process makes it wait once more. */
  readonly ready: boolean;
}

export interface DiskWork {
  readonly kind: "disk";
  readonly node: number;
  readonly boot: number;
  readonly operation: DiskOperation;
}

export type Task =
  | Packet
  | Waiting
  | DiskWork
  | { readonly kind: "timer"; readonly node: number; readonly boot: number }
  | { readonly kind: "wake"; readonly token: number }
  | { readonly kind: "fault"; readonly fault: Fault }
  /** The disk that a node is to come back with is copied. */
  | { readonly kind: "backup"; readonly fault: RestoreFault }
  | { readonly kind: "lift"; readonly act: number }
  /** An act of membership is asked for again, unless the attempt was answered. */
  | { readonly kind: "order"; readonly order: number; readonly attempt: number };

/** Whether the task is something on its way, rather than a moment somebody waits for. */
export function isMoving({ kind }: Task): boolean {
  return kind !== "timer" && kind !== "wake" && kind !== "fault" && kind !== "backup" &&
    kind !== "lift" && kind !== "order";
}

/** How a client's exchange with a node ended. */
export type ClientOutcome =
  | { readonly kind: "reply"; readonly reply: ClientReply }
  /** The node was not there: it never saw the request. */
  | { readonly kind: "refused" }
  /** The connection broke: it may have. */
  | { readonly kind: "reset" };
