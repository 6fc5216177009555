/**
 * Why a request was not served. Errors are data: the same object reaches a client through REST, a
 * forwarding peer through JSON-RPC, and a checker in the simulator.
 */
import type { RangeRegister } from "../ring/ring_state.ts";
import type { CausalContext } from "../versions/versions.ts";
import type { NodeId } from "./ids.ts";

/** Stable names; REST makes `type` URIs and status codes of them. */
export type ErrorCode =
  /** Malformed or out of range; nothing was done. */
  | "invalid"
  /** Too few replicas answered in time. */
  | "quorum-not-met"
  /** The node is at a bound and took nothing on. */
  | "overloaded"
  /** The node holds as many hints as it may: another stand-in must take the write. */
  | "hints-full"
  /** The put would leave more siblings than allowed; reconcile first. */
  | "too-many-siblings"
  /** The receiver is not in its own preference list for the key. */
  | "wrong-owner"
  /** A forward that arrived after its request's lifetime: it may be a copy, so it is not carried out. */
  | "too-late"
  /** The node could not read or write its disk. */
  | "storage-failed"
  /** The node's record of the key is damaged: neither there nor absent, until it is repaired. */
  | "record-damaged"
  /** The node's disk may lack what it held of the key: it cannot answer reads of it yet. */
  | "recovering"
  /** Views of the ring differ, or it has changed: try again when they agree. */
  | "ring-moved"
  /** The change of the membership is not possible: the message says why. */
  | "act-refused"
  /** A commit of a plan that this node never made or has forgotten. */
  | "unknown-plan"
  /** The node, or the one that asked it, was removed from the cluster. */
  | "removed"
  /** The method is not one that peers or clients may call. */
  | "unknown-method";

export interface DynamoError {
  readonly code: ErrorCode;
  /** For a person: what was wrong and what is allowed. */
  readonly message: string;
  /**
   * Writes: true when the write certainly left nothing behind and can never surface; false when it
   * may exist on some replica. Reads have no effect to be unsure of: true.
   */
  readonly definite: boolean;
  /** Replies needed and got, for `quorum-not-met`. */
  readonly needed?: number;
  readonly got?: number;
  /** Nodes that failed or stayed silent. */
  readonly unreachable?: readonly NodeId[];
  /** What to reconcile over, for `too-many-siblings`. */
  readonly context?: CausalContext;
  readonly ringVersion?: string;
  /** The range registers that the sender of the request should know. */
  readonly registers?: readonly RangeRegister[];
}

export function refusal(code: ErrorCode, message: string): DynamoError {
  return { code, message, definite: true };
}
