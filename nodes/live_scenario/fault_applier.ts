/**
 * Brings one node to where the faults of a scenario want it: running, paused or down, and misbehaving
 * as told. Acts of one node take time and exclude each other, and faults come when they come; so what
 * is wanted is written down, and one act after the other is done until it is so.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "../cluster/launch_error.ts";
import type { NodeProcess, NodeState } from "../cluster/supervised_node.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";

interface WantedState {
  readonly down: boolean;
  readonly paused: boolean;
  /** Null: it behaves. */
  readonly faults: FaultRequest | null;
}

/** What it does with the node: a `RunningCluster`, or a test's. */
export interface Acts {
  node(id: NodeId): NodeProcess;
  kill(id: NodeId): Promise<void>;
  pause(id: NodeId): Promise<void>;
  resume(id: NodeId): Promise<void>;
  restart(id: NodeId): Promise<void>;
  wipe(id: NodeId): Promise<void>;
  setFaults(id: NodeId, settings: FaultRequest | null): Promise<void>;
  onChange(listener: (change: { readonly node: NodeProcess }) => void): () => void;
}

const WELL = JSON.stringify(null);
const GONE: readonly NodeState[] = ["killed", "stopped", "crashed"];

export class FaultApplier {
  /** How its process ended when nobody had asked for it. */
  readonly crashes: string[] = [];
  private wanted: WantedState = { down: false, paused: false, faults: null };
  private toWipe = false;
  private toRestart = false;
  /** What the process was told at `/faults`, as text. */
  private told = WELL;
  private working: Promise<void> | null = null;
  /** Something has changed since the last look. */
  private isNews = false;
  private closed = false;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly cluster: Acts,
    private readonly id: NodeId,
    /** Told once, when an act failed; nothing more is done then. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.unsubscribe = cluster.onChange(({ node }) => {
      if (node.id !== id || node.state !== "crashed") return;
      const { code, signal, stderrTail } = node.exit ?? { code: -1, signal: null, stderrTail: "" };
      const lastLine = stderrTail.trimEnd().split("\n").at(-1) ?? "";
      this.crashes.push(`${id} ended by itself with ${signal ?? `code ${code}`}: ${lastLine}`);
      this.nudge();
    });
  }

  want(state: WantedState): void {
    this.wanted = state;
    this.nudge();
  }

  /** It is to be stopped and started, at once. */
  restart(): void {
    this.toRestart = true;
    this.nudge();
  }

  /** It is to lose its disk; to be followed by {@link want} with `down`. */
  wipe(): void {
    this.toWipe = true;
  }

  get isSettled(): boolean {
    return this.working === null;
  }

  /** Resolves when it is where it is wanted. */
  async settled(): Promise<void> {
    while (this.working !== null) await this.working;
  }

  close(): void {
    this.closed = true;
    this.unsubscribe();
  }

  private nudge(): void {
    this.isNews = true;
    if (!this.closed) this.working ??= this.work();
  }

  private async work(): Promise<void> {
    try {
      for (let acted = true; !this.closed && (acted || this.isNews);) {
        this.isNews = false;
        acted = await this.step();
      }
    } catch (error) {
      if (this.closed) return;
      this.close();
      this.onFailure(error);
    } finally {
      this.working = null;
    }
  }

  /** One act towards what is wanted; false when it is so. */
  private async step(): Promise<boolean> {
    const { cluster, id, wanted } = this;
    const { state } = cluster.node(id);
    const isGone = GONE.includes(state);
    if (wanted.down) {
      if (isGone) return false;
      await cluster.kill(id);
    } else if (this.toWipe) {
      this.toWipe = false;
      await this.started(cluster.wipe(id));
    } else if (isGone || this.toRestart) {
      this.toRestart = false;
      await this.started(cluster.restart(id));
    } else if (wanted.paused) {
      if (state === "paused") return false;
      await cluster.pause(id);
    } else if (state === "paused") await cluster.resume(id);
    else return await this.tell(JSON.stringify(wanted.faults));
    return true;
  }

  private async started(act: Promise<void>): Promise<void> {
    await act;
    // A new process behaves.
    this.told = WELL;
  }

  private async tell(wanted: string): Promise<boolean> {
    if (wanted === this.told) return false;
    try {
      await this.cluster.setFaults(this.id, JSON.parse(wanted));
      this.told = wanted;
    } catch (error) {
      const isGone = GONE.includes(this.cluster.node(this.id).state);
      if (!(error instanceof LaunchError) || !isGone) throw error;
    }
    return true;
  }
}
