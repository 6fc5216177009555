/**
 * What the dashboard's API says, as its pages read it: the shapes of the JSON under `/api/clusters`
 * and of the events of `/api/clusters/{id}/events`. Units stand last in the names.
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

/** What can be done to a node's process. */
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
  /** Hints that it keeps, by the node that each is for. */
  readonly hints: Readonly<Record<NodeId, number>>;
  /** What it thinks of each of the others; phi is null without gossip. */
  readonly peers: Readonly<Record<NodeId, { readonly up: boolean; readonly phi: number | null }>>;
  readonly warnings: readonly string[];
  /** Client requests a second since the previous look, 0 at the first. */
  readonly servedPerSecond: number;
}

interface NodeExit {
  readonly code: number;
  readonly signal: string | null;
  /** The end of what it wrote on stderr. */
  readonly lastWords: string;
}

export interface NodeView {
  readonly id: NodeId;
  readonly url: string;
  /** Null while it has no process. */
  readonly pid: number | null;
  readonly state: NodeState;
  /** How its last process ended, where one has. */
  readonly exit: NodeExit | null;
  /** The last one heard; null while the node has said nothing. */
  readonly status: NodeStatus | null;
  /** Which colour and pattern is its: its own for the cluster's life, whoever comes and goes. */
  readonly mark: number;
}

/** What can be done to a cluster's membership. */
export const CHANGE_KINDS = ["add", "remove", "replace"] as const;
export type ChangeKind = typeof CHANGE_KINDS[number];

/** What a change of the membership would mean, or, once it is committed, means. */
export interface ChangePlan {
  /** Commits this very plan, as long as no other change came first. */
  readonly planId: string;
  readonly act: "join" | "leave" | "remove" | "replace";
  /** The new node; null: none comes. */
  readonly comes: NodeId | null;
  readonly goes: NodeId | null;
  readonly moves: readonly RangeMove[];
  /** Bytes that are copied, about. */
  readonly bytes: number;
  readonly balance: {
    readonly before: Readonly<Record<NodeId, NodeShare>>;
    readonly after: Readonly<Record<NodeId, NodeShare>>;
  };
}

/** How far changes of the membership have come, in the view of the node for which most is left. */
export interface ClusterTransfers extends TransfersState {
  readonly seenBy: NodeId;
}

export interface ClusterSummary {
  readonly id: string;
  readonly state: ClusterState;
  /** Why it failed to start. */
  readonly failure: string | null;
  readonly startedAt: string;
  readonly config: ClusterConfig;
  /** The injected latency's spec; null: none. */
  readonly latency: string | null;
  readonly nodes: readonly NodeView[];
}

export interface ClusterDetail extends ClusterSummary {
  /** Who holds what now, as a node says; null until the cluster runs. */
  readonly ring: RingState | null;
  readonly transfers: TransfersView;
}

/** The part of the transfers that a page follows. */
export interface TransfersView {
  /** Changes of an owner that are still to be made. */
  readonly left: number;
  /** Most that were left since there were none. */
  readonly most: number;
  /** Nodes that are handing over what they hold. */
  readonly leaving: readonly NodeId[];
}

/** An observation as a node's `/events` sends it. */
export type ProtocolEvent = Observation & {
  /** Who observed it. */
  readonly node: NodeId;
  /** ms since 1970. */
  readonly at: number;
};

/** What `/api/clusters/{id}/events` sends: the SSE event's name, and its data. */
export type LiveMessage =
  | { readonly event: "cluster"; readonly data: ClusterDetail }
  | { readonly event: "nodes"; readonly data: readonly NodeView[] }
  /** Who holds what has changed. */
  | { readonly event: "ring"; readonly data: RingState }
  | { readonly event: "transfers"; readonly data: TransfersView }
  | { readonly event: "protocol"; readonly data: ProtocolEvent }
  /** Protocol events left out since the last such message: there were too many to send. */
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
  /** Requests in all. */
  readonly count: number;
  /** Requests under way at a time. */
  readonly concurrency: number;
  readonly keys: KeyChoice;
  /** How many different keys there are to choose from. */
  readonly keyCount: number;
  readonly valueBytes: number;
  /** A node's id, `any` (in turn) or `partition-aware` (a replica of the key). */
  readonly to: string;
  /** Left out: the cluster's default. */
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
  /** 1 for a cluster's first. */
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

/** RFC 9457, with the members that Dynamo adds. */
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
  /** What its writer had seen beyond the clock. */
  readonly dots?: readonly Dot[];
}

/** The JSON envelope that a node answers a read with, when asked for JSON. */
export interface ReadEnvelope {
  readonly key: string;
  readonly context: string | null;
  readonly siblings: readonly SiblingView[];
  readonly coordinator?: NodeId;
  readonly replicas?: readonly ReplicaTrace[];
}

/** The JSON that a node answers a write with. */
export interface WriteEnvelope {
  readonly key: string;
  readonly context: string;
  readonly coordinator: NodeId;
  readonly acks: readonly NodeId[];
  readonly hints: readonly { readonly holder: NodeId; readonly for: NodeId }[];
  readonly replicas?: readonly ReplicaTrace[];
}
