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
    /**
     * Asked as a stand-in, which answers with what it keeps for others. Otherwise only an owner
     * answers.
     */
    readonly standIn?: true;
    /** For repair: a recovering node answers too, with what it holds so far. */
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
    /** May be acknowledged from memory: another replica commits before it acknowledges. */
    readonly buffered?: true;
  }
  /**
   * Push-pull, first half: what the sender knows of whom, and which view of the membership it has.
   * Answered with a reconciliation.
   */
  | { readonly method: "gossip"; readonly digest: Digest; readonly membership: string }
  /** Push-pull, second half: the states that were wanted. */
  | { readonly method: "gossip.states"; readonly states: readonly NodeState[] }
  /**
   * A node has started, and asks what the receiver remembers of it; the same message later tells
   * that it has recovered. Answered with that, and the receiver's membership where it differs.
   */
  | {
    readonly method: "boot.check";
    readonly life: Life;
    readonly status: LifeStatus;
    readonly membership: string;
  }
  /** News of the membership. */
  | { readonly method: "membership"; readonly state: MembershipState }
  /** A receiver asks for the keys of a range that it takes over, page by page. */
  | {
    readonly method: "range.keys";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
    readonly after: KeyPlace | null;
    /**
     * The asker is an owner that recovers: another recovering owner answers with what it has so
     * far.
     */
    readonly purpose?: "recovery";
  }
  /** A receiver asks the sender to fence the range; answered once the fence is durable. */
  | {
    readonly method: "range.fence";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
  }
  /**
   * To the range's register writer: the sender has given way to the receiver. With both null it
   * lifts the fence of the node that asks.
   */
  | {
    readonly method: "range.advance";
    readonly start: Position;
    readonly end: Position;
    readonly epoch: number;
    readonly sender: NodeId | null;
    readonly receiver: NodeId | null;
  }
  /** A former owner asks which of these records the receiver does not hold in the same state. */
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
   * Asks whether a tombstone may be dropped. An owner must hold exactly it, any other member
   * nothing of the key, and both must know the same membership.
   */
  | {
    readonly method: "reap.ask";
    readonly key: string;
    readonly digest: TreeHash;
    readonly plan: string;
  }
  /** All agreed: drop the tombstone if it is unchanged. */
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
    /** This node's view of the membership, where it differs. */
    readonly membership?: MembershipState;
  }
  | {
    readonly status: "boot";
    /** The last life of the asker that this node knows of. */
    readonly remembered: Life | null;
    /** This node's own life. */
    readonly life: Life;
    readonly lifeStatus: LifeStatus;
    readonly membership?: MembershipState;
  }
  | { readonly status: "membership"; readonly state: MembershipState }
  | { readonly status: "missing"; readonly keys: readonly string[] }
  | {
    readonly status: "roots";
    readonly differing: readonly number[];
    /** Ranges that this node does not own. */
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
