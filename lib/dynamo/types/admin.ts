/**
 * What an operator may ask of a running node: to compare its trees with the co-owners now, to pause
 * anti-entropy, and to change the membership.
 */
import type { Position } from "../ring/position.ts";
import type { ErrorReply } from "./client_messages.ts";
import type { Member, MemberStatus, Micros, NodeId } from "./ids.ts";
import type { MembershipAct, MembershipPlan } from "./membership_plan.ts";

export type AdminRequest = ExchangeOrder | MembershipOrder;

export type MembershipOrder =
  /** Shows what the change would move. Nothing changes yet. */
  | { readonly method: "membership.plan"; readonly act: MembershipAct }
  /** Carries the plan out, if the membership has not changed since it was made here. */
  | { readonly method: "membership.commit"; readonly planId: string }
  | { readonly method: "membership.transfers" };

/** The progress of membership changes, in the view of one node. */
export interface TransfersState {
  readonly members: readonly (Member & { readonly memberStatus: MemberStatus })[];
  /** Changes of owners that are still to be made; 0 when every node has all its ranges. */
  readonly left: number;
  readonly moves: readonly TransferState[];
  /** Whether this node still has copies of ranges that it does not own any more. */
  readonly orphanedReplicas: boolean;
  /** Records that this node keeps for others and has not delivered yet. */
  readonly hints: number;
}

/** The next change of one range's owners. */
interface TransferState {
  readonly range: number;
  readonly start: Position;
  readonly epoch: number;
  readonly from: NodeId | null;
  readonly to: NodeId | null;
  /** Known to the receiver only; other nodes report `waiting`. */
  readonly phase: TransferPhase | "waiting";
  /** Copied by this node so far. */
  readonly keys: number;
}

export interface ExchangeOrder {
  readonly method: "anti-entropy";
  /** Compare now: one range, that of one key, or (empty) every range; null: compare nothing. */
  readonly exchange: { readonly range?: number; readonly key?: string } | null;
  /** Stop or resume the scheduled comparisons; a restart resumes them. */
  readonly pause?: boolean;
}

/** How one comparison with one co-owner went. */
export interface ExchangeReport {
  readonly peer: NodeId;
  readonly startedAt: Micros;
  readonly tookUs: Micros;
  /** Ranges compared, and those whose roots differed. */
  readonly ranges: number;
  readonly rangesDiffering: number;
  readonly keysRepaired: number;
  readonly keysFailed: number;
  /** False when the peer fell silent or refused on the way. */
  readonly completed: boolean;
}

export interface AntiEntropyState {
  readonly paused: boolean;
  /** Whether the trees say what the disk holds: after a start they are built in the background. */
  readonly ready: boolean;
  /** With whom this node compares at the moment. */
  readonly underWay: NodeId | null;
  /** The last comparison that this node began with each peer. */
  readonly last: Readonly<Record<NodeId, ExchangeReport>>;
}

export type AdminReply =
  | { readonly status: "plan"; readonly plan: MembershipPlan }
  | { readonly status: "committed"; readonly plan: MembershipPlan }
  | (TransfersState & { readonly status: "transfers" })
  | {
    readonly status: "anti-entropy";
    readonly state: AntiEntropyState;
    /** The exchanges that were ordered, all over now. */
    readonly exchanges: readonly ExchangeReport[];
    /** Co-owners that could not be compared with, as they are believed down. */
    readonly unreachable: readonly NodeId[];
  }
  | ErrorReply;

export type TransferPhase =
  /** Reading which keys are on this node's disk already. */
  | "reading"
  | "copying"
  | "fencing"
  /** Copying what was written before the fence took effect. */
  | "closing"
  | "saving"
  | "advancing";
