/** What a replica is given at a start: its identity, and what its disk remembers. */
import type { MembershipDocument } from "../membership/membership_state.ts";
import type { NodeId } from "./ids.ts";

/**
 * What a disk has recorded about itself. `whole`: it holds what it should. `recovering`: it lacks
 * data that other owners have. A disk that never belonged to a member has recorded neither.
 */
export type DiskCondition = "whole" | "recovering";

/** Durable on the disk that it describes. */
export interface DiskState {
  /** The number of this start; the next one has a higher number. */
  readonly incarnation: number;
  readonly condition: DiskCondition;
}

/** Numbers of boots are below this. */
export const BOOT_NUMBERS = 2 ** 24;

/** The identity of a replica at one start. */
export interface Boot {
  readonly self: NodeId;
  /** Names the data directory: a replaced disk has another. */
  readonly dataId: string;
  /** Durable, and higher at every start than any that a peer was ever told. */
  readonly incarnation: number;
  /** Drawn at this start, below {@link BOOT_NUMBERS}: two boots with one incarnation are told apart by it. */
  readonly bootNumber?: number;
  /** How many changes the disk had taken before this start; each one raises it. */
  readonly writes?: number;
  /** The start before this one, as the disk remembers it; absent at the first one. */
  readonly previous?: { readonly incarnation: number; readonly bootNumber: number };
  /** Absent until it was checked once. See `recovery.ts`. */
  readonly condition?: DiskCondition;
  /** The membership as the disk remembers it; absent until it differs from the initial one. */
  readonly membership?: MembershipDocument;
  /** How many hints the disk holds, by target. */
  readonly hints?: readonly (readonly [NodeId, number])[];
}

export type RecoveryCause = "replaced" | "restored";

/** The state of recovery, for `/status`. */
export interface RecoveryState {
  readonly status: "settled" | "unconfirmed" | "recovering";
  readonly cause: RecoveryCause | null;
  /** Ranges that are not complete yet. */
  readonly ranges: number;
  /** Nodes whose answer or data is waited for. */
  readonly waitingFor: readonly NodeId[];
}
