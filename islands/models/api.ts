/**
 * The JSON of the dashboard's API as its pages read it: the shapes under `/api/clusters`, and of the
 * events of `/api/clusters/{id}/events`. A name ends with its unit.
 */
import type { RingState } from "../../lib/dynamo/ring/ring_state.ts";
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { ReplicaTrace } from "../../lib/dynamo/types/client_messages.ts";
import type { ClusterConfig } from "../../lib/dynamo/types/config.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { NodeShare, RangeMove } from "../../lib/dynamo/types/membership_plan.ts";
import type { Observation } from "../../lib/dynamo/types/observations.ts";
import type { Clock, Dot } from "../../lib/dynamo/versions/clock.ts";

export type ClusterState = "starting" | "running" | "failed" | "ending";

export type NodeState = "starting" | "running" | "paused" | "stopped" | "killed" | "crashed";

/** Actions on a node's process. */
export const NODE_ACTS = ["kill", "stop", "pause", "resume", "restart", "wipe"] as const;
export type NodeAct = typeof NODE_ACTS[number];

/** The part of a node's `GET /status` that the pages show. */
export interface NodeStatus {
  readonly uptimeMs: number;
  readonly keys: number;
  readonly bytesOnDisk: number;
  readonly requests: {
    readonly inFlight: number;
    readonly served: number;
    readonly failed: number;
  };
  readonly memory: { readonly rssBytes: number; readonly heapUsedBytes: number };
  /** Number of hints that it keeps, by target node. */
  readonly hints: Readonly<Record<NodeId, number>>;
  /** What it believes about every other node; phi is null without gossip. */
  readonly peers: Readonly<Record<NodeId, { readonly up: boolean; readonly phi: number | null }>>;
  readonly warnings: readonly string[];
  /** Client requests per second since the previous status; 0 in the first one. */
  readonly servedPerSecond: number;
}

interface NodeExit {
  readonly code: number;
  readonly signal: string | null;
  /** The end of what it wrote on stderr. */
  readonly stderrTail: string;
}

export interface NodeView {
  readonly id: NodeId;
  readonly url: string;
  /** Null if it has no process. */
  readonly pid: number | null;
  readonly state: NodeState;
  /** How its last process ended; null if none has ended. */
  readonly exit: NodeExit | null;
  /** The last status that the node sent; null if it has not sent one. */
  readonly status: NodeStatus | null;
  /** Index of its colour and pattern. It never changes, and no other node of the cluster gets it. */
  readonly mark: number;
}

/** Changes of a cluster's membership. */
export const CHANGE_KINDS = ["add", "remove", "replace"] as const;
export type ChangeKind = typeof CHANGE_KINDS[number];

/** The effects of a change of the membership, planned or committed. */
export interface ChangePlan {
  /** Commits exactly this plan, unless another change was committed first. */
  readonly planId: string;
  readonly act: "join" | "leave" | "remove" | "replace";
  /** The node that is added; null if none is. */
  readonly comes: NodeId | null;
  /** The node that goes; null if none does. */
  readonly goes: NodeId | null;
  readonly moves: readonly RangeMove[];
  /** Approximate number of bytes to copy. */
  readonly bytes: number;
  readonly balance: {
    readonly before: Readonly<Record<NodeId, NodeShare>>;
    readonly after: Readonly<Record<NodeId, NodeShare>>;
  };
}

/** Progress of membership changes, as seen by the node that still has the most owner changes to make. */
export interface ClusterTransfers extends TransfersState {
  readonly seenBy: NodeId;
}

export interface ClusterSummary {
  readonly id: string;
  readonly state: ClusterState;
  /** Why it failed to start; null if it did not fail. */
  readonly failure: string | null;
  readonly startedAt: string;
  readonly config: ClusterConfig;
  /** The specification of the injected latency; null if there is none. */
  readonly latency: string | null;
  readonly nodes: readonly NodeView[];
}

export interface ClusterDetail extends ClusterSummary {
  /** Tokens and owners as one of the nodes reports them; null until the cluster runs. */
  readonly ring: RingState | null;
  readonly transfers: TransfersView;
}

/** The part of the transfers that a page follows. */
export interface TransfersView {
  /** Owner changes that are still to be made. */
  readonly left: number;
  /** The highest `left` since it was last 0. */
  readonly most: number;
  /** Nodes that are transferring their data to others in order to leave. */
  readonly leaving: readonly NodeId[];
}

/** An observation as a node's `/events` sends it. */
export type ProtocolEvent = Observation & {
  /** The node that observed it. */
  readonly node: NodeId;
  /** ms since 1970. */
  readonly at: number;
};

/** A message of `/api/clusters/{id}/events`: the SSE event's name, and its data. */
export type LiveMessage =
  | { readonly event: "cluster"; readonly data: ClusterDetail }
  | { readonly event: "nodes"; readonly data: readonly NodeView[] }
  /** Owners of ranges have changed. */
  | { readonly event: "ring"; readonly data: RingState }
  | { readonly event: "transfers"; readonly data: TransfersView }
  | { readonly event: "protocol"; readonly data: ProtocolEvent }
  /** Protocol events omitted since the last such message, because there were too many to send. */
  | { readonly event: "dropped"; readonly data: { readonly count: number } }
  | { readonly event: "load"; readonly data: LoadRunView }
  | { readonly event: "load-cleared"; readonly data: Record<string, never> }
  | { readonly event: "ended"; readonly data: Record<string, never> };

export const LIVE_EVENTS: readonly LiveMessage["event"][] = [
  "cluster",
  "nodes",
  "ring",
  "transfers",
  "protocol",
  "dropped",
  "load",
  "load-cleared",
  "ended",
];

// Load ----------------------------------------------------------------------------------------------

export const KEY_CHOICES = ["uniform", "hot-set", "zipfian"] as const;
export type KeyChoice = typeof KEY_CHOICES[number];

export interface LoadPlan {
  readonly operation: "get" | "put";
  /** Total number of requests. */
  readonly count: number;
  /** Number of requests in flight at a time. */
  readonly concurrency: number;
  readonly keys: KeyChoice;
  /** Number of different keys. */
  readonly keyCount: number;
  readonly valueBytes: number;
  /** A node's id, `any` (round robin) or `partition-aware` (a replica of the key). */
  readonly to: string;
  /** Undefined: the cluster's default. */
  readonly r?: number | undefined;
  readonly w?: number | undefined;
}

interface HistogramBin {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

interface LoadFigures {
  readonly attempted: number;
  readonly ok: number;
  readonly failed: number;
  readonly indeterminate: number;
  readonly elapsedMs: number;
  readonly opsPerSecond: number;
  readonly meanMs: number;
  readonly sdMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly histogram: readonly HistogramBin[];
}

export interface LoadRunView {
  /** Numbered from 1 within the cluster. */
  readonly run: number;
  readonly state: "running" | "done" | "stopped" | "failed";
  readonly plan: LoadPlan;
  readonly startedAt: string;
  readonly done: number;
  readonly failed: number;
  readonly failure: string | null;
  /** Null while it runs. */
  readonly result: LoadFigures | null;
}

// Keys ----------------------------------------------------------------------------------------------

/** A problem report (RFC 9457), with the extra fields of the nodes. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string | undefined;
  readonly needed?: number | undefined;
  readonly got?: number | undefined;
  readonly definite?: boolean | undefined;
  readonly unreachable?: readonly string[] | undefined;
  readonly errors?: readonly { readonly field: string; readonly message: string }[] | undefined;
}

export interface SiblingView {
  readonly value?: string;
  readonly valueBase64?: string;
  readonly contentType: string;
  readonly clock: Clock;
  readonly dot: Dot;
  /** Dots that its writer had seen in addition to the clock. */
  readonly dots?: readonly Dot[];
}

/** A node's answer to a read, if the request accepts JSON. */
export interface ReadEnvelope {
  readonly key: string;
  readonly context: string | null;
  readonly siblings: readonly SiblingView[];
  readonly coordinator?: NodeId;
  readonly replicas?: readonly ReplicaTrace[];
}

/** A node's answer to a write. */
export interface WriteEnvelope {
  readonly key: string;
  readonly context: string;
  readonly coordinator: NodeId;
  readonly acks: readonly NodeId[];
  readonly hints: readonly { readonly holder: NodeId; readonly for: NodeId }[];
  readonly replicas?: readonly ReplicaTrace[];
}
