/**
 * Acts of membership in a simulated cluster: somebody looks after it and asks one running member after
 * the other to plan and then to commit, until one does or the act makes no sense any more.
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

/** Asked again after this long, and so often at the most. */
const AGAIN_MS = 100;
const TRIES_MAX = 400;
/** The longest that a member may take to answer. */
const ANSWER_MS = 5_000;

interface Order {
  readonly act: MembershipAct;
  /** The data id of the disk that was taken out of the machine beforehand. */
  readonly takenOut: string | null;
  readonly tries: number;
  /** Which attempt is open; answers to others are late. */
  readonly attempt: number;
  /** Whom it was put to. */
  readonly asked: number;
}

export class MembershipOrders {
  private readonly open = new Map<number, Order>();
  private orders = 0;
  private attempts = 0;
  /** Acts that were committed to, by kind. */
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

  /** Nothing is still to be decided. */
  get isIdle(): boolean {
    return this.open.size === 0;
  }

  /** Has the act done, as soon as somebody does it. */
  give(world: World, act: MembershipAct, takenOut: string | null = null): void {
    const id = ++this.orders;
    this.open.set(id, { act, takenOut, tries: 0, attempt: 0, asked: 0 });
    this.ask(world, id);
  }

  /** Time for another try, unless the attempt has been answered. */
  onAgain(world: World, id: number, attempt: number): void {
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
    if (asked !== null) this.put(world, asked, id, { method: "membership.plan", act });
    const at = world.now + (asked === null ? AGAIN_MS : ANSWER_MS) * US_PER_MS;
    world.schedule(at, { kind: "order", order: id, attempt });
  }

  private put(world: World, machine: Machine, order: number, request: AdminRequest): void {
    const { attempt } = this.open.get(order) as Order;
    const event = { kind: "admin", id: world.router.nextId(), request } as const;
    const route = { kind: "order", order, attempt } as const;
    // Later at this moment: the member may be in the middle of the step that answers.
    const { index: node, boot } = machine;
    world.schedule(world.now, { kind: "arrival", node, boot, event, route, ready: false });
  }

  /** Somebody still tries to take the node out. */
  isToGo(node: NodeId): boolean {
    return [...this.open.values()].some(({ act }) =>
      (act.kind === "remove" || act.kind === "replace") && act.node === node
    );
  }

  /** It cannot be done: a node that was to go comes back, with an empty disk. */
  private drop(world: World, id: number): void {
    const order = this.open.get(id);
    this.open.delete(id);
    if (order === undefined) return;
    const { act, takenOut } = order;
    if (act.kind !== "remove" && act.kind !== "replace") return;
    const machine = world.machine(world.indexOf(act.node));
    const isRemoved = world.machines.some(({ replica }) =>
      replica?.membership.memberStatus(act.node) === "removed"
    );
    if (isRemoved || this.isToGo(act.node) || machine.isUp) return;
    machine.isGone = false;
    if (takenOut !== null) world.driver.stays?.(machine.index, takenOut);
    world.processes.start(machine);
  }

  /** As it was told to: the node comes with an empty disk. */
  private joinEmpty(world: World, member: Member): void {
    const machine = world.machine(world.indexOf(member.id));
    if (machine.isUp) world.processes.stop(machine, 0);
    machine.wipe(world.processes.diskWatcher(machine));
    world.processes.start(machine);
    this.give(world, { kind: "join", member, ...machine.disk.directory });
  }

  /** The member has answered; null when it went down instead. */
  answered(world: World, id: number, attempt: number, reply: AdminReply | null): void {
    const order = this.open.get(id);
    if (order === undefined || order.attempt !== attempt) return;
    if (reply?.status === "plan") {
      const machine = world.machine(order.asked);
      const { planId } = reply.plan;
      this.put(world, machine, id, { method: "membership.commit", planId });
    } else if (reply?.status === "committed") {
      const { act } = order;
      this.committed[act.kind] = (this.committed[act.kind] ?? 0) + 1;
      this.open.delete(id);
      // It may have come back after an earlier act that could not be done.
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
        world.schedule(world.now + AGAIN_MS * US_PER_MS, { kind: "order", order: id, attempt });
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

/** By the latest that any node has heard of it. */
function isMemberSomewhere(world: World, id: NodeId): boolean {
  const entries = world.machines.flatMap(({ replica }) => replica?.membership.entry(id) ?? []);
  const last = entries.toSorted((a, b) => b.version - a.version)[0];
  return last !== undefined && last.memberStatus !== "removed";
}
