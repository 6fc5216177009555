/**
 * What replicas ask of each other, and what they answer. A host carries these as they are: over HTTP
 * they are the parameters and the results of JSON-RPC calls.
 */
import type { Digest, NodeState } from "../gossip/gossip.ts";
import type { MembershipState } from "../membership/membership_state.ts";
import type { TreeHash, TreeNode } from "../repair/merkle.ts";
import type { Position } from "../ring/position.ts";
import type { Siblings } from "../versions/versions.ts";
import type { ClientReply, ClientRequest, ErrorReply } from "./client_messages.ts";
import type { NodeId } from "./ids.ts";
import type { Life, LifeStatus } from "./life.ts";
import type { KeyDigest, KeyPlace } from "./records.ts";

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
  /** A receiver: the keys of a range that it takes over, page by page. */
  | {
    readonly method: "range.keys";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
    readonly after: KeyPlace | null;
    /** The sender is an owner that recovers: what a recovering receiver has so far is of use. */
    readonly purpose?: "recovery";
  }
  /** A receiver has the sender serve the range no more; answered once that is durable. */
  | {
    readonly method: "range.fence";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
  }
  /** To the range's registerWriter: one owner has given way to another; both null lifts the sender's fence. */
  | {
    readonly method: "range.advance";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
    readonly sender: NodeId | null;
    readonly receiver: NodeId | null;
  }
  /** A former owner: which of these records hold anything that the owner lacks? */
  | { readonly method: "orphan.check"; readonly keys: readonly KeyDigest[] }
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
