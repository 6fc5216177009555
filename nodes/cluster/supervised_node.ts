/**
 * A node under its launcher: which state it is in, and which acts fit that state.
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
  PauseGuard,
} from "./node_process.ts";

export type NodeState = "starting" | "running" | "paused" | "stopped" | "killed" | "crashed";

/** The states of a node that has no process, and will have one only when somebody starts it. */
export const DEAD: readonly NodeState[] = ["stopped", "killed", "crashed"];

/** What is known of a node: plain data, as of now. */
export interface NodeProcess {
  readonly id: NodeId;
  readonly url: string;
  /** Null while it has no process. */
  readonly pid: number | null;
  /** Its directory. */
  readonly data: string;
  readonly state: NodeState;
  /** How its last process ended, where one has. */
  readonly exit: NodeExit | null;
}

/** How long a node that was asked to end may take, before it is killed. */
const STOP_GRACE_MS = 5_000;

interface NodeListeners {
  readonly onState: (node: NodeProcess, before: NodeState) => void;
  readonly onOutput: (id: NodeId, line: string) => void;
}

const BEGUN: readonly NodeState[] = ["running", "paused", ...DEAD];

export class SupervisedNode {
  private state: NodeState = "stopped";
  private child: NodeChild | null = null;
  private exit: NodeExit | null = null;
  private guard: PauseGuard | null = null;
  private guardGone: Promise<void> = Promise.resolve();
  private closed = false;
  /** The act under way, which others must wait for. */
  private act: string | null = null;
  /** The state that the process's end leads to; another than `crashed` when the end was asked for. */
  private endState: "stopped" | "killed" | "crashed" = "crashed";

  constructor(readonly start: NodeStart, private readonly listeners: NodeListeners) {}

  /** As it is now. */
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

  /** SIGKILL: no goodbye. Resolves when the process is gone. Cuts any other act short. */
  async kill(): Promise<void> {
    this.requireState("kill", ["running", "paused", "starting"]);
    if (this.act !== null) await this.end("SIGKILL", "killed");
    else await this.during("kill", () => this.end("SIGKILL", "killed"));
  }

  /** SIGTERM: the node finishes what it has in hand. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.require("stop", ["running"]);
    await this.during("stop", () => this.end("SIGTERM", "stopped"));
  }

  /** SIGSTOP: it keeps its memory and its connections, and answers nothing. */
  pause(): void {
    this.require("pause", ["running"]);
    this.suspend();
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    this.require("resume", ["paused"]);
    await this.during("resume", () => this.unpause());
  }

  /** The same id, data and port, in a new process; one that runs is stopped first. Resolves when it serves. */
  async restart(): Promise<void> {
    this.require("restart", BEGUN);
    await this.during("restart", async () => {
      await this.endForRestart();
      await this.launch();
    });
  }

  /** As a restart, on an empty disk: `empty` removes what the node has stored. */
  async wipe(empty: () => Promise<void>): Promise<void> {
    this.require("wipe", BEGUN);
    await this.during("wipe", async () => {
      await this.endForRestart();
      await empty();
      await this.launch();
    });
  }

  /** Starts the process for the first time. Resolves when it serves. */
  begin(): Promise<void> {
    return this.during("start", () => this.launch());
  }

  /** Ends the process, whatever state it is in; no act is possible afterwards. */
  async close(how: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.closed = true;
    if (this.state === "paused" && how === "SIGTERM") await this.unpause();
    await this.end(how, how === "SIGTERM" ? "stopped" : "killed");
    await this.guardGone;
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
    // It may have ended between its ready line and now.
    if (this.child === child) this.become("running");
    else throw new LaunchError("failed", `Node ${id} ended as soon as it served`);
  }

  private onExit(child: NodeChild, exit: NodeExit): void {
    if (this.child !== child) return;
    this.child = null;
    this.exit = exit;
    this.dismissGuard();
    this.become(this.endState);
  }

  /** Resolves when the process is gone; one that does not end within the grace is killed. */
  private async end(signal: "SIGTERM" | "SIGKILL", state: "stopped" | "killed"): Promise<void> {
    const child = this.child;
    if (child === null) return;
    this.endState = state;
    // Before the signal, or the guard would continue a paused process that is to be killed.
    await this.dismissGuard();
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
    this.guard = new PauseGuard(child.pid);
    child.send("SIGSTOP");
    this.become("paused");
  }

  private async unpause(): Promise<void> {
    await this.dismissGuard();
    this.child?.send("SIGCONT");
    if (this.child !== null) this.become("running");
  }

  private dismissGuard(): Promise<void> {
    const guard = this.guard;
    this.guard = null;
    if (guard !== null) this.guardGone = guard.dismiss();
    return this.guardGone;
  }

  private become(state: NodeState): void {
    const before = this.state;
    this.state = state;
    if (before !== state) this.listeners.onState(this.process, before);
  }

  private require(act: string, states: readonly NodeState[]): void {
    if (this.act !== null) this.refuse(act, `its ${this.act} is under way`);
    this.requireState(act, states);
  }

  private requireState(act: string, states: readonly NodeState[]): void {
    if (this.closed) this.refuse(act, "its cluster is closed");
    if (states.includes(this.state)) return;
    const how = this.state === "crashed" && this.exit !== null
      ? `crashed (${describeExit(this.exit)})`
      : this.state;
    this.refuse(act, `it must be ${states.join(" or ")}, and it is ${how}`);
  }

  private refuse(act: string, why: string): never {
    throw new LaunchError("unfit", `Cannot ${act} node ${this.start.id}: ${why}`);
  }

  private async during<T>(act: string, work: () => Promise<T>): Promise<T> {
    this.act = act;
    try {
      return await work();
    } finally {
      this.act = null;
    }
  }
}
