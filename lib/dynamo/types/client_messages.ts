/** What clients ask of a node, and what it answers. */
import type { CausalContext, Siblings } from "../versions/versions.ts";
import type { DynamoError } from "./errors.ts";
import type { NodeId } from "./ids.ts";

// Requests ----------------------------------------------------------------------------------------

/** Per-request overrides of the cluster's defaults. */
export interface RequestOptions {
  readonly r?: number;
  readonly w?: number;
  readonly pr?: number;
  readonly pw?: number;
  readonly sloppy?: boolean;
  readonly timeoutMs?: number;
}

interface GetRequest extends RequestOptions {
  readonly method: "get";
  readonly key: string;
}

export interface PutRequest extends RequestOptions {
  readonly method: "put";
  readonly key: string;
  /** Base64. */
  readonly value: string;
  readonly contentType: string;
  readonly context: CausalContext | null;
  /** `ReadReply.fastest` of the read that gave the context: who the `fastest` choice prefers. */
  readonly fastest?: NodeId;
}

export interface DeleteRequest extends RequestOptions {
  readonly method: "delete";
  readonly key: string;
  /** Null: delete what the coordinator reads at R. */
  readonly context: CausalContext | null;
  readonly fastest?: NodeId;
}

/** What a client may ask of any node. */
export type ClientRequest = GetRequest | PutRequest | DeleteRequest;

/** How one replica took part in a request, for the waterfall and for curious clients. */
export interface ReplicaTrace {
  readonly node: NodeId;
  readonly primary: boolean;
  /** `pending`: no answer by the time the client got its own. */
  readonly outcome: "answered" | "failed" | "pending";
  /** µs after the coordinator took the request on. */
  readonly sentUs: number;
  readonly answeredUs?: number;
  /** Reads: the dots that it held. */
  readonly dots?: readonly (readonly [string, number])[];
  /** Failures: why. */
  readonly reason?: string;
}

export interface ReadReply {
  readonly status: "read";
  readonly key: string;
  /** Values only; empty when the key is absent or deleted. */
  readonly siblings: Siblings;
  /** Null when no replica has ever heard of the key. */
  readonly context: CausalContext | null;
  readonly coordinator: NodeId;
  /** The replica whose answer came first: the `fastest` choice for the write that follows. */
  readonly fastest: NodeId;
  readonly replicas: readonly ReplicaTrace[];
}

export interface WriteReply {
  readonly status: "written";
  readonly key: string;
  readonly context: CausalContext;
  readonly coordinator: NodeId;
  /** Nodes that had committed before this answer, fallbacks included. */
  readonly acks: readonly NodeId[];
  /** Those of them that hold a hint, and for whom. */
  readonly hints: readonly { readonly holder: NodeId; readonly for: NodeId }[];
  readonly replicas: readonly ReplicaTrace[];
}

export interface ErrorReply {
  readonly status: "error";
  readonly error: DynamoError;
}

export type ClientReply = ReadReply | WriteReply | ErrorReply;
