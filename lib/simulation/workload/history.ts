/**
 * The history of a run: every operation of the clients with its outcome.
 *
 * *ok*: the store acknowledged it. *failed*: it certainly had no effect (a read, or a write that was
 * refused before any replica stored it). *indeterminate*: any other outcome; the write may have
 * happened, and may surface later.
 *
 * The history also has the causality that the checkers use: the `parents` of a write are the writes
 * that the client had read with its context. The clocks of the store are never used for that.
 */
import type { RequestOptions } from "../../dynamo/types/client_messages.ts";
import type { Act } from "./workload_plan.ts";

export type OperationOutcome = "pending" | "ok" | "failed" | "indeterminate";

export interface Operation {
  /** Counted from 1 in the order of starts, so a cause has a smaller id than its effect. */
  readonly id: number;
  readonly client: number;
  readonly act: Act;
  readonly kind: "get" | "put" | "delete";
  readonly key: string;
  /** The node that was asked. */
  readonly node: string;
  readonly options: Required<
    Pick<RequestOptions, "r" | "w" | "pr" | "pw" | "sloppy" | "timeoutMs">
  >;
  /** Virtual µs. */
  readonly startedAt: number;
  /** Infinity while pending. */
  readonly endedAt: number;
  readonly outcome: OperationOutcome;
  /** For puts: the written value, base64. It differs for every put. */
  readonly value: string | null;
  /** For writes: the writes that the sent context covers; see `causality.ts`. */
  readonly parents: readonly number[];
  /** The operation that returned that context; 0 if no context was sent. */
  readonly contextFrom: number;
  /** A delete without a context; only its coordinator knows what it covers. */
  readonly blind: boolean;
  /** A read of the healing phase, not of a client. */
  readonly healing: boolean;
  /** For reads that ended ok: the writes that were returned. */
  readonly returned: readonly number[];
  /** For reads: returned values that no write of this run wrote. */
  readonly foreign: readonly string[];
  readonly coordinator: string | null;
  /** Nodes that acknowledged a write, or answered a read. */
  readonly acks: readonly string[];
  readonly hints: readonly { readonly holder: string; readonly for: string }[];
  /** The error code, or why there was no answer. */
  readonly reason: string | null;
}

export type OperationStart = Pick<
  Operation,
  | "client"
  | "act"
  | "kind"
  | "key"
  | "node"
  | "options"
  | "startedAt"
  | "parents"
  | "contextFrom"
  | "blind"
  | "healing"
>;

export type OperationEnd =
  & Pick<Operation, "endedAt" | "outcome">
  & Partial<Pick<Operation, "returned" | "foreign" | "coordinator" | "acks" | "hints" | "reason">>;

export class History {
  /** Indexed by id - 1. Operations are replaced, never modified, so clones can share them. */
  readonly operations: Operation[] = [];
  private readonly writers = new Map<string, number>();

  constructor(private readonly valueBytes: number) {}

  clone(): History {
    const copy = new History(this.valueBytes);
    for (const operation of this.operations) copy.operations.push(operation);
    for (const [value, id] of this.writers) copy.writers.set(value, id);
    return copy;
  }

  get size(): number {
    return this.operations.length;
  }

  get(id: number): Operation {
    const operation = this.operations[id - 1];
    if (operation === undefined) throw new Error(`Cannot find operation ${id}`);
    return operation;
  }

  begin(start: OperationStart): Operation {
    const id = this.operations.length + 1;
    const value = start.kind === "put" ? valueOf(id, this.valueBytes) : null;
    if (value !== null) this.writers.set(value, id);
    const operation: Operation = {
      id,
      ...start,
      value,
      endedAt: Infinity,
      outcome: "pending",
      returned: NONE,
      foreign: NONE,
      coordinator: null,
      acks: NONE,
      hints: NONE,
      reason: null,
    };
    this.operations.push(operation);
    return operation;
  }

  end(id: number, end: OperationEnd): Operation {
    const operation = this.get(id);
    if (operation.outcome !== "pending") throw new Error(`Operation ${id} ends twice`);
    return this.operations[id - 1] = { ...operation, ...end };
  }

  /** The put that wrote the value; undefined if no put of this run did. */
  writerOf(value: string): number | undefined {
    return this.writers.get(value);
  }
}

const NONE: readonly never[] = [];

/** A unique value of the given number of bytes, in base64. */
function valueOf(id: number, bytes: number): string {
  return btoa(`w${id}`.padEnd(bytes, "."));
}
