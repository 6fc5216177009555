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
  /** The data directory that its copies are known to be in; absent while nobody knows. */
  readonly dataId?: string;
}

/**
 * `leaving` hands its ranges over and serves them until then; `left` has done so; `removed` was dead
 * and is listened to no more, for what it holds may be older than what was forgotten meanwhile.
 */
export type MemberStatus = "member" | "leaving" | "left" | "removed";
