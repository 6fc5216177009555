/**
 * Acts of membership on real processes, as somebody who looks after the cluster has them done, and as
 * `lib/simulation/world/membership_orders.ts` does in virtual time: one running member after the other is
 * asked to plan and then to commit, until one does or the act makes no sense any more.
 */
import type { PlanFields } from "../../lib/client/membership_client.ts";
import { afterRefusal } from "../../lib/dynamo/membership/act_refusals.ts";
import type { MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { MembershipAct } from "../../lib/dynamo/types/membership_plan.ts";
import { shuffled } from "../../lib/dynamo/types/random.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import { look, memberStatusAt } from "../cluster/decommissions.ts";
import { LaunchError } from "../cluster/launch_error.ts";
import {
  type Addressee,
  MembershipRequests,
  OrderRefused,
} from "../cluster/membership_requests.ts";
import type { NodeProcess } from "../cluster/supervised_node.ts";

export type ActKind = MembershipAct["kind"];

/** So often an act is asked for at the most, and again after every look (100 ms). */
const TRIES_MAX = 400;

/** What it needs of a `RunningCluster`. */
interface OrderedCluster {
  readonly nodes: readonly NodeProcess[];
  readonly secretFile: string;
}

interface ScenarioOrdersOptions {
  readonly cluster: OrderedCluster;
  readonly random: SeededRandom;
  readonly onCommitted: (act: MembershipAct) => void;
  /** It was done though nobody heard of it, or can never be. `isGone`: who was to go was removed. */
  readonly onDropped: (act: MembershipAct, isGone: boolean) => void;
  readonly onFailure: (error: unknown) => void;
}

type End = "committed" | "given-up" | "again";

export class ScenarioOrders {
  /** Acts that were committed to, by kind. */
  readonly committed: Partial<Record<ActKind, number>> = {};
  private readonly open = new Set<MembershipAct>();
  private readonly ending = new AbortController();
  private readonly rest: MembershipRequests;

  constructor(private readonly options: ScenarioOrdersOptions) {
    this.rest = new MembershipRequests(options.cluster.secretFile);
  }

  /** Nothing is still to be decided. */
  get isIdle(): boolean {
    return this.open.size === 0;
  }

  /** Whether another act is to take this node out. */
  isToGo(node: NodeId): boolean {
    return [...this.open].some((act) =>
      act.kind !== "join" && act.kind !== "leave" && act.node === node
    );
  }

  /** Has the act done, as soon as somebody does it. */
  give(act: MembershipAct): void {
    this.open.add(act);
    this.carryOut(act).catch((error) => {
      if (!this.ending.signal.aborted) this.options.onFailure(error);
    });
  }

  /** Nothing more is asked for. */
  close(): void {
    this.ending.abort(new LaunchError("failed", "The scenario is over"));
  }

  private async carryOut(act: MembershipAct): Promise<void> {
    let end: End = "again";
    for (let tries = 0; tries < TRIES_MAX && end === "again"; tries++) {
      if (tries > 0) await look(this.ending.signal);
      end = await this.attempt(act);
    }
    const isGone = end !== "committed" && act.kind !== "join" && act.kind !== "leave" &&
      await this.isSomewhere(act.node, (memberStatus) => memberStatus === "removed");
    this.ending.signal.throwIfAborted();
    this.open.delete(act);
    if (end === "committed") {
      this.committed[act.kind] = (this.committed[act.kind] ?? 0) + 1;
      this.options.onCommitted(act);
    } else this.options.onDropped(act, isGone);
  }

  private async attempt(act: MembershipAct): Promise<End> {
    const target = act.kind === "join" ? act.member.id : act.node;
    const member = await this.memberBut(target);
    if (member === null) return "again";
    try {
      await this.rest.planAndCommit(member, act.kind, fieldsOf(act));
      return "committed";
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      const refusal = error instanceof OrderRefused ? error : null;
      const isMember = act.kind === "join" && await this.isSomewhere(act.member.id, isMemberStill);
      // A disk is lost with its node here, so no newcomer has one that it was removed with.
      return afterRefusal(act, refusal, isMember) === "ask-again" ? "again" : "given-up";
    }
  }

  /** A running node that takes itself for a member; null when there is none. */
  private async memberBut(target: NodeId): Promise<Addressee | null> {
    for (const node of shuffled(this.options.random, this.running)) {
      if (node.id === target) continue;
      const memberStatus = await memberStatusAt(this.rest, node, node.id);
      if (memberStatus === "member" || memberStatus === "leaving") return node;
    }
    return null;
  }

  /** Whether some running node thinks so of `id`. */
  private async isSomewhere(
    id: NodeId,
    thinks: (memberStatus: MemberStatus | null) => boolean,
  ): Promise<boolean> {
    const memberStatuses = this.running.map((node) => memberStatusAt(this.rest, node, id));
    return (await Promise.all(memberStatuses)).some(thinks);
  }

  private get running(): NodeProcess[] {
    return this.options.cluster.nodes.filter(({ state }) => state === "running");
  }
}

function isMemberStill(memberStatus: MemberStatus | null): boolean {
  return memberStatus !== null && memberStatus !== "removed";
}

function fieldsOf(act: MembershipAct): PlanFields {
  const node = act.kind === "join" ? {} : { node: act.node };
  if (act.kind === "leave" || act.kind === "remove") return node;
  const { url, weight, zone } = act.member;
  return { ...node, url, weight, zone };
}
