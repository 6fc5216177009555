/**
 * What the clients did and saw: every operation, and how it ended.
 *
 * *ok*: the store said so. *failed*: it certainly had no effect (a read, or a write that was refused
 * before any store). *indeterminate*: anything else, so it may have happened, and may surface later.
 *
 * Causality is kept here too, and is the checkers' own: a write's `parents` are the writes that its
 * context came from, as the client saw them, never what the store's clocks say.
 */
import type { RequestOptions } from "../../dynamo/types/client_messages.ts";
import type { Act } from "./workload_plan.ts";

export type OperationOutcome = "pending" | "ok" | "failed" | "indeterminate";

export interface Operation {
  /** Counts from 1 in the order of starting: causes have smaller ids than effects. */
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
  /** Puts: what was written, base64. Different for every put. */
  readonly value: string | null;
  /** Writes: which writes the client had seen in the context that it sent; see `causality.ts`. */
  readonly parents: readonly number[];
  /** The operation whose answer gave that context; 0 when none was sent. */
  readonly contextFrom: number;
  /** A delete without a context: what it covers only its coordinator knows. */
  readonly blind: boolean;
  /** A read that ends a run's healing rather than a client's own. */
  readonly healing: boolean;
  /** Reads that ended ok: the writes that were returned. */
  readonly returned: readonly number[];
  /** Reads: values that no write of this run wrote. */
  readonly foreign: readonly string[];
  readonly coordinator: string | null;
  /** Nodes that acknowledged a write, or answered a read. */
  readonly acks: readonly string[];
  readonly hints: readonly { readonly holder: string; readonly for: string }[];
  /** Code of the error, or why there was no answer. */
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
  /** By id - 1. Ended operations are replaced, never changed, so copies share them. */
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

  /** The put that wrote the value; undefined when none of this run did. */
  writerOf(value: string): number | undefined {
    return this.writers.get(value);
  }
}

const NONE: readonly never[] = [];

/** A value that only this put writes, base64 of the given number of bytes. */
function valueOf(id: number, bytes: number): string {
  return btoa(`w${id}`.padEnd(bytes, "."));
}
