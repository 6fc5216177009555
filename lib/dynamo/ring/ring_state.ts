/** The ring and the ownership of its ranges as plain data: kept on disks and sent between nodes. */
import type { NodeId } from "../types/ids.ts";
import type { Position } from "./position.ts";

export type Partitioning = "random-tokens" | "random-tokens-equal-partitions" | "equal-partitions";

export const PARTITIONINGS: readonly Partitioning[] = [
  "equal-partitions",
  "random-tokens",
  "random-tokens-equal-partitions",
];

/** An ownership register: who holds the token, and how often it has changed hands. */
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
   * Who holds what now, where that is not simply what the tokens say: there was a change of membership,
   * and data moves one owner of one range at a time. Sorted by start.
   */
  readonly segments?: readonly Segment[];
}

/** A range of the ring with one list of owners; it ends where the next one starts. */
export interface Segment {
  readonly start: Position;
  /** In the order of the preference list. */
  readonly owners: readonly NodeId[];
  /** 1 when the cluster is founded. */
  readonly epoch: number;
  /**
   * This node's own, never spread: it has promised, durably, to serve the segment no more under this
   * epoch.
   */
  readonly fenced?: true;
  /**
   * This node's own: it holds all that the owner it takes over from held. It lasts while it is an owner,
   * so that what it says of the range counts.
   */
  readonly filled?: true;
}

/** A segment on its own: on the wire, and where it is asked for. Equal ends mean the whole circle. */
export interface RangeRegister {
  readonly start: Position;
  readonly end: Position;
  readonly owners: readonly NodeId[];
  readonly epoch: number;
}

/** A promise or an achievement of this node's own, as it is kept on its disk. */
export interface LocalMark {
  readonly start: Position;
  readonly end: Position;
  readonly epoch: number;
  readonly mark: "fenced" | "filled";
}
