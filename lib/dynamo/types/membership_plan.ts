/** Changes of the membership, and the plans that show what one would move (SOSP 2007, section 4.9). */
import type { DiskCondition } from "./boot.ts";
import type { Member, NodeId } from "./ids.ts";

/** What may be done to the membership. */
export type MembershipAct =
  | ({ readonly kind: "join" } & Newcomer)
  | { readonly kind: "leave"; readonly node: NodeId }
  /** The node is dead, and what it held is found with the other owners. */
  | { readonly kind: "remove"; readonly node: NodeId }
  /** Another node takes the tokens of a dead one. */
  | ({ readonly kind: "replace"; readonly node: NodeId } & Newcomer);

/** Who is to become a member, and the data directory that it comes with. */
export interface Newcomer {
  readonly member: Member;
  readonly dataId?: string;
  /** What the directory was to a member; absent when it never was one's. */
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

/** What each node holds: ranges, counting every owner, and their part of the ring (N when all is held N times). */
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
