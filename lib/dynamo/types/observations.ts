/**
 * What a replica reports about itself, for `/events`, metrics, traces and the dashboard. Nothing in
 * the protocol depends on it.
 */
import type { RecoveryCause } from "./boot.ts";
import type { ClientRequest, ErrorReply, ReplicaTrace } from "./client_messages.ts";
import type { MemberStatus, Micros, NodeId } from "./ids.ts";

export type Observation =
  | {
    readonly type: "request";
    readonly method: ClientRequest["method"];
    readonly key: string;
    readonly outcome: "ok" | "absent" | ErrorReply["error"]["code"];
    /**
     * µs until the client was answered. The observation comes when no replica is waited for any
     * more.
     */
    readonly tookUs: number;
    readonly needed: number;
    /** All replicas, those that answered after the client was served too. */
    readonly replicas: readonly ReplicaTrace[];
  }
  | { readonly type: "forward"; readonly key: string; readonly to: NodeId }
  | { readonly type: "read-repair"; readonly key: string; readonly to: NodeId }
  | { readonly type: "siblings"; readonly key: string; readonly count: number }
  | { readonly type: "silent"; readonly peer: NodeId; readonly key: string }
  | {
    readonly type: "call-failed";
    readonly to: NodeId;
    readonly method: string;
    readonly reason: string;
  }
  | { readonly type: "storage-failed"; readonly key: string; readonly reason: string }
  | { readonly type: "node-down"; readonly peer: NodeId; readonly phi: number | null }
  | { readonly type: "node-up"; readonly peer: NodeId }
  | { readonly type: "hint-stored"; readonly key: string; readonly for: NodeId }
  | {
    readonly type: "hint-delivered";
    readonly key: string;
    readonly for: NodeId;
    /** The target itself, or after expiry another owner. */
    readonly to: NodeId;
  }
  | {
    readonly type: "anti-entropy";
    readonly peer: NodeId;
    readonly ranges: number;
    readonly rangesDiffering: number;
    readonly keysRepaired: number;
    readonly tookUs: Micros;
  }
  /** A scrub has found leaves of a range's tree that do not agree with the disk. */
  | { readonly type: "scrub"; readonly range: number; readonly wrong: number }
  /**
   * The disk was replaced or is an older copy: reads wait until the missing data was copied from
   * peers.
   */
  | { readonly type: "recovering"; readonly cause: RecoveryCause }
  /** The disk is complete again. */
  | { readonly type: "caught-up" }
  /** Every peer was asked once what it remembers of this node; `heard` have answered. */
  | { readonly type: "boot-checked"; readonly heard: readonly NodeId[] }
  /** The node has heard of a change of a member's status. */
  | { readonly type: "member"; readonly member: NodeId; readonly memberStatus: MemberStatus }
  /** This node holds all of a range that it takes over, and owns it from now on. */
  | {
    readonly type: "range-taken";
    readonly range: number;
    readonly from: NodeId | null;
    readonly keys: number;
    readonly tookUs: Micros;
  }
  /** This node, the range's register writer, has advanced its register. */
  | {
    readonly type: "range-moved";
    readonly range: number;
    readonly from: NodeId | null;
    readonly to: NodeId | null;
  }
  /** A tombstone that every member agreed on is dropped. */
  | { readonly type: "reaped"; readonly key: string }
  /** A damaged record was replaced by what every other replica holds. */
  | { readonly type: "recovered"; readonly key: string };
