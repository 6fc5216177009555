/**
 * The seam between the protocol and the world: what a replica is told, and what it asks for.
 *
 * A host delivers {@link Event}s to `Replica.step` and carries out the {@link Effect}s that come
 * back. It decides nothing: `nodes/host/host.ts` does it over HTTP/2, Deno KV and the wall clock,
 * `lib/simulation` over a heap of virtual events. Everything here is JSON.
 *
 * Ids are integers chosen by whoever opens the exchange: the host for requests that come in, the
 * replica for calls, loads and stores. Each is answered at most once; late or unknown ids are ignored.
 */
import type { Digest, NodeState } from "../gossip/gossip.ts";
import type { MembershipDocument, MembershipState } from "../membership/membership.ts";
import type { Life, LifeStatus } from "../recovery/lives.ts";
import type { TreeHash, TreeNode } from "../repair/merkle.ts";
import type { Position } from "../ring/position.ts";
import type { NodeId, RingState } from "../ring/ring.ts";
import type { Actor } from "../versions/clock.ts";
import type { CausalContext, Siblings } from "../versions/versions.ts";
import type { AdminReply, AdminRequest } from "./admin.ts";
import type { DiskState } from "./boot.ts";
import type { ClusterConfig } from "./config.ts";
import type { DynamoError } from "./errors.ts";
import type { Observation } from "./observations.ts";

/** Integer microseconds since 1970; in a simulation, virtual ones. */
export type Micros = number;

/** What a node keeps of a key: one record, replicated siblings and what is local to this node. */
export interface StoredRecord {
  readonly key: string;
  readonly siblings: Siblings;
  /**
   * The actor under which this node issues dots for the key. Local, never replicated: where it is
   * missing, or of an earlier boot, the next coordinated write draws a new one, so no dot is ever issued
   * twice.
   */
  readonly actor?: Actor;
  /** Nodes that this record is to be handed to: local too. */
  readonly hintFor?: readonly Hint[];
}

/** A promise to deliver a record to a node that could not take it. */
export interface Hint {
  readonly node: NodeId;
  readonly since: Micros;
}

/** A member and how to reach it. */
export interface Member {
  readonly id: NodeId;
  /** `http://host:port`, where REST and RPC are served. */
  readonly url: string;
  readonly weight: number;
  readonly zone?: string;
  /** The data directory that its copies are known to be in; absent while nobody knows. */
  readonly dataId?: string;
}

/** What a cluster is founded with: made once, the same data on every node. */
export interface Founding {
  readonly config: ClusterConfig;
  readonly members: readonly Member[];
  readonly ring: RingState;
}

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

export interface GetRequest extends RequestOptions {
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

/** What a peer asks of a replica. The names are the JSON-RPC methods. */
export type PeerRequest =
  | {
    readonly method: "replica.get";
    readonly key: string;
    /** Asked as a stand-in: what it holds for others is of use. Otherwise only an owner answers. */
    readonly standIn?: true;
    /** To repair a copy, also what a recovering node holds so far is of use. */
    readonly purpose?: "repair";
  }
  | {
    readonly method: "replica.put";
    readonly key: string;
    /** The sender's whole record, never one version alone: see `clock.ts`. */
    readonly siblings: Siblings;
    readonly purpose: "replicate" | "repair" | "handoff";
    /** Keep it for that node, which cannot be reached, and deliver it when it is back. */
    readonly hintFor?: NodeId;
    /** May be acknowledged from memory: another replica commits it first. */
    readonly buffered?: true;
  }
  /**
   * Push-pull, first half: what the sender knows of whom, and which view of the membership it has.
   * Answered with a reconciliation.
   */
  | { readonly method: "gossip"; readonly digest: Digest; readonly membership: string }
  /** Second half: what was wanted. */
  | { readonly method: "gossip.states"; readonly states: readonly NodeState[] }
  /**
   * A node has started and asks what the receiver remembers of it; later the same tells that it has
   * caught up. Answered with that and the receiver's view of the membership.
   */
  | {
    readonly method: "boot.check";
    readonly life: Life;
    readonly status: LifeStatus;
    readonly membership: string;
  }
  /** News of the membership, pushed. */
  | { readonly method: "membership"; readonly state: MembershipState }
  /** A joiner: the keys of a range that it takes over, page by page. */
  | {
    readonly method: "range.keys";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
    readonly after: KeyPlace | null;
    /** The sender is an owner that recovers: what a recovering receiver has so far is of use. */
    readonly purpose?: "recovery";
  }
  /** A joiner has the leaver serve the range no more; answered once that is durable. */
  | {
    readonly method: "range.fence";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
  }
  /** To the range's steward: one owner has given way to another; both null lifts the sender's fence. */
  | {
    readonly method: "range.advance";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
    readonly leaver: NodeId | null;
    readonly joiner: NodeId | null;
  }
  /** A former owner: which of these records hold anything that the owner lacks? */
  | { readonly method: "leftover.ask"; readonly keys: readonly KeyDigest[] }
  /** Anti-entropy: the roots of the ranges that both own. Answered with those that differ. */
  | {
    readonly method: "tree.roots";
    /** Where the ring is cut: numbers of ranges mean nothing on another one. */
    readonly grid: string;
    readonly roots: readonly TreeNode[];
  }
  /** The children of some nodes of a range's tree. */
  | {
    readonly method: "tree.children";
    readonly range: number;
    readonly level: number;
    readonly nodes: readonly number[];
  }
  /** The keys in some leaves of a range's tree, page by page. */
  | {
    readonly method: "tree.keys";
    readonly range: number;
    readonly leaves: readonly number[];
    readonly after: KeyPlace | null;
  }
  /**
   * May the tombstone go? An owner must hold exactly it, any other member nothing of the key; and both
   * must know the same members.
   */
  | {
    readonly method: "reap.ask";
    readonly key: string;
    readonly digest: TreeHash;
    readonly plan: string;
  }
  /** All agreed: drop it, if it is still exactly that. */
  | { readonly method: "reap.drop"; readonly key: string; readonly digest: TreeHash }
  | {
    readonly method: "forward";
    /** `node.dataId/start/sequence`, unique for ever: a copy of it must not write twice. */
    readonly requestId: string;
    readonly request: ClientRequest;
    readonly ringVersion: string;
  };

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

/** What a replica answers a peer. */
export type PeerReply =
  | { readonly status: "record"; readonly siblings: Siblings }
  | { readonly status: "stored" }
  | {
    readonly status: "gossip";
    readonly newer: readonly NodeState[];
    readonly wanted: readonly NodeId[];
    /** The view of the membership that the answerer has, where it is another. */
    readonly membership?: MembershipState;
  }
  | {
    readonly status: "boot";
    /** The last life of the asker that the answerer knows of. */
    readonly remembered: Life | null;
    /** The answerer's own. */
    readonly life: Life;
    readonly lifeStatus: LifeStatus;
    readonly membership?: MembershipState;
  }
  | { readonly status: "membership"; readonly state: MembershipState }
  | { readonly status: "missing"; readonly keys: readonly string[] }
  | {
    readonly status: "roots";
    readonly differing: readonly number[];
    /** Ranges that the answerer does not own. */
    readonly unknown: readonly number[];
  }
  /** For each node that was asked for the hashes of its children, empty where there is nothing below. */
  | { readonly status: "tree"; readonly children: readonly (readonly TreeHash[])[] }
  | {
    readonly status: "keys";
    readonly keys: readonly KeyDigest[];
    readonly next: KeyPlace | null;
  }
  | { readonly status: "reap"; readonly agrees: boolean }
  | { readonly status: "forwarded"; readonly reply: ClientReply }
  | ErrorReply;

/** Whatever a replica answers to whoever asked. */
export type Reply = ClientReply | PeerReply | AdminReply;

// Events and effects ------------------------------------------------------------------------------

export type Event =
  /** The node runs: the first event of a boot. */
  | { readonly kind: "start" }
  | { readonly kind: "client"; readonly id: number; readonly request: ClientRequest }
  | {
    readonly kind: "peer";
    readonly id: number;
    readonly from: NodeId;
    readonly request: PeerRequest;
  }
  /** An order of whoever looks after the node. */
  | { readonly kind: "admin"; readonly id: number; readonly request: AdminRequest }
  | { readonly kind: "reply"; readonly id: number; readonly reply: PeerReply }
  | {
    readonly kind: "call-failed";
    readonly id: number;
    /** True when the peer certainly never saw the call: only then may a write be sent elsewhere. */
    readonly undelivered: boolean;
    readonly reason: string;
  }
  | { readonly kind: "loaded"; readonly id: number; readonly record: StoredRecord | null }
  /** `writes`: how many changes the disk has taken by now. */
  | { readonly kind: "stored"; readonly id: number; readonly writes?: number }
  | {
    readonly kind: "storage-failed";
    readonly id: number;
    readonly reason: string;
    /** Loads: there is a record, but it is damaged. It must not be taken for an absent one. */
    readonly unreadable?: boolean;
  }
  /** A page of the keys whose record is to be handed to a node. */
  | { readonly kind: "hints-scanned"; readonly id: number; readonly places: readonly KeyPlace[] }
  /** A page of records by position, then key; `next` is null when the stretch is done. */
  | {
    readonly kind: "scanned";
    readonly id: number;
    readonly records: readonly StoredRecord[];
    readonly next: KeyPlace | null;
  }
  | { readonly kind: "timer"; readonly id: number };

export type Effect =
  | {
    readonly kind: "call";
    readonly id: number;
    readonly to: NodeId;
    readonly request: PeerRequest;
    /** After this long the replica no longer listens: the host may drop the call silently. */
    readonly timeoutMs: number;
  }
  /** Answers the request of that id. */
  | { readonly kind: "respond"; readonly id: number; readonly reply: Reply }
  | {
    readonly kind: "load";
    readonly id: number;
    readonly key: string;
    readonly position: Position;
  }
  | {
    readonly kind: "store";
    readonly id: number;
    readonly position: Position;
    readonly record: StoredRecord;
    /** How the index of hints changes with it, in the same commit. */
    readonly hints?: HintChange;
  }
  /** Forgets the record; answered with `stored`. */
  | {
    readonly kind: "remove";
    readonly id: number;
    readonly key: string;
    readonly position: Position;
    readonly hints?: HintChange;
  }
  /** Records from `from` clockwise to, not including, `to`; equal or absent ends: to the end of the ring. */
  | {
    readonly kind: "scan";
    readonly id: number;
    readonly from?: Position;
    readonly to?: Position;
    readonly after: KeyPlace | null;
    readonly limit: number;
  }
  | {
    readonly kind: "scan-hints";
    readonly id: number;
    readonly target: NodeId;
    /** Where the last page ended. */
    readonly after: KeyPlace | null;
    readonly limit: number;
  }
  /** Remembers the membership durably, in place of what was remembered; answered with `stored`. */
  | { readonly kind: "save"; readonly id: number; readonly document: MembershipDocument }
  /** What the disk is to know of itself from now on; answered with `stored`. */
  | { readonly kind: "save-disk-state"; readonly id: number; readonly state: DiskState }
  /** At most one timer is set at a time: a new one replaces the old. */
  | { readonly kind: "timer"; readonly id: number; readonly at: Micros }
  | { readonly kind: "emit"; readonly observation: Observation };

/** Takes what a step asks for, in order: an array, or somebody who carries it out at once. */
export interface EffectSink {
  push(effect: Effect): unknown;
}

export interface HintChange {
  readonly add?: readonly NodeId[];
  readonly remove?: readonly NodeId[];
}

export interface KeyPlace {
  readonly key: string;
  readonly position: Position;
}

/** A key and the digest of what a replica holds of it. */
export type KeyDigest = readonly [key: string, hash: TreeHash];
