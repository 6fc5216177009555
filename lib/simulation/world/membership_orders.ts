/**
 * Makes membership changes in a simulated cluster, as an operator would. One running member after another
 * is asked to plan and commit the change, until one commits it or it is no longer possible.
 */
import { afterRefusal } from "../../dynamo/membership/act_refusals.ts";
import type { AdminReply, AdminRequest } from "../../dynamo/types/admin.ts";
import type { Member, NodeId } from "../../dynamo/types/ids.ts";
import type { MembershipAct } from "../../dynamo/types/membership_plan.ts";
import { pick } from "../../dynamo/types/random.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { US_PER_MS } from "../faults/link_rules.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** The time between two attempts, and the most attempts for one change. */
const RETRY_MS = 100;
const TRIES_MAX = 400;
/** How long to wait for a member's answer. */
const ANSWER_TIMEOUT_MS = 5_000;

interface Order {
  readonly act: MembershipAct;
  /** The data id of the disk that was destroyed with its machine before the request. */
  readonly removedDataId: string | null;
  readonly tries: number;
  /** The current attempt. Answers to earlier ones are ignored. */
  readonly attempt: number;
  /** The machine that was asked. */
  readonly asked: number;
}

export class MembershipOrders {
  private readonly open = new Map<number, Order>();
  private orders = 0;
  private attempts = 0;
  /** The number of committed changes, by kind. */
  readonly committed: Partial<Record<MembershipAct["kind"], number>> = {};

  constructor(private readonly random: SeededRandom) {}

  clone(): MembershipOrders {
    const copy = new MembershipOrders(this.random.clone());
    for (const [id, order] of this.open) copy.open.set(id, order);
    copy.orders = this.orders;
    copy.attempts = this.attempts;
    Object.assign(copy.committed, this.committed);
    return copy;
  }

  /** Whether all changes are decided. */
  get isIdle(): boolean {
    return this.open.size === 0;
  }

  /** Requests a change until it is decided. */
  request(world: World, act: MembershipAct, removedDataId: string | null = null): void {
    const id = ++this.orders;
    this.open.set(id, { act, removedDataId, tries: 0, attempt: 0, asked: 0 });
    this.ask(world, id);
  }

  /** Asks again, unless the attempt has been answered. */
  retry(world: World, id: number, attempt: number): void {
    if (this.open.get(id)?.attempt === attempt) this.ask(world, id);
  }

  private ask(world: World, id: number): void {
    const order = this.open.get(id);
    if (order === undefined) return;
    const { act } = order;
    if (order.tries >= TRIES_MAX) {
      this.drop(world, id);
      return;
    }
    const target = act.kind === "join" ? act.member.id : act.node;
    const members = world.machines.filter(({ id, replica }) =>
      id !== target && replica?.membership.isActive(id) === true
    );
    const attempt = ++this.attempts;
    const asked = members.length === 0 ? null : pick(this.random, members);
    const tries = order.tries + 1;
    this.open.set(id, { ...order, tries, attempt, asked: asked?.index ?? -1 });
    if (asked !== null) this.send(world, asked, id, { method: "membership.plan", act });
    const at = world.now + (asked === null ? RETRY_MS : ANSWER_TIMEOUT_MS) * US_PER_MS;
    world.schedule(at, { kind: "order", order: id, attempt });
  }

  private send(world: World, machine: Machine, order: number, request: AdminRequest): void {
    const { attempt } = this.open.get(order) as Order;
    const event = { kind: "admin", id: world.router.nextId(), request } as const;
    const route = { kind: "order", order, attempt } as const;
    // Scheduled, not called: the member may be in the middle of the step that answers.
    const { index: node, boot } = machine;
    world.schedule(world.now, { kind: "arrival", node, boot, event, route, ready: false });
  }

  /** Whether an open change removes or replaces this node. */
  isBeingRemoved(node: NodeId): boolean {
    return [...this.open.values()].some(({ act }) =>
      (act.kind === "remove" || act.kind === "replace") && act.node === node
    );
  }

  /** Gives up a change. A node that should have been removed starts again with an empty disk. */
  private drop(world: World, id: number): void {
    const order = this.open.get(id);
    this.open.delete(id);
    if (order === undefined) return;
    const { act, removedDataId } = order;
    if (act.kind !== "remove" && act.kind !== "replace") return;
    const machine = world.machine(world.indexOf(act.node));
    const isRemoved = world.machines.some(({ replica }) =>
      replica?.membership.memberStatus(act.node) === "removed"
    );
    if (isRemoved || this.isBeingRemoved(act.node) || machine.isUp) return;
    machine.isGone = false;
    if (removedDataId !== null) world.driver.removalFailed?.(machine.index, removedDataId);
    world.processes.start(machine);
  }

  /** The cluster refused the node's old disk, so it joins with an empty one. */
  private joinEmpty(world: World, member: Member): void {
    const machine = world.machine(world.indexOf(member.id));
    if (machine.isUp) world.processes.stop(machine, 0);
    machine.wipe(world.processes.diskWatcher(machine));
    world.processes.start(machine);
    this.request(world, { kind: "join", member, ...machine.disk.directory });
  }

  /** The member has answered; null if it went down before. */
  answered(world: World, id: number, attempt: number, reply: AdminReply | null): void {
    const order = this.open.get(id);
    if (order === undefined || order.attempt !== attempt) return;
    if (reply?.status === "plan") {
      const machine = world.machine(order.asked);
      const { planId } = reply.plan;
      this.send(world, machine, id, { method: "membership.commit", planId });
    } else if (reply?.status === "committed") {
      const { act } = order;
      this.committed[act.kind] = (this.committed[act.kind] ?? 0) + 1;
      this.open.delete(id);
      // The node may run again after an earlier change that was not possible.
      if (act.kind === "remove" || act.kind === "replace") {
        world.processes.destroy(world.machine(world.indexOf(act.node)));
      }
    } else this.refused(world, id, order, reply);
  }

  private refused(world: World, id: number, { act, attempt }: Order, reply: AdminReply | null) {
    const refusal = reply?.status === "error" ? reply.error : null;
    const isMember = act.kind === "join" && isMemberSomewhere(world, act.member.id);
    switch (afterRefusal(act, refusal, isMember)) {
      case "ask-again":
        world.schedule(world.now + RETRY_MS * US_PER_MS, { kind: "order", order: id, attempt });
        break;
      case "give-up":
        this.drop(world, id);
        break;
      case "join-empty":
        this.drop(world, id);
        if (act.kind === "join") this.joinEmpty(world, act.member);
    }
  }
}

/** Decides by the newest entry that any node has. */
function isMemberSomewhere(world: World, id: NodeId): boolean {
  const entries = world.machines.flatMap(({ replica }) => replica?.membership.entry(id) ?? []);
  const last = entries.toSorted((a, b) => b.version - a.version)[0];
  return last !== undefined && last.memberStatus !== "removed";
}
