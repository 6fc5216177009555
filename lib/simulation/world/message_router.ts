/**
 * Carries all messages: requests, answers, and reports of failed calls. It routes answers back, handles
 * messages whose receiver is gone, and makes the copies that a faulty network makes.
 */
import type { AdminReply } from "../../dynamo/types/admin.ts";
import type { ClientReply, ClientRequest } from "../../dynamo/types/client_messages.ts";
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { PeerReply } from "../../dynamo/types/peer_messages.ts";
import type { MessageLeg } from "../../random/latency.ts";
import { legsOfCall } from "../../random/message_legs.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { CLIENTS } from "../faults/faults.ts";
import type { InTransit } from "../faults/link_rules.ts";
import type { Machine, Route } from "./machine.ts";
import type { Network } from "./network.ts";
import { ANY_BOOT, type ClientOutcome, type Delivery, type Packet } from "./tasks.ts";
import type { World } from "./world.ts";

export class MessageRouter {
  constructor(
    private readonly world: World,
    readonly network: Network<Packet>,
    private readonly clientRandom: SeededRandom,
    private exchanges = 0,
  ) {}

  clone(world: World): MessageRouter {
    return new MessageRouter(
      world,
      this.network.clone(),
      this.clientRandom.clone(),
      this.exchanges,
    );
  }

  /** A new number for an exchange. */
  nextId(): number {
    return ++this.exchanges;
  }

  /** Sends a client's request to a node. */
  ask(machine: Machine, token: number, request: ClientRequest): void {
    const id = ++this.exchanges;
    const event: Event = { kind: "client", id, request: this.world.copied(request) };
    const delayUs = this.network.clientDelayUs(this.clientRandom);
    const boot = machine.isUp ? machine.boot : ANY_BOOT;
    const delivery = deliveryTo(machine, boot, event, { kind: "client", token }, id);
    this.send(CLIENTS, machine.id, "other", request, delayUs, delivery);
  }

  /** Sends a node's request to another node. */
  call(caller: Machine, effect: Effect & { kind: "call" }): void {
    const callee = this.world.machine(this.world.indexOf(effect.to));
    const [requestLeg, replyLeg] = legsOfCall(effect.request.method);
    const delayUs = this.network.delayUs(requestLeg, areNear(caller, callee), caller.networkRandom);
    const id = ++this.exchanges;
    const request = this.world.copied(effect.request);
    const event: Event = { kind: "peer", id, from: caller.id, request };
    const route: Route = {
      kind: "node",
      node: caller.index,
      boot: caller.boot,
      call: effect.id,
      leg: replyLeg,
    };
    const boot = callee.isUp ? callee.boot : ANY_BOOT;
    const delivery = deliveryTo(callee, boot, event, route, id);
    this.send(caller.id, callee.id, requestLeg, request, delayUs, delivery);
  }

  /** Sends a node's answer back. Throws if the node has answered the request before. */
  respond(machine: Machine, { id, reply: given }: Effect & { kind: "respond" }): void {
    const route = machine.inbound.take(id);
    machine.handoffs.delete(id);
    if (route === undefined) throw new Error(`Node ${machine.id} answers request ${id} twice`);
    if (route.kind === "order") {
      this.world.orders.answered(this.world, route.order, route.attempt, given as AdminReply);
      return;
    }
    const reply = this.world.copied(given);
    switch (route.kind) {
      case "client":
        this.sendToClient(machine, route.token, { kind: "reply", reply: reply as ClientReply });
        break;
      case "node": {
        const event: Event = { kind: "reply", id: route.call, reply: reply as PeerReply };
        this.sendToCaller(machine, route, route.leg, event, reply);
        break;
      }
      case "discarded":
        break;
    }
  }

  /** A message arrives. If the receiver is down or has restarted, the sender's connection breaks. */
  deliver(delivery: Delivery): void {
    const { world } = this;
    const machine = world.machine(delivery.node);
    const isSameBoot = delivery.boot === ANY_BOOT || delivery.boot === machine.boot;
    if (!machine.isUp || !isSameBoot) {
      world.tracer?.lost?.(delivery.message, world.now, "process not running");
      // Without a connection nothing arrived. A connection that broke may have carried the message.
      const certain = delivery.boot === ANY_BOOT;
      const reason = certain ? "connection refused" : "connection reset";
      if (delivery.route !== null) this.failCaller(machine, delivery.route, certain, reason);
      return;
    }
    world.tracer?.arrived?.(delivery.message, world.now);
    if (delivery.copyAfterUs >= 0) this.sendCopy(delivery);
    world.processes.arrive(machine, machine.boot, delivery.event, delivery.route, false);
  }

  /** Reports over the network, to the sender of a request, that the request failed. */
  failCaller(callee: Machine, route: Route, undelivered: boolean, reason: string): void {
    if (route.kind === "order") {
      this.world.orders.answered(this.world, route.order, route.attempt, null);
    } else if (route.kind === "client") {
      this.sendToClient(callee, route.token, { kind: undelivered ? "refused" : "reset" });
    } else if (route.kind === "node") {
      const event: Event = { kind: "call-failed", id: route.call, undelivered, reason };
      this.sendToCaller(callee, route, "other", event, event);
    }
  }

  /** Lifts a network rule and releases the messages that it held back. */
  liftRule(id: number): void {
    for (const { message, packet } of this.network.liftRule(id)) {
      // Judged again, because another rule may apply to the message.
      this.route(message, 0, packet);
    }
  }

  private sendToClient(machine: Machine, token: number, outcome: ClientOutcome): void {
    const delayUs = this.network.clientDelayUs(this.clientRandom);
    const content = outcome.kind === "reply" ? outcome.reply : outcome;
    const answer: Packet = { kind: "answer", token, outcome, message: ++this.exchanges };
    this.send(machine.id, CLIENTS, "other", content, delayUs, answer);
  }

  private sendToCaller(
    callee: Machine,
    { node, boot }: Route & { kind: "node" },
    leg: MessageLeg,
    event: Event,
    content: unknown,
  ): void {
    const caller = this.world.machine(node);
    const delayUs = this.network.delayUs(leg, areNear(caller, callee), caller.networkRandom);
    const delivery = deliveryTo(caller, boot, event, null, ++this.exchanges);
    this.send(callee.id, caller.id, leg, content, delayUs, delivery);
  }

  private send(
    from: string,
    to: string,
    leg: MessageLeg,
    content: unknown,
    delayUs: number,
    packet: Packet,
  ): void {
    const { world, network } = this;
    network.counters.messages++;
    const { tracer } = world;
    if (tracer !== null) tracer.sent?.({ id: packet.message, from, to, leg, content }, world.now);
    // Usually there are no rules, and then no description of the message is needed.
    if (network.hasRules) this.route({ from, to, leg, content }, delayUs, packet);
    else world.schedule(world.now + delayUs, packet);
  }

  private route(message: InTransit, delayUs: number, packet: Packet): void {
    const { world } = this;
    const verdict = this.network.judge(message, world.now, packet);
    switch (verdict.kind) {
      case "pass":
        world.schedule(world.now + delayUs, packet);
        break;
      case "deliver": {
        // A client's request is never duplicated, as a node could not tell a copy from a new request.
        const copyAfterUs = verdict.copyAfterUs ?? -1;
        const isDuplicated = copyAfterUs >= 0 && packet.kind === "delivery" &&
          packet.event.kind !== "client";
        const carried = isDuplicated ? { ...packet, copyAfterUs } : packet;
        world.schedule(world.now + delayUs + verdict.laterUs, carried);
        break;
      }
      case "hold":
        break;
      case "drop":
        world.tracer?.lost?.(packet.message, world.now, "dropped");
        break;
      case "refuse":
        world.tracer?.lost?.(packet.message, world.now, "no route");
        if (packet.kind === "delivery") this.refuseToSender(packet);
        break;
    }
  }

  /** Reports to the sender at once that there is no route to the receiver. */
  private refuseToSender({ route }: Delivery): void {
    const { world } = this;
    if (route?.kind === "client") {
      const outcome = { kind: "refused" } as const;
      world.schedule(world.now, { kind: "answer", token: route.token, outcome, message: 0 });
    } else if (route?.kind === "node") {
      const reason = "no route to host";
      const event: Event = { kind: "call-failed", id: route.call, undelivered: true, reason };
      world.schedule(
        world.now,
        deliveryTo(world.machine(route.node), route.boot, event, null, 0),
      );
    }
  }

  /** Sent only after the original has arrived, so that a copy never executes a call that failed. */
  private sendCopy({ node, boot, event, copyAfterUs }: Delivery): void {
    const isRequest = event.kind === "peer";
    const { world } = this;
    world.schedule(world.now + copyAfterUs, {
      kind: "delivery",
      node,
      boot,
      event: isRequest ? { ...event, id: ++this.exchanges } : event,
      route: isRequest ? { kind: "discarded" } : null,
      message: 0,
      copyAfterUs: -1,
    });
  }
}

function deliveryTo(
  { index: node }: Machine,
  boot: number,
  event: Event,
  route: Route | null,
  message: number,
): Delivery {
  return { kind: "delivery", node, boot, event, route, message, copyAfterUs: -1 };
}

function areNear(a: Machine, b: Machine): boolean {
  return a.zone !== undefined && a.zone === b.zone;
}
