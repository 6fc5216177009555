/**
 * Brings one node into the state that a scenario's faults ask for: running, paused or down, and with
 * injected faults. Actions on a node take time and exclude each other, while faults begin and end at any
 * time. So this keeps the desired state, and takes one action after another until the node has it.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "../cluster/launch_error.ts";
import type { NodeProcess, NodeState } from "../cluster/supervised_node.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";

interface DesiredState {
  readonly down: boolean;
  readonly paused: boolean;
  /** Faults that the node injects; null: none. */
  readonly faults: FaultRequest | null;
}

/** The actions on a node: those of a `RunningCluster`, or a test's. */
export interface NodeActions {
  node(id: NodeId): NodeProcess;
  kill(id: NodeId): Promise<void>;
  pause(id: NodeId): Promise<void>;
  resume(id: NodeId): Promise<void>;
  restart(id: NodeId): Promise<void>;
  wipe(id: NodeId): Promise<void>;
  setFaults(id: NodeId, settings: FaultRequest | null): Promise<void>;
  onChange(listener: (change: { readonly node: NodeProcess }) => void): () => void;
}

const NO_FAULTS = JSON.stringify(null);
const GONE: readonly NodeState[] = ["killed", "stopped", "crashed"];

export class FaultApplier {
  /** How its process ended, each time that it ended by itself. */
  readonly crashes: string[] = [];
  private desired: DesiredState = { down: false, paused: false, faults: null };
  private mustWipe = false;
  private mustRestart = false;
  /** The faults that were set on the process, as JSON. */
  private faultsSet = NO_FAULTS;
  private reconciling: Promise<void> | null = null;
  /** Something has changed since the last step. */
  private hasChanged = false;
  private closed = false;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly cluster: NodeActions,
    private readonly id: NodeId,
    /** Called at most once, when an action fails. Afterwards nothing more is done. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.unsubscribe = cluster.onChange(({ node }) => {
      if (node.id !== id || node.state !== "crashed") return;
      const { code, signal, stderrTail } = node.exit ?? { code: -1, signal: null, stderrTail: "" };
      const lastLine = stderrTail.trimEnd().split("\n").at(-1) ?? "";
      this.crashes.push(`${id} ended by itself with ${signal ?? `code ${code}`}: ${lastLine}`);
      this.reconcile();
    });
  }

  setDesired(state: DesiredState): void {
    this.desired = state;
    this.reconcile();
  }

  /** Stops the node and starts it again at once. */
  restart(): void {
    this.mustRestart = true;
    this.reconcile();
  }

  /** Makes the next start one with an empty disk. Call {@link setDesired} with `down` afterwards. */
  wipe(): void {
    this.mustWipe = true;
  }

  get isSettled(): boolean {
    return this.reconciling === null;
  }

  /** Resolves when the node is in its desired state. */
  async settled(): Promise<void> {
    while (this.reconciling !== null) await this.reconciling;
  }

  close(): void {
    this.closed = true;
    this.unsubscribe();
  }

  private reconcile(): void {
    this.hasChanged = true;
    if (!this.closed) this.reconciling ??= this.takeSteps();
  }

  private async takeSteps(): Promise<void> {
    try {
      for (let acted = true; !this.closed && (acted || this.hasChanged);) {
        this.hasChanged = false;
        acted = await this.step();
      }
    } catch (error) {
      if (this.closed) return;
      this.close();
      this.onFailure(error);
    } finally {
      this.reconciling = null;
    }
  }

  /** Takes one action towards the desired state; false if the node has it already. */
  private async step(): Promise<boolean> {
    const { cluster, id, desired } = this;
    const { state } = cluster.node(id);
    const isGone = GONE.includes(state);
    if (desired.down) {
      if (isGone) return false;
      await cluster.kill(id);
    } else if (this.mustWipe) {
      this.mustWipe = false;
      await this.started(cluster.wipe(id));
    } else if (isGone || this.mustRestart) {
      this.mustRestart = false;
      await this.started(cluster.restart(id));
    } else if (desired.paused) {
      if (state === "paused") return false;
      await cluster.pause(id);
    } else if (state === "paused") await cluster.resume(id);
    else return await this.setFaults(JSON.stringify(desired.faults));
    return true;
  }

  private async started(action: Promise<void>): Promise<void> {
    await action;
    // A new process injects no faults.
    this.faultsSet = NO_FAULTS;
  }

  private async setFaults(faults: string): Promise<boolean> {
    if (faults === this.faultsSet) return false;
    try {
      await this.cluster.setFaults(this.id, JSON.parse(faults));
      this.faultsSet = faults;
    } catch (error) {
      const isGone = GONE.includes(this.cluster.node(this.id).state);
      if (!(error instanceof LaunchError) || !isGone) throw error;
    }
    return true;
  }
}
