/**
 * Changes of a running cluster's membership, as its launcher makes them: a plan first, so that a person
 * sees what would move, then a commit of that very plan (SOSP 2007, section 4.8.1: explicit acts).
 *
 * A node that is to join has to run before it can be planned for. It then stands by as a *joining node*,
 * which no member knows and which holds nothing, until its plan is committed or forgotten. A node that
 * leaves hands everything over first; its process ends when the others have heard that it has left.
 * What is ordered at a node directly is learnt from the members (`membership_watch.ts`).
 */
import type { ActName, PlanAnswer, PlanFields } from "../../lib/client/membership_client.ts";
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { Member, MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import { Decommissions, look, memberStatusAt, memberStatusIn } from "./decommissions.ts";
import { LaunchError } from "./launch_error.ts";
import {
  type MemberList,
  withGone,
  withJoined,
  withLeaving,
  withoutGone,
  withoutJoined,
} from "./member_list.ts";
import { type Addressee, MembershipRequests } from "./membership_requests.ts";
import { MembershipWatch } from "./membership_watch.ts";
import { DEAD, type NodeProcess, type SupervisedNode } from "./supervised_node.ts";

export type ChangeRequest =
  | {
    readonly kind: "add";
    readonly weight?: number | undefined;
    readonly zone?: string | undefined;
  }
  /** Leave when it is up, remove when it is dead. */
  | { readonly kind: "remove"; readonly node: NodeId }
  /** A new node takes the place of a dead one. */
  | { readonly kind: "replace"; readonly node: NodeId };

export interface ChangePlan extends Pick<PlanAnswer, "planId" | "moves" | "bytes" | "balance"> {
  readonly act: ActName;
  /** The new node; null: none comes. */
  readonly comes: NodeId | null;
  readonly goes: NodeId | null;
}

/** How far the changes have come, in the view of the running member for which most is left. */
export interface ClusterTransfers extends TransfersState {
  /** Whose view it is. */
  readonly seenBy: NodeId;
}

/** What the changes need of the cluster that they change. */
export interface ChangingCluster {
  /** Members' processes. */
  nodes(): readonly NodeProcess[];
  memberList(): MemberList;
  readonly secretFile: string;
  /** Makes the rest of the launcher remember who is to run. */
  keep(memberList: MemberList): Promise<void>;
  /** A process under the next id that is not `taken`, on a free port and an empty disk; not started. */
  newcomer(taken: readonly NodeId[]): Promise<SupervisedNode>;
  /** Whether acts that others order at the nodes are followed: processes of those who go are ended. */
  readonly follows: boolean;
  /** The joining node is one of the nodes now. */
  adopt(node: SupervisedNode): void;
  /** Ends a process for good, and forgets it. */
  release(id: NodeId): Promise<void>;
  /** Ends a joining node and removes its disk. */
  discard(node: SupervisedNode): Promise<void>;
}

interface Pending {
  readonly plan: ChangePlan;
  readonly via: Addressee;
  readonly joiningNode: SupervisedNode | null;
  readonly member: Member | null;
}

/** How long the detectors of failures may take to notice that a process is gone. */
const NOTICE_MS = 30_000;
/** How long a joining node stands by for its plan to be committed. */
const STANDBY_MS = 120_000;

export class MembershipChanges {
  private readonly pending = new Map<string, Pending>();
  private readonly orders: MembershipRequests;
  private readonly ending = new AbortController();
  private readonly decommissions: Decommissions;
  private readonly watch: MembershipWatch;
  private joiningNode: SupervisedNode | null = null;
  private standby: ReturnType<typeof setTimeout> | undefined;
  /** One change at a time: a second would be planned for a membership that the first is changing. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly cluster: ChangingCluster) {
    this.orders = new MembershipRequests(cluster.secretFile);
    this.decommissions = new Decommissions(
      () => cluster.nodes(),
      this.orders,
      this.ending.signal,
      (id) => this.dismiss(id),
    );
    this.watch = new MembershipWatch(
      () => cluster.nodes(),
      this.orders,
      this.ending.signal,
      // After a commit under way: it has the first say on whom it changes.
      (view) => this.inTurn(() => this.learn(view)),
    );
  }

  /** What a change would mean; nothing moves. Throws {@link LaunchError}. */
  plan(request: ChangeRequest): Promise<ChangePlan> {
    return this.inTurn(() => this.makePlan(request));
  }

  /**
   * Does what was planned. Resolves when the cluster has accepted it, and a newcomer knows itself
   * admitted; data then goes on moving. Throws {@link LaunchError}, also when the membership has
   * changed since the plan was made.
   */
  commit(planId: string): Promise<ChangePlan> {
    return this.inTurn(async () => {
      const pending = this.pending.get(planId);
      if (pending === undefined) {
        throw new LaunchError(
          "refused",
          `There is no plan '${planId}': it was committed, or another change was. Ask for a new one`,
        );
      }
      // Any commit makes the other plans void.
      this.pending.clear();
      await this.carryOut(pending);
      return pending.plan;
    });
  }

  /** Forgets a plan, and ends the joining node that stood by for it. */
  discard(planId: string): Promise<void> {
    return this.inTurn(async () => {
      this.pending.delete(planId);
      const isAwaited = [...this.pending.values()].some(({ joiningNode }) => joiningNode !== null);
      if (!isAwaited) await this.dropJoiningNode();
    });
  }

  /** Throws {@link LaunchError} when no member answers. */
  async transfers(): Promise<ClusterTransfers> {
    const members = this.running();
    const views = await Promise.allSettled(members.map((node) => this.orders.transfers(node)));
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
    throw new LaunchError("unfit", "Cannot tell how far the changes have come: no node is running");
  }

  /** Goes on with what an earlier launcher has begun, and follows what others order from now on. */
  resume(): void {
    for (const id of this.cluster.memberList().leaving) this.decommissions.watch(id);
    if (this.cluster.follows) this.watch.start();
  }

  /** No change is begun or waited for any more. */
  async close(): Promise<void> {
    this.ending.abort(new LaunchError("failed", "The cluster is closed"));
    clearTimeout(this.standby);
    await this.watch.over();
    await this.last;
    await this.decommissions.over();
    await this.dropJoiningNode();
  }

  // Planning ---------------------------------------------------------------------------------------

  private async makePlan(request: ChangeRequest): Promise<ChangePlan> {
    switch (request.kind) {
      case "add": {
        const via = this.addressee(null);
        const joiningNode = await this.standBy(via);
        const { weight, zone } = request;
        const fields = { url: joiningNode.process.url, weight, zone };
        return this.ask(via, "join", fields, { joiningNode, goes: null });
      }
      case "remove": {
        const { node } = request;
        const act = this.actOfRemoval(node);
        const via = this.addressee(node);
        if (act === "remove") await this.untilBelievedDown(via, node);
        return this.ask(via, act, { node }, { joiningNode: null, goes: node });
      }
      case "replace": {
        const { node } = request;
        this.requireDead("replace", node);
        const via = this.addressee(node);
        const joiningNode = await this.standBy(via);
        await this.untilBelievedDown(via, node);
        const fields = { node, url: joiningNode.process.url };
        return this.ask(via, "replace", fields, { joiningNode, goes: node });
      }
    }
  }

  private async ask(
    via: Addressee,
    act: ActName,
    fields: PlanFields,
    { joiningNode, goes }: { joiningNode: SupervisedNode | null; goes: NodeId | null },
  ): Promise<ChangePlan> {
    const answer = await this.orders.plan(via, act, fields);
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
      `Cannot let node ${id} go while it is ${state}: it leaves while it is running, and is removed ` +
        "when it is stopped, killed or crashed",
    );
  }

  private requireDead(act: string, id: NodeId): void {
    const { state } = this.process(id);
    if (DEAD.includes(state)) return;
    throw new LaunchError(
      "unfit",
      `Cannot ${act} node ${id}: it must be ${DEAD.join(" or ")}, and it is ${state}. ` +
        "One that is running can leave",
    );
  }

  /** The launcher knows at once that a process is gone; the nodes have to notice. */
  private async untilBelievedDown(via: Addressee, id: NodeId): Promise<void> {
    const deadline = performance.now() + NOTICE_MS;
    // Beyond it the node's own refusal tells the person why.
    while (performance.now() < deadline && await this.orders.believesUp(via, id)) {
      await look(this.ending.signal);
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

  /** A member that takes orders: not the one that is to go, which may be gone before it is done. */
  private addressee(goes: NodeId | null): Addressee {
    const { leaving } = this.cluster.memberList();
    const running = this.running().filter(({ id }) => id !== goes);
    const staying = running.find(({ id }) => !leaving.includes(id)) ?? running[0];
    if (staying !== undefined) return staying;
    throw new LaunchError(
      "unfit",
      "Cannot change the membership: no other node is running that could be told",
    );
  }

  // The joining node -----------------------------------------------------------------------------------

  /** A newcomer that runs, under an id that `via` knows nobody by; the one that stands by already, where there is one. */
  private async standBy(via: Addressee): Promise<SupervisedNode> {
    clearTimeout(this.standby);
    this.standby = setTimeout(() => {
      // A cluster that closes meanwhile drops it as well.
      this.inTurn(() => this.expire()).catch(() => {});
    }, STANDBY_MS);
    // Nodes that were started by hand have ids as well.
    const taken = (await this.orders.transfers(via)).members.map(({ id }) => id);
    const { process } = this.joiningNode ?? {};
    if (this.joiningNode !== null && process?.state === "running" && !taken.includes(process.id)) {
      return this.joiningNode;
    }
    await this.dropJoiningNode();
    this.ending.signal.throwIfAborted();
    const joiningNode = await this.cluster.newcomer(taken);
    this.joiningNode = joiningNode;
    try {
      await joiningNode.begin();
    } catch (error) {
      await this.dropJoiningNode();
      throw error;
    }
    return joiningNode;
  }

  private async expire(): Promise<void> {
    for (const [planId, { joiningNode }] of this.pending) {
      if (joiningNode !== null) this.pending.delete(planId);
    }
    await this.dropJoiningNode();
  }

  private async dropJoiningNode(): Promise<void> {
    const { joiningNode } = this;
    clearTimeout(this.standby);
    this.joiningNode = null;
    if (joiningNode !== null) await this.cluster.discard(joiningNode);
  }

  // Committing -------------------------------------------------------------------------------------

  private async carryOut(pending: Pending): Promise<void> {
    const { plan, joiningNode } = pending;
    const { act, goes } = plan;
    if (joiningNode !== null && joiningNode.process.state !== "running") {
      throw new LaunchError("failed", `Node ${plan.comes} ended while it waited to be admitted`);
    }
    // Before the cluster is told: a launcher that dies in between must start who is needed.
    await this.cluster.keep(this.afterwards(pending));
    try {
      await this.orders.commit(pending.via, act, plan.planId);
    } catch (error) {
      if (!await this.cameThrough(error, pending)) {
        await this.cluster.keep(this.takenBack(pending));
        throw error;
      }
    }
    if (joiningNode !== null) {
      this.joiningNode = null;
      this.cluster.adopt(joiningNode);
    }
    await this.dropJoiningNode();
    if (act === "leave" && goes !== null) this.decommissions.watch(goes);
    else if (goes !== null) await this.cluster.release(goes);
    if (joiningNode !== null) await this.untilAdmitted(joiningNode);
  }

  /** What a member says of the nodes here, whoever ordered it: who leaves is watched, who was removed ends. */
  private async learn(view: TransfersState): Promise<void> {
    for (const { id } of this.cluster.nodes()) {
      switch (memberStatusIn(view, id)) {
        case "leaving":
        case "left":
          if (!this.cluster.memberList().leaving.includes(id)) {
            await this.cluster.keep(withLeaving(this.cluster.memberList(), id));
          }
          this.decommissions.watch(id);
          break;
        case "removed":
          await this.dismiss(id);
      }
    }
  }

  /** It has left, or was removed. */
  private async dismiss(id: NodeId): Promise<void> {
    await this.cluster.keep(withGone(this.cluster.memberList(), id));
    // Not twice, when one that leaves is removed as well.
    if (this.cluster.nodes().some((node) => node.id === id)) await this.cluster.release(id);
  }

  private afterwards({ plan: { act, goes }, member }: Pending): MemberList {
    let memberList = this.cluster.memberList();
    if (member !== null) memberList = withJoined(memberList, member);
    if (goes === null) return memberList;
    return act === "leave" ? withLeaving(memberList, goes) : withGone(memberList, goes);
  }

  private takenBack({ plan: { goes }, member }: Pending): MemberList {
    let memberList = this.cluster.memberList();
    if (member !== null) memberList = withoutJoined(memberList, member.id);
    return goes === null ? memberList : withoutGone(memberList, goes);
  }

  /** A node that fell silent may have spread the word before: then the others know of it. */
  private async cameThrough(error: unknown, { plan }: Pending): Promise<boolean> {
    if (!(error instanceof LaunchError) || error.kind === "refused") return false;
    const about = plan.comes ?? plan.goes as NodeId;
    const wanted: MemberStatus = plan.comes !== null
      ? "member"
      : plan.act === "leave"
      ? "leaving"
      : "removed";
    const views = await Promise.allSettled(
      this.running().map((node) => this.orders.transfers(node)),
    );
    return views.some((view) =>
      view.status === "fulfilled" && memberStatusIn(view.value, about) === wanted
    );
  }

  private async untilAdmitted(node: SupervisedNode): Promise<void> {
    const { id } = node.process;
    for (;;) {
      const { state } = node.process;
      if (state !== "running") {
        throw new LaunchError(
          "failed",
          `Node ${id} was admitted and is ${state} before it knew it`,
        );
      }
      if (await memberStatusAt(this.orders, node.process, id) === "member") return;
      await look(this.ending.signal);
    }
  }

  // ------------------------------------------------------------------------------------------------

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(() => {
      this.ending.signal.throwIfAborted();
      return work();
    });
    this.last = turn.catch(() => {});
    return turn;
  }
}

function newMember({ id, url }: NodeProcess, { weight = 1, zone }: PlanFields): Member {
  return zone === undefined ? { id, url, weight } : { id, url, weight, zone };
}
