/**
 * What the members say of the nodes that a launcher supervises. A change of the membership can be ordered
 * at any node, past the launcher: it looks at the ring now and then, so that it neither shows nor starts
 * again a node that has left or was removed.
 */
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import { look } from "./decommissions.ts";
import type { MembershipRequests } from "./membership_requests.ts";
import type { NodeProcess } from "./supervised_node.ts";

/** How often the ring is looked at, ms: one small question to one node. */
const WATCH_MS = 1_000;

export class MembershipWatch {
  private watching: Promise<void> = Promise.resolve();
  private turn = 0;

  constructor(
    private readonly nodes: () => readonly NodeProcess[],
    private readonly orders: MembershipRequests,
    private readonly ending: AbortSignal,
    private readonly learn: (view: TransfersState) => Promise<void>,
  ) {}

  start(): void {
    this.watching = this.watch();
  }

  /** Resolves when it has ended: at once after `ending`. */
  over(): Promise<void> {
    return this.watching;
  }

  private async watch(): Promise<void> {
    while (!this.ending.aborted) {
      try {
        await look(this.ending, WATCH_MS);
        const view = await this.view();
        if (view !== null) await this.learn(view);
      } catch {
        // A node was silent, or the disk would not keep what was learnt: the next look is as good.
      }
    }
  }

  /** Of one node that runs, another one each time: one that is silent must not hide what the others know. */
  private async view(): Promise<TransfersState | null> {
    const running = this.nodes().filter(({ state }) => state === "running");
    const node = running[this.turn++ % running.length];
    return node === undefined ? null : await this.orders.transfers(node, this.ending);
  }
}
