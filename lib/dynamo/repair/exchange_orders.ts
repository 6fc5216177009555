/**
 * Comparisons that an operator has ordered: one order after the other and one co-owner after the
 * other, each as soon as no other comparison is under way. An order is answered when its last
 * comparison is over.
 */
import type { NodeContext } from "../node_context.ts";
import type { AntiEntropyState, ExchangeOrder, ExchangeReport } from "../types/admin.ts";
import { refusal } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { ExchangeTurns } from "./exchange_turns.ts";

/** Orders that may wait. People give them, so this is enough. */
const ORDERS_MAX = 16;

interface Order {
  readonly request: number;
  /** Null: every range that is shared with the peer. */
  readonly ranges: readonly number[] | null;
  /** Those whose turn is still to come. */
  readonly peers: NodeId[];
  readonly exchanges: ExchangeReport[];
  readonly unreachable: NodeId[];
  /** Its exchange that is under way. */
  exchange: number | null;
}

/** What carries the comparisons out: `anti_entropy.ts`. */
interface TreeComparison {
  paused: boolean;
  readonly turns: ExchangeTurns;
  readonly state: AntiEntropyState;
  /** Begins a comparison and answers its id; null while another one is under way. */
  begin(peer: NodeId, ranges: readonly number[] | null): number | null;
}

export class ExchangeOrders {
  private readonly orders: Order[] = [];

  constructor(private readonly node: NodeContext, private readonly antiEntropy: TreeComparison) {}

  onRequest(request: number, { exchange, pause }: ExchangeOrder): void {
    const { node, antiEntropy } = this;
    if (exchange !== null && node.config.antiEntropyIntervalMs === 0) {
      const message = "Cannot compare trees: antiEntropyIntervalMs is 0, so this node keeps none";
      node.refuse(request, refusal("invalid", message));
      return;
    }
    const ranges = exchange === null ? [] : this.rangesOf(request, exchange);
    if (ranges === undefined) return;
    if (exchange !== null && (!node.trees.ready || this.orders.length >= ORDERS_MAX)) {
      const why = node.trees.ready
        ? `${ORDERS_MAX} orders wait already`
        : "the trees are still being built";
      node.refuse(request, refusal("overloaded", `Cannot compare trees now: ${why}`));
      return;
    }
    if (pause !== undefined) antiEntropy.paused = pause;
    const peers = exchange === null ? [] : this.coOwners(ranges);
    this.orders.push({
      request,
      ranges,
      peers,
      exchanges: [],
      unreachable: [],
      exchange: null,
    });
    this.pump();
  }

  /** The ranges asked for, null for all; undefined when the request had to be refused. */
  private rangesOf(
    request: number,
    { range, key }: { readonly range?: number; readonly key?: string },
  ): readonly number[] | null | undefined {
    const { node } = this;
    if (key === undefined && range === undefined) return null;
    const wanted = key === undefined ? range as number : node.ring.rangeOfKey(key);
    if (wanted >= node.ring.rangeCount) {
      const message = `range must be a whole number from 0 to ${node.ring.rangeCount - 1}: ` +
        `current value is ${wanted}`;
      node.refuse(request, refusal("invalid", message));
      return undefined;
    }
    const owners = node.ring.primaries(wanted);
    if (!owners.includes(node.self)) {
      const message = `Range ${wanted} is owned by ${owners.join(", ")}, not by ${node.self}: ` +
        "ask one of them";
      node.refuse(request, refusal("wrong-owner", message));
      return undefined;
    }
    return [wanted];
  }

  private coOwners(ranges: readonly number[] | null): NodeId[] {
    const { node, antiEntropy } = this;
    return node.peers.filter((peer) => {
      const shared = antiEntropy.turns.shared(peer);
      return ranges === null ? shared.length > 0 : ranges.some((range) => shared.includes(range));
    });
  }

  /** An exchange is over, an ordered one or any other. */
  onOver(exchange: number, report: ExchangeReport): void {
    const [order] = this.orders;
    if (order === undefined) return;
    if (order.exchange === exchange) {
      order.exchange = null;
      order.exchanges.push(report);
    }
    this.pump();
  }

  private pump(): void {
    const { node, antiEntropy } = this;
    for (let order = this.orders[0]; order !== undefined; order = this.orders[0]) {
      if (order.exchange !== null) return;
      const [peer] = order.peers;
      if (peer === undefined) {
        this.orders.shift();
        const { exchanges, unreachable } = order;
        const { state } = antiEntropy;
        node.out.respond(order.request, { status: "anti-entropy", state, exchanges, unreachable });
      } else if (!node.isUp(peer)) {
        order.peers.shift();
        order.unreachable.push(peer);
      } else {
        const exchange = antiEntropy.begin(peer, order.ranges);
        // Another one is under way: its end comes back here.
        if (exchange === null) return;
        order.peers.shift();
        order.exchange = exchange;
      }
    }
  }
}
