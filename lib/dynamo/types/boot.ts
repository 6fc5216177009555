/**
 * What a replica is told when it is made: who it is this time, and what its disk remembers.
 */
import type { MembershipDocument } from "../membership/membership_state.ts";
import type { NodeId } from "./ids.ts";

/**
 * What a node's disk knows of itself. `whole`: it was found to hold what it should. `recovering`: it
 * lacks what others have of it. A disk that was never a member's knows neither.
 */
export type DiskCondition = "whole" | "recovering";

/** Durable on the disk that it describes. */
export interface DiskState {
  /** Of this boot. The next one has a higher one. */
  readonly incarnation: number;
  readonly condition: DiskCondition;
}

/** Numbers of boots are below this. */
export const BOOT_NUMBERS = 2 ** 24;

/** Who a replica is, this time. */
export interface Boot {
  readonly self: NodeId;
  /** Names the data directory: a replaced disk has another. */
  readonly dataId: string;
  /** Durably higher at every start, and than any that a peer was ever told. */
  readonly incarnation: number;
  /** Drawn at this start, below {@link BOOT_NUMBERS}: two boots with one incarnation are told apart by it. */
  readonly bootNumber?: number;
  /** How many changes the disk had taken before this start; each one raises it. */
  readonly writes?: number;
  /** The start before this one, as the disk remembers it; absent at the first one. */
  readonly previous?: { readonly incarnation: number; readonly bootNumber: number };
  /** Absent: nobody has looked yet. See `recovery.ts`. */
  readonly condition?: DiskCondition;
  /** The membership as the disk remembers it; absent as long as it is as founded. */
  readonly membership?: MembershipDocument;
  /** Hints that the disk holds, by target: what was promised before a restart is kept after it. */
  readonly hints?: readonly (readonly [NodeId, number])[];
}

export type RecoveryCause = "replaced" | "restored";

/** What `/status` tells of it. */
export interface RecoveryState {
  readonly status: "settled" | "unconfirmed" | "recovering";
  readonly cause: RecoveryCause | null;
  /** Ranges that are not complete yet. */
  readonly ranges: number;
  /** Nodes whose word is waited for. */
  readonly waitingFor: readonly NodeId[];
}
