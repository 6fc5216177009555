/**
 * The process of a node that may join. It runs before a plan can include it, because the member that
 * plans calls it first. Until its plan is committed it is not a member and stores nothing. If no plan is
 * committed in time, it is discarded.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { SupervisedNode } from "./supervised_node.ts";

/** How long a joining node waits for the commit of its plan. */
const PLAN_LIFETIME_MS = 120_000;

/** Makes and removes the process: part of a `ChangingCluster`. */
interface JoiningNodeFactory {
  createJoiningNode(taken: readonly NodeId[]): Promise<SupervisedNode>;
  discardJoiningNode(node: SupervisedNode): Promise<void>;
}

export class JoiningNode {
  private node: SupervisedNode | null = null;
  private expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly factory: JoiningNodeFactory,
    private readonly closing: AbortSignal,
    /** No plan was committed in time. */
    private readonly onExpired: () => void,
  ) {
    closing.addEventListener("abort", () => clearTimeout(this.expiry), { once: true });
  }

  /** Starts the node, or reuses one that runs already and whose id is not `taken`. */
  async start(taken: readonly NodeId[]): Promise<SupervisedNode> {
    clearTimeout(this.expiry);
    this.closing.throwIfAborted();
    this.expiry = setTimeout(this.onExpired, PLAN_LIFETIME_MS);
    const { process } = this.node ?? {};
    if (this.node !== null && process?.state === "running" && !taken.includes(process.id)) {
      return this.node;
    }
    await this.end();
    this.closing.throwIfAborted();
    const node = await this.factory.createJoiningNode(taken);
    this.node = node;
    try {
      await node.begin();
    } catch (error) {
      await this.discard();
      throw error;
    }
    return node;
  }

  /** The node has joined: it is no longer discarded from here. */
  release(node: SupervisedNode): SupervisedNode {
    this.node = null;
    return node;
  }

  /** Ends the node and removes its disk. Does nothing if there is none. */
  async discard(): Promise<void> {
    clearTimeout(this.expiry);
    await this.end();
  }

  private async end(): Promise<void> {
    const { node } = this;
    this.node = null;
    if (node !== null) await this.factory.discardJoiningNode(node);
  }
}
