/**
 * The trace of a run: messages with their outcome, client operations, and faults. It is plain data, for
 * a trace file (JSON lines), a space-time diagram and the time machine.
 */
import type { Event } from "../../dynamo/types/events.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { MessageLeg } from "../../random/latency.ts";
import type { Fault } from "../faults/faults.ts";
import type { Operation } from "../workload/history.ts";
import type { TracedMessage, Tracer } from "../world/tracer.ts";
import { describeContent, describeEvent } from "./describe.ts";

/** `at` is the time in virtual µs since the start. */
export type TraceEntry =
  | {
    readonly at: number;
    readonly what: "sent";
    /** The id of the message, also in its "arrived" or "lost" entry. */
    readonly message: number;
    readonly from: string;
    readonly to: string;
    readonly leg: MessageLeg;
    readonly text: string;
  }
  | { readonly at: number; readonly what: "arrived"; readonly message: number }
  | { readonly at: number; readonly what: "lost"; readonly message: number; readonly why: string }
  | { readonly at: number; readonly what: "step"; readonly node: string; readonly text: string }
  | {
    readonly at: number;
    readonly what: "observed";
    readonly node: string;
    readonly observation: Observation;
  }
  | {
    readonly at: number;
    readonly what: "fault";
    readonly text: string;
    readonly node: string | null;
  }
  | {
    readonly at: number;
    readonly what: "started" | "ended";
    readonly operation: number;
    readonly client: number;
    readonly text: string;
  };

/** Converts the events of a run to entries, and passes them on one by one. */
export class TraceWriter implements Tracer {
  constructor(private readonly write: (entry: TraceEntry) => void) {}

  sent({ id, from, to, leg, content }: TracedMessage, at: number): void {
    this.write({ at, what: "sent", message: id, from, to, leg, text: describeContent(content) });
  }

  arrived(message: number, at: number): void {
    this.write({ at, what: "arrived", message });
  }

  lost(message: number, at: number, why: string): void {
    this.write({ at, what: "lost", message, why });
  }

  stepped(node: string, event: Event, _effects: unknown, at: number): void {
    this.write({ at, what: "step", node, text: describeEvent(event) });
  }

  observed(node: string, observation: Observation, at: number): void {
    this.write({ at, what: "observed", node, observation });
  }

  acted(at: number, text: string, fault: Fault | null): void {
    const node = fault !== null && "node" in fault ? fault.node : null;
    this.write({ at, what: "fault", text, node });
  }

  started(operation: Operation, at: number): void {
    this.write({ at, what: "started", ...operationParts(operation, describeStart(operation)) });
  }

  ended(operation: Operation, at: number): void {
    this.write({ at, what: "ended", ...operationParts(operation, describeEnd(operation)) });
  }
}

function operationParts({ id, client }: Operation, text: string) {
  return { operation: id, client, text };
}

function describeStart({ id, kind, key, node, parents }: Operation): string {
  const over = parents.length === 0
    ? ""
    : ` over ${parents.map((parent) => `#${parent}`).join(" ")}`;
  return `${kind} #${id} of ${key} at ${node}${kind === "get" ? "" : over}`;
}

function describeEnd({ id, kind, outcome, returned, acks, reason }: Operation): string {
  if (outcome !== "ok") return `${kind} #${id} ${outcome}${reason === null ? "" : ` (${reason})`}`;
  if (kind !== "get") return `${kind} #${id} ok on ${acks.join(" ")}`;
  const found = returned.map((write) => `#${write}`).join(" ");
  return `get #${id} returns ${found === "" ? "nothing" : found}`;
}

/** Keeps the first `entriesMax` entries in memory. */
export class TraceMemory extends TraceWriter {
  readonly entries: TraceEntry[];

  constructor(entriesMax: number) {
    const entries: TraceEntry[] = [];
    super((entry) => {
      if (entries.length < entriesMax) entries.push(entry);
    });
    this.entries = entries;
  }
}
