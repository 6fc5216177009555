/**
 * What a launcher orders of its nodes over their REST, as a person who looks after the cluster would:
 * `/membership/…` at a node that is a member, with the cluster's secret. Refusals come back as
 * {@link LaunchError} with the node's own words.
 */
import { askForJson, NodeError } from "../../lib/client/node_requests.ts";
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { NodeShare, RangeMove } from "../../lib/dynamo/types/membership_plan.ts";
import { LaunchError } from "./launch_error.ts";

export type ActName = "join" | "leave" | "remove" | "replace";

/** A plan as a node answers it. */
export interface PlanAnswer {
  readonly planId: string;
  readonly moves: readonly RangeMove[];
  /** Bytes that are copied, about. */
  readonly bytes: number;
  readonly balance: {
    readonly before: Readonly<Record<NodeId, NodeShare>>;
    readonly after: Readonly<Record<NodeId, NodeShare>>;
  };
}

/** What an act needs beside its name. */
export interface PlanFields {
  readonly node?: NodeId | undefined;
  readonly url?: string | undefined;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
}

/** A node that orders are sent to. */
export interface Addressee {
  readonly id: NodeId;
  readonly url: string;
}

/** A node does not accept an order; `code` is that of its problem. */
export class OrderRefused extends LaunchError {
  constructor(message: string, readonly code: string) {
    super("refused", message);
  }
}

/** A plan looks at every range; a commit waits for a disk. */
const ANSWER_MS = 15_000;

export class MembershipRequests {
  constructor(private readonly secretFile: string) {}

  plan(to: Addressee, act: ActName, fields: PlanFields): Promise<PlanAnswer> {
    return this.ask(to, `/membership/${act}`, { order: { plan: true, ...fields } });
  }

  commit(to: Addressee, act: ActName, planId: string): Promise<unknown> {
    return this.ask(to, `/membership/${act}`, { order: { planId } });
  }

  /** `signal` gives the question up. */
  transfers(of: Addressee, signal?: AbortSignal): Promise<TransfersState> {
    return this.ask(of, "/membership/transfers", { signal });
  }

  /** Whether the node believes that `other` is up; true when it does not know it. */
  async believesUp(node: Addressee, other: NodeId): Promise<boolean> {
    const { peers } = await this.ask<
      { peers: Readonly<Record<NodeId, { readonly up: boolean } | undefined>> }
    >(node, "/status");
    return peers[other]?.up ?? true;
  }

  /** Throws {@link OrderRefused} for what the node does not accept, {@link LaunchError} for silence. */
  private async ask<T>(
    { id, url }: Addressee,
    path: string,
    { order, signal }: { readonly order?: object; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const secret = (await Deno.readTextFile(this.secretFile)).trim();
    const method = order === undefined ? "GET" : "POST";
    const request = { method, url: `${url}${path}`, secret, timeoutMs: ANSWER_MS, signal } as const;
    try {
      return await askForJson<T>(order === undefined ? request : { ...request, json: order });
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      const { status, message, code } = error;
      if (status === null) {
        throw new LaunchError("failed", `Node ${id} does not answer to ${path}: ${message}`);
      }
      const told = `Node ${id}: ${message}`;
      // What a node could not do, or did not say in JSON, it may have done in part.
      if (status < 400 || status >= 500) throw new LaunchError("failed", told);
      throw new OrderRefused(told, code);
    }
  }
}
