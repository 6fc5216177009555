/** The ring and the ownership of its ranges as plain data: kept on disks and sent between nodes. */
import type { NodeId } from "../types/ids.ts";
import type { Position } from "./position.ts";

export type Partitioning = "random-tokens" | "random-tokens-equal-partitions" | "equal-partitions";

export const PARTITIONINGS: readonly Partitioning[] = [
  "equal-partitions",
  "random-tokens",
  "random-tokens-equal-partitions",
];

/** A token: its planned owner, and an epoch that goes up with each change of it. */
export interface Token {
  readonly position: Position;
  readonly owner: NodeId;
  readonly epoch: number;
}

/** A node as the ring knows it. Zones are optional: replicas span them when they are given. */
export interface RingMember {
  readonly id: NodeId;
  /** Relative capacity, above 0: tokens follow it. */
  readonly weight: number;
  readonly zone?: string;
}

export interface RingState {
  readonly partitioning: Partitioning;
  /** Q, the number of equal partitions; 0 under `random-tokens`. */
  readonly partitions: number;
  /** Sorted by position. */
  readonly tokens: readonly Token[];
  /** Sorted by id: those that tokens are placed for. */
  readonly members: readonly RingMember[];
  /**
   * The present owners. Absent until the membership changes: then owners follow the tokens one
   * range and one owner at a time. Sorted by start.
   */
  readonly segments?: readonly Segment[];
}

/** A range of the ring with one list of owners; it ends where the next one starts. */
export interface Segment {
  readonly start: Position;
  /** In the order of the preference list. */
  readonly owners: readonly NodeId[];
  /** See {@link RangeRegister}. */
  readonly slots?: readonly number[];
  /** 1 when the cluster is created. */
  readonly epoch: number;
  /** Local to this node, never sent: it will not serve the segment any more under this epoch. */
  readonly fenced?: true;
  /**
   * Local to this node: it holds everything that the owner before it held. Kept as long as it is an
   * owner, so that its answers count.
   */
  readonly filled?: true;
}

/** A register as it is sent: a range with its owners. Equal ends mean the whole circle. */
export interface RangeRegister {
  readonly start: Position;
  readonly end: Position;
  readonly owners: readonly NodeId[];
  /**
   * The slot of each owner: 0, 1, 2, … when left out. A slot stays with its place when the owner
   * changes, so an owner and its successors have the same one, and a quorum counts each slot once.
   */
  readonly slots?: readonly number[];
  readonly epoch: number;
}

/** A local mark as it is kept on this node's disk. */
export interface LocalMark {
  readonly start: Position;
  readonly end: Position;
  readonly epoch: number;
  readonly mark: "fenced" | "filled";
}
