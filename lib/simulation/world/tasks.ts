/**
 * The tasks in a simulation's event queue. A scheduled task is never changed, so clones of a simulation
 * share their tasks.
 */
import type { ClientReply } from "../../dynamo/types/client_messages.ts";
import type { Event } from "../../dynamo/types/events.ts";
import type { Fault, RestoreFault } from "../faults/faults.ts";
import type { DiskOperation } from "./disk.ts";
import type { Arrival, Route } from "./machine.ts";

/** The boot number of a message that was sent while its receiver was down. */
export const ANY_BOOT = -1;

/** A message to a process. Only the boot that it was sent to accepts it. */
export interface Delivery {
  readonly kind: "delivery";
  readonly node: number;
  readonly boot: number;
  readonly event: Event;
  readonly route: Route | null;
  /** The message's id for the tracer; 0 if there was no message. */
  readonly message: number;
  /** How long after the arrival a copy follows, µs; -1: no copy. */
  readonly copyAfterUs: number;
}

/** A node's answer on its way to a client. */
export interface Answer {
  readonly kind: "answer";
  readonly token: number;
  readonly outcome: ClientOutcome;
  readonly message: number;
}

/** A message in the network. */
export type Packet = Delivery | Answer;

/** An event that has reached a machine and waits for its process. */
interface Waiting extends Arrival {
  readonly kind: "arrival";
  readonly node: number;
  readonly boot: number;
  /** Whether it has had its turn in a slow process's queue. */
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
  /** A node's disk is copied, so that a later fault can restore it. */
  | { readonly kind: "backup"; readonly fault: RestoreFault }
  | { readonly kind: "lift"; readonly act: number }
  /** A membership change is requested again, unless the attempt was answered. */
  | { readonly kind: "order"; readonly order: number; readonly attempt: number };

/** Whether the task is a message or a disk access in progress, rather than a scheduled time. */
export function isMoving({ kind }: Task): boolean {
  return kind !== "timer" && kind !== "wake" && kind !== "fault" && kind !== "backup" &&
    kind !== "lift" && kind !== "order";
}

/** How a client's request to a node ended. */
export type ClientOutcome =
  | { readonly kind: "reply"; readonly reply: ClientReply }
  /** The node was down: the request certainly did not arrive. */
  | { readonly kind: "refused" }
  /** The connection broke: the request may have arrived. */
  | { readonly kind: "reset" };
