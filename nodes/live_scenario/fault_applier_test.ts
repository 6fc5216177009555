/** One node brought to where faults want it, whatever comes while an act of it is under way. */
import { deepEqual, equal, match } from "node:assert/strict";
import { LaunchError } from "../cluster/launch_error.ts";
import type { NodeProcess, NodeState } from "../cluster/supervised_node.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";
import { type Acts, FaultApplier } from "./fault_applier.ts";

const WELL = { down: false, paused: false, faults: null } as const;

/** A node whose acts take as long as the test wants. */
class Puppet implements Acts {
  readonly done: string[] = [];
  state: NodeState = "running";
  /** While it is held, no act comes to its end. */
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
    this.act(settings === null ? "behave" : `drop ${settings.drop}`, this.state);

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
  puppet: Puppet,
): { readonly applier: FaultApplier; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  return { applier: new FaultApplier(puppet, "n1", (error) => failures.push(error)), failures };
}

Deno.test("applier: down is killed, up again is restarted, and nothing is done twice", async () => {
  const puppet = new Puppet();
  const { applier } = applierOf(puppet);
  for (const down of [true, true, false, false]) {
    applier.want({ ...WELL, down });
    await applier.settled();
  }
  deepEqual(puppet.done, ["kill", "restart"]);
});

Deno.test("applier: what changes while an act is under way is done when that is over", async () => {
  const puppet = new Puppet();
  const { applier } = applierOf(puppet);
  puppet.held = Promise.withResolvers();
  applier.want({ ...WELL, down: true });
  applier.want(WELL);
  applier.want({ ...WELL, paused: true });
  puppet.held.resolve();
  await applier.settled();
  deepEqual(puppet.done, ["kill", "restart", "pause"]);
  applier.want(WELL);
  await applier.settled();
  equal(puppet.done.at(-1), "resume");
});

Deno.test("applier: a new process is told again how to misbehave, a paused one when it goes on", async () => {
  const puppet = new Puppet();
  const { applier } = applierOf(puppet);
  const faults = { drop: 0.5 };
  applier.want({ ...WELL, faults });
  await applier.settled();
  applier.restart();
  await applier.settled();
  applier.want({ ...WELL, faults: { drop: 0.1 }, paused: true });
  await applier.settled();
  applier.want({ ...WELL, faults: { drop: 0.1 } });
  await applier.settled();
  applier.want(WELL);
  await applier.settled();
  const told = ["drop 0.5", "restart", "drop 0.5", "pause", "resume", "drop 0.1", "behave"];
  deepEqual(puppet.done, told);
});

Deno.test("applier: a wiped node is down for as long as it is wanted so, and comes back empty", async () => {
  const puppet = new Puppet();
  const { applier } = applierOf(puppet);
  applier.wipe();
  applier.want({ ...WELL, down: true });
  await applier.settled();
  deepEqual(puppet.done, ["kill"]);
  applier.want(WELL);
  await applier.settled();
  deepEqual(puppet.done, ["kill", "wipe"]);
});

Deno.test("applier: a process that ends by itself is started again, and not kept secret", async () => {
  const puppet = new Puppet();
  const { applier } = applierOf(puppet);
  puppet.crash();
  await applier.settled();
  deepEqual(puppet.done, ["restart"]);
  equal(applier.crashes.length, 1);
  match(applier.crashes[0] ?? "", /^n1 ended by itself with code 70: out of memory$/);
});

Deno.test("applier: an act that fails is told once; an order to a process just gone does not count", async () => {
  const puppet = new Puppet();
  const { applier, failures } = applierOf(puppet);
  puppet.refusal = new LaunchError("failed", "no answer");
  applier.want({ ...WELL, faults: { drop: 1 } });
  puppet.state = "killed";
  await applier.settled();
  deepEqual(failures, [puppet.refusal], "the restart that follows fails");
  applier.want({ ...WELL, down: true });
  await applier.settled();
  deepEqual(puppet.done, ["drop 1", "restart"], "nothing more is done");
});
