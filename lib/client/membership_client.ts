/**
 * Orders to change the membership, at any member: a plan first, so that it is known what would move,
 * then a commit of that very plan (SOSP 2007, section 4.8.1: explicit acts). They need the cluster's
 * secret. All throw {@link NodeError}; a commit that was not answered may have been done.
 */
import { isPlanOutdated } from "../dynamo/membership/act_refusals.ts";
import type { TransfersState } from "../dynamo/types/admin.ts";
import type { NodeId } from "../dynamo/types/ids.ts";
import type { NodeShare, RangeMove } from "../dynamo/types/membership_plan.ts";
import type { Fetch } from "./http.ts";
import { askForJson, type JsonRequest } from "./node_requests.ts";

export type ActName = "join" | "leave" | "remove" | "replace";

/** A plan as a node answers it. */
export interface PlanAnswer {
  readonly planId: string;
  readonly moves: readonly RangeMove[];
  /** Ranges that change owners, and copies of them that move. */
  readonly ranges: number;
  readonly copies: number;
  /** What is copied, about. */
  readonly keys: number;
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

/** A plan looks at every range; a commit waits for a disk. */
const ANSWER_MS = 15_000;
/** Other changes may get in between a plan and its commit; so often it is planned. */
const PLANS_MAX = 10;

export class MembershipClient {
  constructor(private readonly secret: string | null, private readonly fetchFrom: Fetch = fetch) {}

  plan(url: string, act: ActName, fields: PlanFields): Promise<PlanAnswer> {
    return this.order(url, act, { plan: true, ...fields });
  }

  async commit(url: string, act: ActName, planId: string): Promise<void> {
    await this.order(url, act, { planId });
  }

  /** Both, and again while the membership changes in between. `onPlan` hears of each plan. */
  planAndCommit(
    url: string,
    act: ActName,
    fields: PlanFields,
    onPlan: (plan: PlanAnswer) => void = () => {},
  ): Promise<void> {
    return whilePlansAreOutdated(async () => {
      const plan = await this.plan(url, act, fields);
      onPlan(plan);
      await this.commit(url, act, plan.planId);
    });
  }

  /** How far the changes have come, as the node knows. `signal` gives the question up. */
  transfers(url: string, signal?: AbortSignal): Promise<TransfersState> {
    return this.ask({ url: new URL("/membership/transfers", url).href, signal });
  }

  /** Whether the node believes that `other` is up; true when it does not know it. */
  async believesUp(url: string, other: NodeId): Promise<boolean> {
    const { peers } = await this.ask<
      { peers: Readonly<Record<NodeId, { readonly up: boolean } | undefined>> }
    >({ url: new URL("/status", url).href });
    return peers[other]?.up ?? true;
  }

  private order<T>(url: string, act: ActName, json: object): Promise<T> {
    return this.ask<T>({ method: "POST", url: new URL(`/membership/${act}`, url).href, json });
  }

  private ask<T>(request: Omit<JsonRequest, "secret" | "timeoutMs">): Promise<T> {
    const { secret, fetchFrom } = this;
    return askForJson<T>({ ...request, secret, timeoutMs: ANSWER_MS }, fetchFrom);
  }
}

/** Does what makes a plan and commits it, and again while the membership changes in between. */
export async function whilePlansAreOutdated<T>(planAndCommit: () => Promise<T>): Promise<T> {
  for (let plans = 1;; plans++) {
    try {
      return await planAndCommit();
    } catch (error) {
      if (plans >= PLANS_MAX || !isPlanOutdated(error as { code: string })) throw error;
    }
  }
}
