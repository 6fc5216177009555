/**
 * Polls the members for the membership. Changes can be requested at any node without the launcher. With
 * this it notices them, and neither shows nor restarts a node that has left or was removed.
 */
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import { pollDelay } from "./decommissions.ts";
import type { MembershipRequests } from "./membership_requests.ts";
import type { NodeProcess } from "./supervised_node.ts";

/** The time between two polls: one small request to one node. */
const POLL_MS = 1_000;

export class MembershipWatch {
  private watching: Promise<void> = Promise.resolve();
  private turn = 0;

  constructor(
    private readonly nodes: () => readonly NodeProcess[],
    private readonly requests: MembershipRequests,
    private readonly closing: AbortSignal,
    private readonly onView: (view: TransfersState) => Promise<void>,
  ) {}

  start(): void {
    this.watching = this.watch();
  }

  /** Resolves when polling has stopped, which is soon after `closing`. */
  stopped(): Promise<void> {
    return this.watching;
  }

  private async watch(): Promise<void> {
    while (!this.closing.aborted) {
      try {
        await pollDelay(this.closing, POLL_MS);
        const view = await this.view();
        if (view !== null) await this.onView(view);
      } catch {
        // A node did not answer, or the launcher's disk failed: the next poll tries again.
      }
    }
  }

  /** Asks the running nodes in turn, so that a silent one does not hide what the others know. */
  private async view(): Promise<TransfersState | null> {
    const running = this.nodes().filter(({ state }) => state === "running");
    const node = running[this.turn++ % running.length];
    return node === undefined ? null : await this.requests.transfers(node, this.closing);
  }
}
