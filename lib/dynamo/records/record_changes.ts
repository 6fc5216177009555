/**
 * Requests to a node's own records, and their outcomes. Data, not callbacks: the state of a replica
 * can be cloned at any moment.
 */
import type { TreeHash } from "../repair/merkle.ts";
import type { DynamoError } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { StoredRecord } from "../types/records.ts";
import type { CausalContext, Siblings } from "../versions/versions.ts";

export type Change =
  /** A coordinated write, for the conversation. */
  | {
    readonly kind: "write";
    readonly conversation: number;
    readonly context: CausalContext | null;
    readonly value: string | null;
    readonly contentType: string;
    /** The coordinator is a fallback: for whom it keeps its own copy. */
    readonly hintFor: NodeId | null;
    /** It is acknowledged once it is in memory. */
    readonly buffered: boolean;
  }
  /** Siblings from elsewhere; `request` is the peer's request to answer, null for none. */
  | {
    readonly kind: "merge";
    readonly siblings: Siblings;
    readonly request: number | null;
    /** Keep them for that node. */
    readonly hintFor: NodeId | null;
    /** They are acknowledged once they are in memory. */
    readonly buffered?: boolean;
    /** The anti-entropy repair that waits for the outcome. */
    readonly repair?: number;
    /** The transfer's key that waits for the outcome. */
    readonly pull?: number;
  }
  /** These siblings have reached the target (or, after expiry, another owner): the hint is done. */
  | { readonly kind: "hint-done"; readonly target: NodeId; readonly siblings: Siblings }
  /** Drops a tombstone that all members agreed on, if the record is still exactly that. */
  | { readonly kind: "drop"; readonly digest: TreeHash; readonly request: number | null }
  /**
   * Drops an orphaned copy that every owner holds too, if it is unchanged and this node still does
   * not own it.
   */
  | { readonly kind: "let-go"; readonly digest: TreeHash }
  /** Replaces an unreadable record by the merge of what all other replicas hold. */
  | { readonly kind: "recover"; readonly siblings: Siblings };

export type Read =
  | { readonly kind: "conversation"; readonly conversation: number }
  | { readonly kind: "request"; readonly request: number }
  /** A peer asks whether the tombstone may go. */
  | { readonly kind: "reap"; readonly request: number; readonly digest: TreeHash }
  /** A former owner asks what this node has of a key. */
  | { readonly kind: "orphan"; readonly request: number };

export type StorageCompletion =
  | {
    readonly kind: "read";
    readonly read: Read;
    readonly key: string;
    readonly record: StoredRecord | null;
  }
  | {
    readonly kind: "read-failed";
    readonly read: Read;
    readonly key: string;
    readonly reason: string;
    /** The record itself is damaged; the disk can be read. */
    readonly unreadable: boolean;
  }
  | {
    readonly kind: "changed";
    readonly change: Change;
    readonly key: string;
    /** The siblings as they are stored now. */
    readonly siblings: Siblings;
    /** For a write: the client's context after it. */
    readonly context: CausalContext | null;
  }
  | {
    readonly kind: "change-failed";
    readonly change: Change;
    readonly key: string;
    readonly error: DynamoError;
  }
  | { readonly kind: "unreadable"; readonly key: string; readonly reason: string };
