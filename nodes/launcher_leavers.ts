/**
 * Nodes that were told to leave. Each hands everything over while it still serves; its process ends
 * when it has left, holds nothing more, and all who run have heard so.
 */
import type { TransfersState } from "../lib/dynamo/admin.ts";
import type { Standing } from "../lib/dynamo/membership.ts";
import type { NodeId } from "../lib/dynamo/ring.ts";
import { LaunchError } from "./launch_error.ts";
import type { Addressee, MembershipOrders } from "./launcher_orders.ts";
import type { NodeProcess } from "./supervised_node.ts";

/** How often something that goes on in another process is looked at. */
const LOOK_MS = 100;

export class Leavers {
  private readonly watches = new Set<Promise<void>>();

  constructor(
    private readonly nodes: () => readonly NodeProcess[],
    private readonly orders: MembershipOrders,
    private readonly ending: AbortSignal,
    /** Its process is to end, and is not to be started again. */
    private readonly dismiss: (id: NodeId) => Promise<void>,
  ) {}

  watch(id: NodeId): void {
    const watch = this.untilLeft(id).finally(() => this.watches.delete(watch));
    this.watches.add(watch);
  }

  /** Resolves when nothing is watched any more: at once after `ending`. */
  async over(): Promise<void> {
    await Promise.all(this.watches);
  }

  private async untilLeft(id: NodeId): Promise<void> {
    while (!this.ending.aborted) {
      const leaver = this.nodes().find((node) => node.id === id);
      // Removed meanwhile.
      if (leaver === undefined) return;
      if (leaver.state === "running" && await this.hasLeft(leaver)) {
        await this.dismiss(id);
        return;
      }
      await look(this.ending).catch(() => {});
    }
  }

  private async hasLeft(leaver: NodeProcess): Promise<boolean> {
    try {
      const own = await this.orders.transfers(leaver);
      if (own.leftovers || standingIn(own, leaver.id) !== "left") return false;
      const others = this.nodes().filter(({ id, state }) =>
        id !== leaver.id && state === "running"
      );
      const standings = await Promise.all(
        others.map((each) => standingAt(this.orders, each, leaver.id)),
      );
      return standings.every((standing) => standing === "left");
    } catch (error) {
      if (error instanceof LaunchError) return false;
      throw error;
    }
  }
}

export function standingIn({ members }: TransfersState, id: NodeId): Standing | null {
  return members.find((member) => member.id === id)?.standing ?? null;
}

/** What `node` thinks of `id`; null when it knows no such or does not answer. */
export async function standingAt(
  orders: MembershipOrders,
  node: Addressee,
  id: NodeId,
): Promise<Standing | null> {
  try {
    return standingIn(await orders.transfers(node), id);
  } catch (error) {
    if (error instanceof LaunchError) return null;
    throw error;
  }
}

/** Waits before another look. Rejects with the signal's reason when it aborts. */
export function look(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, LOOK_MS);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
