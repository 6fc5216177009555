/** One node brought to where faults want it, whatever comes while an act of it is under way. */
import { deepEqual, equal, match } from "node:assert/strict";
import { LaunchError } from "../cluster/launch_error.ts";
import type { NodeProcess, NodeState } from "../cluster/supervised_node.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";
import { type Acts, NodeKeeper } from "./fault_applier.ts";

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
    const exit = { pid: 7, code: 70, signal: null, lastWords: "a line\nout of memory\n" };
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

function keeperOf(puppet: Puppet): { readonly keeper: NodeKeeper; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  return { keeper: new NodeKeeper(puppet, "n1", (error) => failures.push(error)), failures };
}

Deno.test("keeper: down is killed, up again is restarted, and nothing is done twice", async () => {
  const puppet = new Puppet();
  const { keeper } = keeperOf(puppet);
  for (const down of [true, true, false, false]) {
    keeper.want({ ...WELL, down });
    await keeper.settled();
  }
  deepEqual(puppet.done, ["kill", "restart"]);
});

Deno.test("keeper: what changes while an act is under way is done when that is over", async () => {
  const puppet = new Puppet();
  const { keeper } = keeperOf(puppet);
  puppet.held = Promise.withResolvers();
  keeper.want({ ...WELL, down: true });
  keeper.want(WELL);
  keeper.want({ ...WELL, paused: true });
  puppet.held.resolve();
  await keeper.settled();
  deepEqual(puppet.done, ["kill", "restart", "pause"]);
  keeper.want(WELL);
  await keeper.settled();
  equal(puppet.done.at(-1), "resume");
});

Deno.test("keeper: a new process is told again how to misbehave, a paused one when it goes on", async () => {
  const puppet = new Puppet();
  const { keeper } = keeperOf(puppet);
  const faults = { drop: 0.5 };
  keeper.want({ ...WELL, faults });
  await keeper.settled();
  keeper.restart();
  await keeper.settled();
  keeper.want({ ...WELL, faults: { drop: 0.1 }, paused: true });
  await keeper.settled();
  keeper.want({ ...WELL, faults: { drop: 0.1 } });
  await keeper.settled();
  keeper.want(WELL);
  await keeper.settled();
  const told = ["drop 0.5", "restart", "drop 0.5", "pause", "resume", "drop 0.1", "behave"];
  deepEqual(puppet.done, told);
});

Deno.test("keeper: a wiped node is down for as long as it is wanted so, and comes back empty", async () => {
  const puppet = new Puppet();
  const { keeper } = keeperOf(puppet);
  keeper.wipe();
  keeper.want({ ...WELL, down: true });
  await keeper.settled();
  deepEqual(puppet.done, ["kill"]);
  keeper.want(WELL);
  await keeper.settled();
  deepEqual(puppet.done, ["kill", "wipe"]);
});

Deno.test("keeper: a process that ends by itself is started again, and not kept secret", async () => {
  const puppet = new Puppet();
  const { keeper } = keeperOf(puppet);
  puppet.crash();
  await keeper.settled();
  deepEqual(puppet.done, ["restart"]);
  equal(keeper.crashes.length, 1);
  match(keeper.crashes[0] ?? "", /^n1 ended by itself with code 70: out of memory$/);
});

Deno.test("keeper: an act that fails is told once; an order to a process just gone does not count", async () => {
  const puppet = new Puppet();
  const { keeper, failures } = keeperOf(puppet);
  puppet.refusal = new LaunchError("failed", "no answer");
  keeper.want({ ...WELL, faults: { drop: 1 } });
  puppet.state = "killed";
  await keeper.settled();
  deepEqual(failures, [puppet.refusal], "the restart that follows fails");
  keeper.want({ ...WELL, down: true });
  await keeper.settled();
  deepEqual(puppet.done, ["drop 1", "restart"], "nothing more is done");
});
