/**
 * What a person who looks after a cluster may order of a running node, beside what it does by itself:
 * to compare its trees with the co-owners now, and to leave anti-entropy be for a while.
 */
import type { ErrorReply, Micros } from "./events.ts";
import type { NodeId } from "./ring.ts";

export interface AdminRequest {
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
  | {
    readonly status: "anti-entropy";
    readonly state: AntiEntropyState;
    /** Those that were ordered, over now. */
    readonly exchanges: readonly ExchangeReport[];
    /** Co-owners that were to be compared with and are believed down. */
    readonly unreachable: readonly NodeId[];
  }
  | ErrorReply;
