/**
 * What each node of a running cluster stores and knows. Tests, the soak and experiments use it to check
 * the nodes' disks rather than a quorum's answers.
 */
import { askForJson, NodeError } from "../../lib/client/node_requests.ts";
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { RingMember, RingState } from "../../lib/dynamo/ring/ring_state.ts";
import type {
  AntiEntropyState,
  ExchangeReport,
  TransfersState,
} from "../../lib/dynamo/types/admin.ts";
import type { MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import { readSecret } from "../process/secret.ts";
import type { MethodTraffic } from "../rpc/traffic.ts";
import type { RunningCluster } from "./launcher.ts";

/** The part of `GET /status` that shows failures and repairs. */
interface NodeView {
  readonly id: NodeId;
  readonly dataId: string;
  readonly keys: number;
  readonly hints: Readonly<Record<NodeId, number>>;
  readonly peers: Readonly<Record<NodeId, { readonly up: boolean; readonly phi: number | null }>>;
  readonly antiEntropy: AntiEntropyState;
  readonly traffic: Readonly<Record<string, MethodTraffic>>;
  readonly counters: Readonly<Record<string, number>>;
}

/** The membership as one node knows it. */
export interface MembershipView {
  readonly node: NodeId;
  /** Of all current and former members. */
  readonly memberStatuses: ReadonlyMap<NodeId, MemberStatus>;
  readonly ring: Ring;
  /** Some ranges must still change owners, or orphaned replicas must still be dropped. */
  readonly isMoving: boolean;
}

/** The part of `GET /ring` that is needed to build a `Ring`. */
interface RingTable extends Omit<RingState, "members"> {
  readonly n: number;
  readonly members: readonly (RingMember & { readonly memberStatus: MemberStatus })[];
}

interface HeldVersion {
  readonly value?: string;
  readonly valueBase64?: string;
  readonly deleted?: true;
  readonly clock: readonly (readonly [string, number])[];
  readonly dot: readonly [string, number];
  readonly dots?: readonly (readonly [string, number])[];
  readonly contentType?: string;
  readonly stampUs?: number;
}

export interface HeldRecord {
  readonly key: string;
  readonly primary: boolean;
  readonly actor: string | null;
  readonly hintFor: readonly { readonly node: NodeId; readonly sinceMs: number }[];
  readonly siblings: readonly HeldVersion[];
}

interface HeldKeys {
  readonly keys: readonly string[];
  readonly hints: readonly { readonly key: string; readonly for: readonly NodeId[] }[];
}

interface RequestedExchanges extends AntiEntropyState {
  readonly exchanges: readonly ExchangeReport[];
  readonly unreachable: readonly NodeId[];
}

const REQUEST_TIMEOUT_MS = 10_000;
const PAGE_KEYS = 1_000;

export class ClusterView {
  private constructor(
    private readonly cluster: RunningCluster,
    private readonly secret: string,
    private readonly ring: { readonly ring: Ring } | undefined,
  ) {}

  /** `ring`: the current ring, if the caller follows it. Then no node is asked for a key's primaries. */
  static async of(
    cluster: RunningCluster,
    ring?: { readonly ring: Ring },
  ): Promise<ClusterView> {
    return new ClusterView(cluster, await readSecret(cluster.secretFile), ring);
  }

  /** The nodes that are running now. */
  get running(): NodeId[] {
    return this.cluster.nodes.filter(({ state }) => state === "running").map(({ id }) => id);
  }

  async status(id: NodeId): Promise<NodeView> {
    return await this.ask<NodeView>(id, "/status");
  }

  /** The number of hints that all running nodes hold. */
  async hints(): Promise<number> {
    return (await this.hintsByHolder()).reduce((sum, { count }) => sum + count, 0);
  }

  /** The number of hints by the node that holds them and the node that they are meant for. */
  async hintsByHolder(): Promise<{ node: NodeId; target: NodeId; count: number }[]> {
    const statuses = await Promise.all(this.running.map((id) => this.status(id)));
    return statuses.flatMap(({ id, hints }) =>
      Object.entries(hints).filter(([, count]) => count > 0)
        .map(([target, count]) => ({ node: id, target, count }))
    );
  }

  /** The membership as the node knows it, and the ring that follows from it. */
  async membership(id: NodeId): Promise<MembershipView> {
    const [table, transfers] = await Promise.all([
      this.ask<RingTable>(id, "/ring"),
      this.ask<TransfersState>(id, "/membership/transfers"),
    ]);
    const { partitioning, partitions, tokens, segments, n } = table;
    const members = table.members.filter(({ memberStatus }) => memberStatus === "member")
      .map(({ id, weight, zone }) => zone === undefined ? { id, weight } : { id, weight, zone });
    const state = { partitioning, partitions, tokens, members };
    return {
      node: id,
      memberStatuses: new Map(transfers.members.map((each) => [each.id, each.memberStatus])),
      ring: new Ring(segments === undefined ? state : { ...state, segments }, n),
      isMoving: transfers.left > 0 || transfers.orphanedReplicas,
    };
  }

  /** The node's own record of the key; null if it has none. */
  async record(id: NodeId, key: string): Promise<HeldRecord | null> {
    try {
      return await this.ask<HeldRecord>(id, `/debug/keys/${encodeURIComponent(key)}`);
    } catch (error) {
      const { cause } = error as Error;
      if (cause instanceof NodeError && cause.status === 404) return null;
      throw error;
    }
  }

  /** Every key that the node stores. Keys stored as hints for other nodes are listed separately. */
  async keys(id: NodeId): Promise<HeldKeys> {
    const keys: string[] = [];
    const hints: { key: string; for: NodeId[] }[] = [];
    let after = "";
    for (;;) {
      const page = await this.ask<{
        keys: { key: string }[];
        hints: { key: string; for: { node: NodeId }[] }[];
        next: string | null;
      }>(id, `/debug/keys?limit=${PAGE_KEYS}${after}`);
      keys.push(...page.keys.map(({ key }) => key));
      hints.push(...page.hints.map((each) => ({
        key: each.key,
        for: each.for.map(({ node }) => node),
      })));
      if (page.next === null) return { keys, hints };
      after = `&after=${encodeURIComponent(page.next)}`;
    }
  }

  /** A key's primaries, as the followed ring or else the first running node knows them. */
  async primaries(key: string): Promise<readonly NodeId[]> {
    if (this.ring !== undefined) return this.ring.ring.primariesOfKey(key);
    const [running] = this.running;
    if (running === undefined) throw new Error("Cannot find a key's primaries: no node is running");
    const { preferenceList } = await this.ask<{
      preferenceList: { id: NodeId; primary: boolean }[];
    }>(running, `/ring/${encodeURIComponent(key)}`);
    return preferenceList.filter(({ primary }) => primary).map(({ id }) => id);
  }

  /** Compares a node with its co-owners, or pauses or resumes anti-entropy. Resolves when done. */
  async antiEntropy(
    id: NodeId,
    request: { readonly range?: number; readonly key?: string; readonly pause?: boolean } = {},
  ): Promise<RequestedExchanges> {
    // Comparing equal replicas again changes nothing.
    const call = { method: "POST", json: request, isIdempotent: true } as const;
    return await this.ask<RequestedExchanges>(id, "/anti-entropy", call);
  }

  private async ask<T>(
    id: NodeId,
    path: string,
    call: { readonly method?: "POST"; readonly json?: unknown; readonly isIdempotent?: true } = {},
  ): Promise<T> {
    const url = `${this.cluster.node(id).url}${path}`;
    try {
      return await askForJson<T>({
        ...call,
        url,
        secret: this.secret,
        timeoutMs: REQUEST_TIMEOUT_MS,
      });
    } catch (cause) {
      throw new Error(`Cannot get ${path} from node ${id}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** The record's versions as text. Equal records have equal texts. */
export function contentsOf(record: HeldRecord | null): string {
  if (record === null) return "";
  const versions = record.siblings.map(({ value, valueBase64, deleted, clock, dot, dots = [] }) =>
    JSON.stringify({ dot, clock, dots, value, valueBase64, deleted })
  );
  return versions.toSorted().join("\n");
}
