/**
 * A node as its launcher sees it: its state, and the actions that the state allows.
 *
 *     starting ── ready ──▶ running ── pause ──▶ paused ── resume ──▶ running
 *                             │ kill, stop, or it ends by itself
 *                             ▼
 *                 killed · stopped · crashed ── restart ──▶ starting
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "./launch_error.ts";
import {
  describeExit,
  NodeChild,
  type NodeExit,
  type NodeStart,
  PauseWatchdog,
} from "./node_process.ts";

export type NodeState = "starting" | "running" | "paused" | "stopped" | "killed" | "crashed";

/** States without a process. The node stays in such a state until somebody starts it. */
export const DEAD: readonly NodeState[] = ["stopped", "killed", "crashed"];

/** A snapshot of a node's process, as plain data. */
export interface NodeProcess {
  readonly id: NodeId;
  readonly url: string;
  /** Null while it has no process. */
  readonly pid: number | null;
  /** Its data directory. */
  readonly data: string;
  readonly state: NodeState;
  /** How its last process ended; null if none has ended. */
  readonly exit: NodeExit | null;
}

/** How long a node may take to end after SIGTERM before it is killed. */
const STOP_GRACE_MS = 5_000;

interface NodeListeners {
  readonly onState: (node: NodeProcess, before: NodeState) => void;
  readonly onOutput: (id: NodeId, line: string) => void;
}

const RESTARTABLE: readonly NodeState[] = ["running", "paused", ...DEAD];

export class SupervisedNode {
  private state: NodeState = "stopped";
  private child: NodeChild | null = null;
  private exit: NodeExit | null = null;
  private watchdog: PauseWatchdog | null = null;
  private watchdogStopped: Promise<void> = Promise.resolve();
  private closed = false;
  /** The action in progress. Meanwhile other actions are refused. */
  private action: string | null = null;
  /** The state after the process ends: `crashed`, unless the launcher ended it. */
  private endState: "stopped" | "killed" | "crashed" = "crashed";

  constructor(readonly start: NodeStart, private readonly listeners: NodeListeners) {}

  /** A snapshot of the process. */
  get process(): NodeProcess {
    return {
      id: this.start.id,
      url: this.start.url,
      pid: this.child?.pid ?? null,
      data: this.start.directory,
      state: this.state,
      exit: this.exit,
    };
  }

  /** SIGKILL: ends at once. Resolves when the process is gone. Interrupts an action in progress. */
  async kill(): Promise<void> {
    this.requireState("kill", ["running", "paused", "starting"]);
    if (this.action !== null) await this.end("SIGKILL", "killed");
    else await this.during("kill", () => this.end("SIGKILL", "killed"));
  }

  /** SIGTERM: the node completes its requests first. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.require("stop", ["running"]);
    await this.during("stop", () => this.end("SIGTERM", "stopped"));
  }

  /** SIGSTOP: the node keeps its memory and its connections, but answers nothing. */
  pause(): void {
    this.require("pause", ["running"]);
    this.suspend();
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    this.require("resume", ["paused"]);
    await this.during("resume", () => this.unpause());
  }

  /**
   * Starts a new process with the same id, data and port, after stopping a running one. Resolves when
   * it serves.
   */
  async restart(): Promise<void> {
    this.require("restart", RESTARTABLE);
    await this.during("restart", async () => {
      await this.endForRestart();
      await this.launch();
    });
  }

  /** Restarts the node with an empty disk. `emptyDisk` removes what it has stored. */
  async wipe(emptyDisk: () => Promise<void>): Promise<void> {
    this.require("wipe", RESTARTABLE);
    await this.during("wipe", async () => {
      await this.endForRestart();
      await emptyDisk();
      await this.launch();
    });
  }

  /** Starts the process for the first time. Resolves when it serves. */
  begin(): Promise<void> {
    return this.during("start", () => this.launch());
  }

  /** Ends the process in any state. Afterwards every action is refused. */
  async close(how: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.closed = true;
    if (this.state === "paused" && how === "SIGTERM") await this.unpause();
    await this.end(how, how === "SIGTERM" ? "stopped" : "killed");
    await this.watchdogStopped;
  }

  private async launch(): Promise<void> {
    const { id } = this.start;
    if (this.closed) {
      throw new LaunchError("unfit", `Cannot start node ${id}: its cluster is closed`);
    }
    const child = new NodeChild(this.start, (line) => this.listeners.onOutput(id, line));
    this.child = child;
    this.endState = "crashed";
    const exited = child.exited.then((exit) => this.onExit(child, exit));
    this.become("starting");
    try {
      await child.ready;
    } catch (error) {
      await exited;
      throw error;
    }
    // It may have ended after its ready line.
    if (this.child === child) this.become("running");
    else throw new LaunchError("failed", `Node ${id} ended right after it had started to serve`);
  }

  private onExit(child: NodeChild, exit: NodeExit): void {
    if (this.child !== child) return;
    this.child = null;
    this.exit = exit;
    this.stopWatchdog();
    this.become(this.endState);
  }

  /** Resolves when the process is gone. It is killed if it does not end within the grace period. */
  private async end(signal: "SIGTERM" | "SIGKILL", state: "stopped" | "killed"): Promise<void> {
    const child = this.child;
    if (child === null) return;
    this.endState = state;
    // Before the signal, so that the watchdog does not continue a process that is being killed.
    await this.stopWatchdog();
    child.send(signal);
    const timer = setTimeout(() => child.send("SIGKILL"), STOP_GRACE_MS);
    await child.exited;
    clearTimeout(timer);
  }

  private async endForRestart(): Promise<void> {
    if (this.state === "paused") await this.unpause();
    await this.end("SIGTERM", "stopped");
  }

  private suspend(): void {
    const child = this.child as NodeChild;
    this.watchdog = new PauseWatchdog(child.pid);
    child.send("SIGSTOP");
    this.become("paused");
  }

  private async unpause(): Promise<void> {
    await this.stopWatchdog();
    this.child?.send("SIGCONT");
    if (this.child !== null) this.become("running");
  }

  private stopWatchdog(): Promise<void> {
    const { watchdog } = this;
    this.watchdog = null;
    if (watchdog !== null) this.watchdogStopped = watchdog.stop();
    return this.watchdogStopped;
  }

  private become(state: NodeState): void {
    const before = this.state;
    this.state = state;
    if (before !== state) this.listeners.onState(this.process, before);
  }

  private require(action: string, states: readonly NodeState[]): void {
    if (this.action !== null) this.refuse(action, `its ${this.action} is in progress`);
    this.requireState(action, states);
  }

  private requireState(action: string, states: readonly NodeState[]): void {
    if (this.closed) this.refuse(action, "its cluster is closed");
    if (states.includes(this.state)) return;
    const how = this.state === "crashed" && this.exit !== null
      ? `crashed (${describeExit(this.exit)})`
      : this.state;
    this.refuse(action, `it must be ${states.join(" or ")}, and it is ${how}`);
  }

  private refuse(action: string, why: string): never {
    throw new LaunchError("unfit", `Cannot ${action} node ${this.start.id}: ${why}`);
  }

  private async during<T>(action: string, work: () => Promise<T>): Promise<T> {
    this.action = action;
    try {
      return await work();
    } finally {
      this.action = null;
    }
  }
}
