/** What a node keeps on its disk for a key, and how keys are named in pages and in trees. */
import type { TreeHash } from "../repair/merkle.ts";
import type { Position } from "../ring/position.ts";
import type { Actor } from "../versions/clock.ts";
import type { Siblings } from "../versions/versions.ts";
import type { Micros, NodeId } from "./ids.ts";

/** What a node keeps of a key: one record, replicated siblings and what is local to this node. */
export interface StoredRecord {
  readonly key: string;
  readonly siblings: Siblings;
  /**
   * The actor under which this node issues dots for the key. Local, never replicated: where it is
   * missing, or of an earlier boot, the next coordinated write draws a new one, so no dot is ever issued
   * twice.
   */
  readonly actor?: Actor;
  /** Nodes to which this record must be delivered. Local as well. */
  readonly hintFor?: readonly Hint[];
}

/** A promise to deliver a record to a node that could not take it. */
export interface Hint {
  readonly node: NodeId;
  readonly since: Micros;
}

/** The targets of hints that a store adds or removes. */
export interface HintChange {
  readonly add?: readonly NodeId[];
  readonly remove?: readonly NodeId[];
}

/** A key and its position. Pages are ordered by position, then key. */
export interface KeyPlace {
  readonly key: string;
  readonly position: Position;
}

/** A key and the digest of what a replica holds of it. */
export type KeyDigest = readonly [key: string, hash: TreeHash];
