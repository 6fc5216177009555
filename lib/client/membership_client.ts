/**
 * Membership changes over a member's REST API: first a plan, which says what would move, then a commit of
 * that plan (SOSP 2007, section 4.8.1: joins and leaves are explicit). All requests need the cluster's
 * secret. All methods throw `NodeError`. A commit without an answer may have been made.
 */
import { isPlanOutdated } from "../dynamo/membership/act_refusals.ts";
import type { TransfersState } from "../dynamo/types/admin.ts";
import type { NodeId } from "../dynamo/types/ids.ts";
import type { NodeShare, RangeMove } from "../dynamo/types/membership_plan.ts";
import type { Fetch } from "./http.ts";
import { askForJson, type JsonRequest } from "./node_requests.ts";

export type ActName = "join" | "leave" | "remove" | "replace";

/** A node's answer to a plan. */
export interface PlanAnswer {
  readonly planId: string;
  readonly moves: readonly RangeMove[];
  /** How many ranges change owners, and how many copies of them move. */
  readonly ranges: number;
  readonly copies: number;
  /** Estimates of what is copied. */
  readonly keys: number;
  readonly bytes: number;
  readonly balance: {
    readonly before: Readonly<Record<NodeId, NodeShare>>;
    readonly after: Readonly<Record<NodeId, NodeShare>>;
  };
}

/** The properties of a change; which are needed depends on its kind. */
export interface PlanFields {
  readonly node?: NodeId | undefined;
  readonly url?: string | undefined;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
}

/** Generous, because a plan examines every range and a commit waits for a disk. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Most attempts, as other changes can be committed between a plan and its commit. */
const PLANS_MAX = 10;

export class MembershipClient {
  constructor(private readonly secret: string | null, private readonly fetchFrom: Fetch = fetch) {}

  plan(url: string, act: ActName, fields: PlanFields): Promise<PlanAnswer> {
    return this.post(url, act, { plan: true, ...fields });
  }

  async commit(url: string, act: ActName, planId: string): Promise<void> {
    await this.post(url, act, { planId });
  }

  /** Plans and commits, and repeats both if the membership changes in between. */
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

  /** The progress of the changes as the node knows it. `signal` cancels the request. */
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

  private post<T>(url: string, act: ActName, json: object): Promise<T> {
    return this.ask<T>({ method: "POST", url: new URL(`/membership/${act}`, url).href, json });
  }

  private ask<T>(request: Omit<JsonRequest, "secret" | "timeoutMs">): Promise<T> {
    const { secret, fetchFrom } = this;
    return askForJson<T>({ ...request, secret, timeoutMs: REQUEST_TIMEOUT_MS }, fetchFrom);
  }
}

/** Calls `planAndCommit`, and again as long as the membership changes between plan and commit. */
export async function whilePlansAreOutdated<T>(planAndCommit: () => Promise<T>): Promise<T> {
  for (let plans = 1;; plans++) {
    try {
      return await planAndCommit();
    } catch (error) {
      if (plans >= PLANS_MAX || !isPlanOutdated(error as { code: string })) throw error;
    }
  }
}
