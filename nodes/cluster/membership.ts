/**
 * Membership changes of a running cluster, made by its launcher in two steps: a plan shows what would
 * move, and a commit carries out that plan (SOSP 2007, section 4.8.1: joins and leaves are explicit).
 *
 * A new node runs before a plan can include it (`joining_node.ts`). A leaving node first hands over its
 * data; its process ends when the others know that it has left (`decommissions.ts`). Changes that were
 * requested at a node directly are learnt from the members (`membership_watch.ts`).
 */
import type { ActName, PlanAnswer, PlanFields } from "../../lib/client/membership_client.ts";
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { Member, MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import { Decommissions, memberStatusAt, memberStatusIn, pollDelay } from "./decommissions.ts";
import { JoiningNode } from "./joining_node.ts";
import { LaunchError } from "./launch_error.ts";
import {
  type MemberList,
  withChange,
  withGone,
  withLeaving,
  withoutChange,
} from "./member_list.ts";
import { MembershipRequests, type NodeAddress } from "./membership_requests.ts";
import { MembershipWatch } from "./membership_watch.ts";
import { DEAD, type NodeProcess, type SupervisedNode } from "./supervised_node.ts";

export type ChangeRequest =
  | {
    readonly kind: "add";
    readonly weight?: number | undefined;
    readonly zone?: string | undefined;
  }
  /** The node leaves if it is running, and is removed if it is dead. */
  | { readonly kind: "remove"; readonly node: NodeId }
  /** A new node takes the place of a dead one. */
  | { readonly kind: "replace"; readonly node: NodeId };

export interface ChangePlan extends Pick<PlanAnswer, "planId" | "moves" | "bytes" | "balance"> {
  readonly act: ActName;
  /** The id of the new node; null if there is none. */
  readonly comes: NodeId | null;
  /** The node that leaves, is removed or is replaced; null if there is none. */
  readonly goes: NodeId | null;
}

/** The progress of the changes, as seen by the running member that reports the most work left. */
export interface ClusterTransfers extends TransfersState {
  /** The member that reports it. */
  readonly seenBy: NodeId;
}

/** What membership changes need from the cluster. */
export interface ChangingCluster {
  /** Members' processes. */
  nodes(): readonly NodeProcess[];
  memberList(): MemberList;
  readonly secretFile: string;
  /** Stores the list of nodes to run, for this launcher and for a later one. */
  saveMemberList(memberList: MemberList): Promise<void>;
  /** A new process, not started, with an id that is not `taken`, a free port and an empty disk. */
  createJoiningNode(taken: readonly NodeId[]): Promise<SupervisedNode>;
  /** Whether to follow changes requested at the nodes, and end the processes of nodes that are gone. */
  readonly followsMembers: boolean;
  /** The joining node is now one of the nodes. */
  addJoined(node: SupervisedNode): void;
  /** Ends a node's process for good. The node is then unknown. */
  removeNode(id: NodeId): Promise<void>;
  /** Ends a joining node and removes its disk. */
  discardJoiningNode(node: SupervisedNode): Promise<void>;
}

interface PendingPlan {
  readonly plan: ChangePlan;
  /** The member that made the plan. */
  readonly via: NodeAddress;
  readonly joiningNode: SupervisedNode | null;
  readonly member: Member | null;
}

/** How long to wait until the nodes' failure detectors notice that a process is gone. */
const DETECTION_MS = 30_000;

export class MembershipChanges {
  private readonly pending = new Map<string, PendingPlan>();
  private readonly requests: MembershipRequests;
  private readonly closing = new AbortController();
  private readonly decommissions: Decommissions;
  private readonly watch: MembershipWatch;
  private readonly joiningNode: JoiningNode;
  /** One change at a time, because each one changes the membership that the next is planned for. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly cluster: ChangingCluster) {
    this.requests = new MembershipRequests(cluster.secretFile);
    this.joiningNode = new JoiningNode(cluster, this.closing.signal, () => {
      // If the cluster closes first, closing ends the node.
      this.inTurn(() => this.expirePlans()).catch(() => {});
    });
    this.decommissions = new Decommissions(
      () => cluster.nodes(),
      this.requests,
      this.closing.signal,
      (id) => this.forgetGone(id),
    );
    this.watch = new MembershipWatch(
      () => cluster.nodes(),
      this.requests,
      this.closing.signal,
      // In turn, because a commit under way already handles the nodes that it changes.
      (view) => this.inTurn(() => this.learn(view)),
    );
  }

  /** Plans a change; nothing moves. Throws {@link LaunchError}. */
  plan(request: ChangeRequest): Promise<ChangePlan> {
    return this.inTurn(() => this.makePlan(request));
  }

  /**
   * Commits a plan. Resolves when the cluster has accepted it and a new node knows that it is a member;
   * data may still be moving. Throws {@link LaunchError}, also when the membership has changed since
   * the plan was made.
   */
  commit(planId: string): Promise<ChangePlan> {
    return this.inTurn(async () => {
      const pending = this.pending.get(planId);
      if (pending === undefined) {
        throw new LaunchError(
          "refused",
          `There is no plan '${planId}': it, or another change, was committed. Make a new plan`,
        );
      }
      // A commit makes all other plans outdated.
      this.pending.clear();
      await this.carryOut(pending);
      return pending.plan;
    });
  }

  /** Discards a plan, and ends the joining node if no other plan needs it. */
  discard(planId: string): Promise<void> {
    return this.inTurn(async () => {
      this.pending.delete(planId);
      const isNeeded = [...this.pending.values()].some(({ joiningNode }) => joiningNode !== null);
      if (!isNeeded) await this.joiningNode.discard();
    });
  }

  /** Throws {@link LaunchError} when no member answers. */
  async transfers(): Promise<ClusterTransfers> {
    const members = this.running();
    const views = await Promise.allSettled(members.map((node) => this.requests.transfers(node)));
    let furthestBack: ClusterTransfers | null = null;
    for (const [i, view] of views.entries()) {
      const seenBy = members[i]?.id;
      if (view.status === "rejected" || seenBy === undefined) continue;
      if (furthestBack !== null && furthestBack.left >= view.value.left) continue;
      furthestBack = { ...view.value, seenBy };
    }
    if (furthestBack !== null) return furthestBack;
    const reason = views.find((view) => view.status === "rejected")?.reason;
    if (reason instanceof Error) throw reason;
    throw new LaunchError("unfit", "Cannot tell the progress of the changes: no node is running");
  }

  /** Continues what an earlier launcher began, and follows changes that others request. */
  resume(): void {
    for (const id of this.cluster.memberList().leaving) this.decommissions.watch(id);
    if (this.cluster.followsMembers) this.watch.start();
  }

  /** Stops making changes and waiting for them. */
  async close(): Promise<void> {
    this.closing.abort(new LaunchError("failed", "The cluster is closed"));
    await this.watch.stopped();
    await this.last;
    await this.decommissions.stopped();
    await this.joiningNode.discard();
  }

  // Planning ---------------------------------------------------------------------------------------

  private async makePlan(request: ChangeRequest): Promise<ChangePlan> {
    switch (request.kind) {
      case "add": {
        const via = this.memberToAsk(null);
        const joiningNode = await this.startJoiningNode(via);
        const { weight, zone } = request;
        const fields = { url: joiningNode.process.url, weight, zone };
        return this.requestPlan(via, "join", fields, { joiningNode, goes: null });
      }
      case "remove": {
        const { node } = request;
        const act = this.actOfRemoval(node);
        const via = this.memberToAsk(node);
        if (act === "remove") await this.untilBelievedDown(via, node);
        return this.requestPlan(via, act, { node }, { joiningNode: null, goes: node });
      }
      case "replace": {
        const { node } = request;
        this.requireDead("replace", node);
        const via = this.memberToAsk(node);
        const joiningNode = await this.startJoiningNode(via);
        await this.untilBelievedDown(via, node);
        const fields = { node, url: joiningNode.process.url };
        return this.requestPlan(via, "replace", fields, { joiningNode, goes: node });
      }
    }
  }

  private async requestPlan(
    via: NodeAddress,
    act: ActName,
    fields: PlanFields,
    { joiningNode, goes }: { joiningNode: SupervisedNode | null; goes: NodeId | null },
  ): Promise<ChangePlan> {
    const answer = await this.requests.plan(via, act, fields);
    const { planId, moves, bytes, balance } = answer;
    const comes = joiningNode?.process.id ?? null;
    const plan = { planId, moves, bytes, balance, act, comes, goes };
    const member = joiningNode === null ? null : newMember(joiningNode.process, fields);
    this.pending.set(planId, { plan, via, joiningNode, member });
    return plan;
  }

  private actOfRemoval(id: NodeId): "leave" | "remove" {
    const { state } = this.process(id);
    if (state === "running") return "leave";
    if (DEAD.includes(state)) return "remove";
    throw new LaunchError(
      "unfit",
      `Cannot remove node ${id} while it is ${state}: a running node leaves, and a stopped, killed ` +
        "or crashed one is removed",
    );
  }

  private requireDead(act: string, id: NodeId): void {
    const { state } = this.process(id);
    if (DEAD.includes(state)) return;
    throw new LaunchError(
      "unfit",
      `Cannot ${act} node ${id}: it must be ${DEAD.join(" or ")}, and it is ${state}. ` +
        "A running node can leave instead",
    );
  }

  /** The launcher knows at once that a process is gone. The nodes' failure detectors need time. */
  private async untilBelievedDown(via: NodeAddress, id: NodeId): Promise<void> {
    const deadline = performance.now() + DETECTION_MS;
    // After the deadline the node refuses the plan and says why.
    while (performance.now() < deadline && await this.requests.believesUp(via, id)) {
      await pollDelay(this.closing.signal);
    }
  }

  private process(id: NodeId): NodeProcess {
    const found = this.cluster.nodes().find((node) => node.id === id);
    if (found !== undefined) return found;
    const ids = this.cluster.nodes().map((node) => node.id).join(", ");
    throw new LaunchError("unfit", `There is no node '${id}': there are ${ids}`);
  }

  private running(): NodeProcess[] {
    return this.cluster.nodes().filter(({ state }) => state === "running");
  }

  /** A running member to send requests to. The one that goes may stop before the change is complete. */
  private memberToAsk(goes: NodeId | null): NodeAddress {
    const { leaving } = this.cluster.memberList();
    const running = this.running().filter(({ id }) => id !== goes);
    const staying = running.find(({ id }) => !leaving.includes(id)) ?? running[0];
    if (staying !== undefined) return staying;
    throw new LaunchError(
      "unfit",
      "Cannot change the membership: no other node is running to carry it out",
    );
  }

  /** Starts a node under an id that the member `via` has never seen, or reuses the one that waits. */
  private async startJoiningNode(via: NodeAddress): Promise<SupervisedNode> {
    // A node that was not started by this launcher has an id too.
    const { members } = await this.requests.transfers(via);
    return await this.joiningNode.start(members.map(({ id }) => id));
  }

  private async expirePlans(): Promise<void> {
    for (const [planId, { joiningNode }] of this.pending) {
      if (joiningNode !== null) this.pending.delete(planId);
    }
    await this.joiningNode.discard();
  }

  // Committing -------------------------------------------------------------------------------------

  private async carryOut({ plan, via, joiningNode, member }: PendingPlan): Promise<void> {
    const { act, goes, planId } = plan;
    if (joiningNode !== null && joiningNode.process.state !== "running") {
      throw new LaunchError("failed", `Node ${plan.comes} ended before its plan was committed`);
    }
    const { cluster } = this;
    const change = { act, goes, member };
    // Saved before the commit: if this launcher dies in between, the next one starts every member.
    await cluster.saveMemberList(withChange(cluster.memberList(), change));
    try {
      await this.requests.commit(via, act, planId);
    } catch (error) {
      if (!await this.wasCommitted(error, plan)) {
        await cluster.saveMemberList(withoutChange(cluster.memberList(), change));
        throw error;
      }
    }
    if (joiningNode !== null) cluster.addJoined(this.joiningNode.release(joiningNode));
    await this.joiningNode.discard();
    if (act === "leave" && goes !== null) this.decommissions.watch(goes);
    else if (goes !== null) await cluster.removeNode(goes);
    if (joiningNode !== null) await this.untilAdmitted(joiningNode);
  }

  /**
   * Applies what a member reports, whoever requested the change: watches leaving nodes and ends the
   * processes of removed ones.
   */
  private async learn(view: TransfersState): Promise<void> {
    const { cluster } = this;
    for (const { id } of cluster.nodes()) {
      switch (memberStatusIn(view, id)) {
        case "leaving":
        case "left":
          if (!cluster.memberList().leaving.includes(id)) {
            await cluster.saveMemberList(withLeaving(cluster.memberList(), id));
          }
          this.decommissions.watch(id);
          break;
        case "removed":
          await this.forgetGone(id);
      }
    }
  }

  /** Ends the process of a node that has left or was removed. */
  private async forgetGone(id: NodeId): Promise<void> {
    const { cluster } = this;
    await cluster.saveMemberList(withGone(cluster.memberList(), id));
    // A leaving node may also have been removed, and its process ended already.
    if (cluster.nodes().some((node) => node.id === id)) await cluster.removeNode(id);
  }

  /** If the member failed after it had committed, gossip may have told the others of the change. */
  private async wasCommitted(error: unknown, { act, comes, goes }: ChangePlan): Promise<boolean> {
    if (!(error instanceof LaunchError) || error.kind === "refused") return false;
    const changed = comes ?? goes as NodeId;
    const wanted: MemberStatus = comes !== null
      ? "member"
      : act === "leave"
      ? "leaving"
      : "removed";
    const views = await Promise.allSettled(
      this.running().map((node) => this.requests.transfers(node)),
    );
    return views.some((view) =>
      view.status === "fulfilled" && memberStatusIn(view.value, changed) === wanted
    );
  }

  /** Waits until the new node itself knows that it is a member. */
  private async untilAdmitted(node: SupervisedNode): Promise<void> {
    const { id } = node.process;
    for (;;) {
      const { state } = node.process;
      if (state !== "running") {
        throw new LaunchError(
          "failed",
          `Node ${id} is ${state}: the cluster admitted it, but it ended before it learnt so`,
        );
      }
      if (await memberStatusAt(this.requests, node.process, id) === "member") return;
      await pollDelay(this.closing.signal);
    }
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(() => {
      this.closing.signal.throwIfAborted();
      return work();
    });
    this.last = turn.catch(() => {});
    return turn;
  }
}

function newMember({ id, url }: NodeProcess, { weight = 1, zone }: PlanFields): Member {
  return zone === undefined ? { id, url, weight } : { id, url, weight, zone };
}
