/** Changes of the membership, and the plans that show what one would move (SOSP 2007, section 4.9). */
import type { DiskCondition } from "./boot.ts";
import type { Member, NodeId } from "./ids.ts";

/** A change of the membership. */
export type MembershipAct =
  | ({ readonly kind: "join" } & Newcomer)
  | { readonly kind: "leave"; readonly node: NodeId }
  /** The node is dead: its ranges are copied from the other owners. */
  | { readonly kind: "remove"; readonly node: NodeId }
  /** Another node takes the tokens of a dead one. */
  | ({ readonly kind: "replace"; readonly node: NodeId } & Newcomer);

/** A node that is to become a member, and its data directory. */
export interface Newcomer {
  readonly member: Member;
  readonly dataId?: string;
  /** What the directory has recorded about itself; absent when it never belonged to a member. */
  readonly condition?: DiskCondition;
}

/** One owner of one range that is to change. */
export interface RangeMove {
  readonly range: number;
  readonly from: NodeId | null;
  readonly to: NodeId | null;
  /** The range's part of the ring, 0 … 1. */
  readonly share: number;
}

/**
 * A node's tokens, the ranges that it owns, and the sum of their shares of the ring. All shares
 * together are N.
 */
export interface NodeShare {
  readonly tokens: number;
  readonly ranges: number;
  readonly share: number;
}

export interface MembershipPlan {
  readonly planId: string;
  readonly act: MembershipAct;
  readonly moves: readonly RangeMove[];
  readonly balance: {
    readonly before: Readonly<Record<NodeId, NodeShare>>;
    readonly after: Readonly<Record<NodeId, NodeShare>>;
  };
}
