/** A node reaches its desired state, even when that changes while an action is in progress. */
import { deepEqual, equal, match } from "node:assert/strict";
import { LaunchError } from "../cluster/launch_error.ts";
import type { NodeProcess, NodeState } from "../cluster/supervised_node.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";
import { FaultApplier, type NodeActions } from "./fault_applier.ts";

const HEALTHY = { down: false, paused: false, faults: null } as const;

/** A node that records its actions and lets the test decide how long they take. */
class FakeNode implements NodeActions {
  readonly done: string[] = [];
  state: NodeState = "running";
  /** While this is set and pending, no action completes. */
  held: PromiseWithResolvers<void> | null = null;
  refusal: Error | null = null;
  private listener: (change: { readonly node: NodeProcess }) => void = () => {};

  node(): NodeProcess {
    const exit = { pid: 7, code: 70, signal: null, stderrTail: "a line\nout of memory\n" };
    return { id: "n1", url: "", pid: 7, data: "", state: this.state, exit };
  }

  readonly kill = () => this.act("kill", "killed");
  readonly pause = () => this.act("pause", "paused");
  readonly resume = () => this.act("resume", "running");
  readonly restart = () => this.act("restart", "running");
  readonly wipe = () => this.act("wipe", "running");
  readonly setFaults = (_: string, settings: FaultRequest | null) =>
    this.act(settings === null ? "no faults" : `drop ${settings.drop}`, this.state);

  onChange(listener: (change: { readonly node: NodeProcess }) => void): () => void {
    this.listener = listener;
    return () => this.listener = () => {};
  }

  crash(): void {
    this.state = "crashed";
    this.listener({ node: this.node() });
  }

  private async act(name: string, state: NodeState): Promise<void> {
    this.done.push(name);
    await this.held?.promise;
    if (this.refusal !== null) throw this.refusal;
    this.state = state;
  }
}

function applierOf(
  node: FakeNode,
): { readonly applier: FaultApplier; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  return { applier: new FaultApplier(node, "n1", (error) => failures.push(error)), failures };
}

Deno.test("applier: a node is killed to go down and restarted to come up, each only once", async () => {
  const node = new FakeNode();
  const { applier } = applierOf(node);
  for (const down of [true, true, false, false]) {
    applier.setDesired({ ...HEALTHY, down });
    await applier.settled();
  }
  deepEqual(node.done, ["kill", "restart"]);
});

Deno.test("applier: a change during an action is applied after it", async () => {
  const node = new FakeNode();
  const { applier } = applierOf(node);
  node.held = Promise.withResolvers();
  applier.setDesired({ ...HEALTHY, down: true });
  applier.setDesired(HEALTHY);
  applier.setDesired({ ...HEALTHY, paused: true });
  node.held.resolve();
  await applier.settled();
  deepEqual(node.done, ["kill", "restart", "pause"]);
  applier.setDesired(HEALTHY);
  await applier.settled();
  equal(node.done.at(-1), "resume");
});

Deno.test("applier: faults are set again on a new process, and on a paused one when it resumes", async () => {
  const node = new FakeNode();
  const { applier } = applierOf(node);
  const faults = { drop: 0.5 };
  applier.setDesired({ ...HEALTHY, faults });
  await applier.settled();
  applier.restart();
  await applier.settled();
  applier.setDesired({ ...HEALTHY, faults: { drop: 0.1 }, paused: true });
  await applier.settled();
  applier.setDesired({ ...HEALTHY, faults: { drop: 0.1 } });
  await applier.settled();
  applier.setDesired(HEALTHY);
  await applier.settled();
  const told = ["drop 0.5", "restart", "drop 0.5", "pause", "resume", "drop 0.1", "no faults"];
  deepEqual(node.done, told);
});

Deno.test("applier: a wiped node stays down as long as desired, and comes back empty", async () => {
  const node = new FakeNode();
  const { applier } = applierOf(node);
  applier.wipe();
  applier.setDesired({ ...HEALTHY, down: true });
  await applier.settled();
  deepEqual(node.done, ["kill"]);
  applier.setDesired(HEALTHY);
  await applier.settled();
  deepEqual(node.done, ["kill", "wipe"]);
});

Deno.test("applier: a process that ends by itself is started again and reported", async () => {
  const node = new FakeNode();
  const { applier } = applierOf(node);
  node.crash();
  await applier.settled();
  deepEqual(node.done, ["restart"]);
  equal(applier.crashes.length, 1);
  match(applier.crashes[0] ?? "", /^n1 ended by itself with code 70: out of memory$/);
});

Deno.test("applier: a failed action is reported once; failing to set faults on an ended process is ignored", async () => {
  const node = new FakeNode();
  const { applier, failures } = applierOf(node);
  node.refusal = new LaunchError("failed", "no answer");
  applier.setDesired({ ...HEALTHY, faults: { drop: 1 } });
  node.state = "killed";
  await applier.settled();
  deepEqual(failures, [node.refusal], "the restart that follows fails");
  applier.setDesired({ ...HEALTHY, down: true });
  await applier.settled();
  deepEqual(node.done, ["drop 1", "restart"], "nothing is done after the failure");
});
