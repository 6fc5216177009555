/** The membership as plain data: spread by gossip, kept on disks. `membership.ts` works on it. */
import type { Position } from "../ring/position.ts";
import type { LocalMark, RangeRegister } from "../ring/ring_state.ts";
import type { Member, MemberStatus, NodeId } from "../types/ids.ts";
import type { PeerLife } from "../types/life.ts";

export interface MemberEntry {
  readonly member: Member;
  readonly memberStatus: MemberStatus;
  /** Goes up with every change that concerns the node; 1 for initial members. */
  readonly version: number;
  /** Data directories (ids) with which it was removed: it cannot join again with one of them. */
  readonly removedData?: readonly string[];
  /**
   * An initial member of which nothing but the data directory has changed. Its address is the one
   * in the configuration of the present start, not the one in this entry.
   */
  readonly asInitial?: true;
}

/** The planned owner of a token; null when the token is given up. */
export interface TokenEntry {
  readonly position: Position;
  readonly owner: NodeId | null;
  readonly epoch: number;
}

/** What differs from the initial configuration. Plain JSON: spread by gossip, kept on the disk. */
export interface MembershipState {
  readonly members: readonly MemberEntry[];
  readonly tokens: readonly TokenEntry[];
  readonly registers: readonly RangeRegister[];
}

/** What a node keeps on its disk. */
export interface MembershipDocument {
  readonly state: MembershipState;
  readonly marks: readonly LocalMark[];
  /** The last lives of the other members that this node has heard of; absent where there are none. */
  readonly peers?: readonly PeerLife[];
}
