/** What tells one start of a node from another: see `lives.ts`. */
import type { NodeId } from "./ids.ts";

/** One start of a node over one data directory. */
export interface Life {
  readonly dataId: string;
  readonly incarnation: number;
  readonly bootNumber: number;
  /** How many changes the disk had durably taken when this was told. */
  readonly writes: number;
}

/**
 * `unconfirmed`: no peer has said yet that it knows of no later life. `recovering`: the node knows that
 * its disk lacks something. `settled`: neither.
 */
export type LifeStatus = "unconfirmed" | "recovering" | "settled";

/** A peer's last known life, as it is kept on this node's disk. */
export interface PeerLife extends Life {
  readonly id: NodeId;
}
