/** The names and units that everything else is written in. This file imports nothing. */
export type NodeId = string;

/** Integer microseconds since 1970; in a simulation, virtual ones. */
export type Micros = number;

/** A member and how to reach it. */
export interface Member {
  readonly id: NodeId;
  /** `http://host:port`, where REST and RPC are served. */
  readonly url: string;
  readonly weight: number;
  readonly zone?: string;
  /** The id of its data directory; absent while it is not known. */
  readonly dataId?: string;
}

/**
 * `leaving`: hands its ranges over, and serves them until then. `left`: has done so. `removed`: was
 * dead, and is ignored from then on, as it may hold data that was deleted and forgotten since.
 */
export type MemberStatus = "member" | "leaving" | "left" | "removed";
