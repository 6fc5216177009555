/**
 * Ends the processes of nodes that leave. A leaving node hands its data over while it still serves. Its
 * process ends when it has left and holds no more data, and every running node knows that.
 */
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "./launch_error.ts";
import type { MembershipRequests, NodeAddress } from "./membership_requests.ts";
import { DEAD, type NodeProcess } from "./supervised_node.ts";

const POLL_MS = 100;

export class Decommissions {
  private readonly watches = new Map<NodeId, Promise<void>>();

  constructor(
    private readonly nodes: () => readonly NodeProcess[],
    private readonly requests: MembershipRequests,
    private readonly closing: AbortSignal,
    /** The node has left: its process can end for good. */
    private readonly onLeft: (id: NodeId) => Promise<void>,
  ) {}

  /** Does nothing if the node is watched already. */
  watch(id: NodeId): void {
    if (this.watches.has(id)) return;
    this.watches.set(id, this.untilLeft(id).finally(() => this.watches.delete(id)));
  }

  /** Resolves when no node is watched any more, which is soon after `closing`. */
  async stopped(): Promise<void> {
    await Promise.all(this.watches.values());
  }

  private async untilLeft(id: NodeId): Promise<void> {
    while (!this.closing.aborted) {
      const leaving = this.nodes().find((node) => node.id === id);
      // It was removed meanwhile.
      if (leaving === undefined) return;
      if (await this.hasLeft(leaving)) {
        await this.onLeft(id);
        return;
      }
      await pollDelay(this.closing).catch(() => {});
    }
  }

  private async hasLeft(leaving: NodeProcess): Promise<boolean> {
    const { id, state } = leaving;
    // A dead node has left if the others say so. Otherwise it must come back and hand its data over.
    if (state !== "running" && !DEAD.includes(state)) return false;
    const others = this.nodes().filter((node) => node.id !== id && node.state === "running");
    if (state !== "running" && others.length === 0) return false;
    try {
      if (state === "running") {
        const own = await this.requests.transfers(leaving, this.closing);
        if (own.orphanedReplicas || own.hints > 0 || memberStatusIn(own, id) !== "left") {
          return false;
        }
      }
      const memberStatuses = await Promise.all(
        others.map((each) => memberStatusAt(this.requests, each, id, this.closing)),
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

/** The status of `id` as `node` knows it; null if it does not know `id` or does not answer. */
export async function memberStatusAt(
  requests: MembershipRequests,
  node: NodeAddress,
  id: NodeId,
  signal?: AbortSignal,
): Promise<MemberStatus | null> {
  try {
    return memberStatusIn(await requests.transfers(node, signal), id);
  } catch (error) {
    if (error instanceof LaunchError) return null;
    throw error;
  }
}

/** Waits before the next poll. Rejects with the signal's reason when it aborts. */
export function pollDelay(signal: AbortSignal, delayMs = POLL_MS): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
