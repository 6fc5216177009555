/**
 * Nodes that were told to leave. Each hands everything over while it still serves; its process ends
 * when it has left, holds nothing more, and all who run have heard so.
 */
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "./launch_error.ts";
import type { Addressee, MembershipRequests } from "./membership_requests.ts";
import { DEAD, type NodeProcess } from "./supervised_node.ts";

/** How often something that goes on in another process is looked at. */
const LOOK_MS = 100;

export class Decommissions {
  private readonly watches = new Map<NodeId, Promise<void>>();

  constructor(
    private readonly nodes: () => readonly NodeProcess[],
    private readonly orders: MembershipRequests,
    private readonly ending: AbortSignal,
    /** Its process is to end, and is not to be started again. */
    private readonly dismiss: (id: NodeId) => Promise<void>,
  ) {}

  /** Does nothing for one that is watched already. */
  watch(id: NodeId): void {
    if (this.watches.has(id)) return;
    this.watches.set(id, this.untilLeft(id).finally(() => this.watches.delete(id)));
  }

  /** Resolves when nothing is watched any more: at once after `ending`. */
  async over(): Promise<void> {
    await Promise.all(this.watches.values());
  }

  private async untilLeft(id: NodeId): Promise<void> {
    while (!this.ending.aborted) {
      const leaving = this.nodes().find((node) => node.id === id);
      // Removed meanwhile.
      if (leaving === undefined) return;
      if (await this.hasLeft(leaving)) {
        await this.dismiss(id);
        return;
      }
      await look(this.ending).catch(() => {});
    }
  }

  private async hasLeft(leaving: NodeProcess): Promise<boolean> {
    const { id, state } = leaving;
    // One that is dead has left when the others know it: until then it must come back and hand over.
    if (state !== "running" && !DEAD.includes(state)) return false;
    const others = this.nodes().filter((node) => node.id !== id && node.state === "running");
    if (state !== "running" && others.length === 0) return false;
    try {
      if (state === "running") {
        const own = await this.orders.transfers(leaving, this.ending);
        if (own.orphanedReplicas || memberStatusIn(own, id) !== "left") return false;
      }
      const memberStatuses = await Promise.all(
        others.map((each) => memberStatusAt(this.orders, each, id, this.ending)),
      );
      return memberStatuses.every((memberStatus) => memberStatus === "left");
    } catch (error) {
      if (error instanceof LaunchError) return false;
      throw error;
    }
  }
}

export function memberStatusIn({ members }: TransfersState, id: NodeId): MemberStatus | null {
  return members.find((member) => member.id === id)?.memberStatus ?? null;
}

/** What `node` thinks of `id`; null when it knows no such or does not answer. */
export async function memberStatusAt(
  orders: MembershipRequests,
  node: Addressee,
  id: NodeId,
  signal?: AbortSignal,
): Promise<MemberStatus | null> {
  try {
    return memberStatusIn(await orders.transfers(node, signal), id);
  } catch (error) {
    if (error instanceof LaunchError) return null;
    throw error;
  }
}

/** Waits before another look. Rejects with the signal's reason when it aborts. */
export function look(signal: AbortSignal, afterMs = LOOK_MS): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, afterMs);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
