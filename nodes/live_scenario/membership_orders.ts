/**
 * Makes membership changes on real processes, as an operator would. One running member after another is
 * asked to plan and commit the change, until one commits it or it is no longer possible. In virtual time
 * `lib/simulation/world/membership_orders.ts` does the same.
 */
import type { PlanFields } from "../../lib/client/membership_client.ts";
import { afterRefusal } from "../../lib/dynamo/membership/act_refusals.ts";
import type { MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { MembershipAct } from "../../lib/dynamo/types/membership_plan.ts";
import { shuffled } from "../../lib/dynamo/types/random.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import { memberStatusAt, pollDelay } from "../cluster/decommissions.ts";
import { LaunchError } from "../cluster/launch_error.ts";
import {
  MembershipRequests,
  type NodeAddress,
  RequestRefused,
} from "../cluster/membership_requests.ts";
import type { NodeProcess } from "../cluster/supervised_node.ts";

export type ActKind = MembershipAct["kind"];

/** Most attempts for one change, 100 ms apart. */
const ATTEMPTS_MAX = 400;

/** The part of a `RunningCluster` that is needed. */
interface ChangedCluster {
  readonly nodes: readonly NodeProcess[];
  readonly secretFile: string;
}

interface ScenarioOrdersOptions {
  readonly cluster: ChangedCluster;
  readonly random: SeededRandom;
  readonly onCommitted: (act: MembershipAct) => void;
  /**
   * The change is not possible, or was made without an answer. `isGone`: the node to remove has been
   * removed.
   */
  readonly onDropped: (act: MembershipAct, isGone: boolean) => void;
  readonly onFailure: (error: unknown) => void;
}

type AttemptResult = "committed" | "given-up" | "again";

export class ScenarioOrders {
  /** The number of committed changes, by kind. */
  readonly committed: Partial<Record<ActKind, number>> = {};
  private readonly open = new Set<MembershipAct>();
  private readonly closing = new AbortController();
  private readonly requests: MembershipRequests;

  constructor(private readonly options: ScenarioOrdersOptions) {
    this.requests = new MembershipRequests(options.cluster.secretFile);
  }

  /** Whether all changes are decided. */
  get isIdle(): boolean {
    return this.open.size === 0;
  }

  /** Whether an open change removes or replaces this node. */
  isBeingRemoved(node: NodeId): boolean {
    return [...this.open].some((act) =>
      act.kind !== "join" && act.kind !== "leave" && act.node === node
    );
  }

  /** Requests a change until it is decided. */
  request(act: MembershipAct): void {
    this.open.add(act);
    this.carryOut(act).catch((error) => {
      if (!this.closing.signal.aborted) this.options.onFailure(error);
    });
  }

  /** Stops requesting changes. */
  close(): void {
    this.closing.abort(new LaunchError("failed", "The scenario is over"));
  }

  private async carryOut(act: MembershipAct): Promise<void> {
    let result: AttemptResult = "again";
    for (let attempts = 0; attempts < ATTEMPTS_MAX && result === "again"; attempts++) {
      if (attempts > 0) await pollDelay(this.closing.signal);
      result = await this.attempt(act);
    }
    const isGone = result !== "committed" && act.kind !== "join" && act.kind !== "leave" &&
      await this.isSomewhere(act.node, (memberStatus) => memberStatus === "removed");
    this.closing.signal.throwIfAborted();
    this.open.delete(act);
    if (result === "committed") {
      this.committed[act.kind] = (this.committed[act.kind] ?? 0) + 1;
      this.options.onCommitted(act);
    } else this.options.onDropped(act, isGone);
  }

  private async attempt(act: MembershipAct): Promise<AttemptResult> {
    const target = act.kind === "join" ? act.member.id : act.node;
    const member = await this.memberOtherThan(target);
    if (member === null) return "again";
    try {
      await this.requests.planAndCommit(member, act.kind, fieldsOf(act));
      return "committed";
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      const refusal = error instanceof RequestRefused ? error : null;
      const isMember = act.kind === "join" && await this.isSomewhere(act.member.id, isMemberStill);
      // Here a removed node loses its disk, so no joining node has a disk that it was removed with.
      return afterRefusal(act, refusal, isMember) === "ask-again" ? "again" : "given-up";
    }
  }

  /** A running node that is a member by its own view; null if there is none. */
  private async memberOtherThan(target: NodeId): Promise<NodeAddress | null> {
    for (const node of shuffled(this.options.random, this.running)) {
      if (node.id === target) continue;
      const memberStatus = await memberStatusAt(this.requests, node, node.id);
      if (memberStatus === "member" || memberStatus === "leaving") return node;
    }
    return null;
  }

  /** Whether a running node knows `id` with a status that matches. */
  private async isSomewhere(
    id: NodeId,
    matches: (memberStatus: MemberStatus | null) => boolean,
  ): Promise<boolean> {
    const memberStatuses = this.running.map((node) => memberStatusAt(this.requests, node, id));
    return (await Promise.all(memberStatuses)).some(matches);
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
