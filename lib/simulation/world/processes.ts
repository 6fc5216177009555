/**
 * The processes of a simulated cluster: starts and stops them, schedules the events that arrive, and
 * executes their replicas' effects.
 */
import type { Effect, EffectSink, Event } from "../../dynamo/types/events.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { Versioning } from "../../dynamo/versions/versions.ts";
import type { DiskOperation, DiskWatcher } from "./disk.ts";
import { notYetDurable } from "./durability.ts";
import type { FaultHook } from "./fault_hook.ts";
import { BACKLOG_MAX, type Machine, type Route } from "./machine.ts";
import type { DiskWork } from "./tasks.ts";
import type { World } from "./world.ts";

export class Processes {
  /** The number of steps that replicas have taken, also called protocol events. */
  steps = 0;
  /** The number of replicas' observations, by type. */
  readonly observations = new Map<Observation["type"], number>();
  private readonly rules: Versioning | undefined;
  private readonly executors: readonly EffectSink[];
  private readonly diskWatchers: readonly DiskWatcher[];

  constructor(private readonly world: World, private readonly hook: FaultHook | null) {
    this.rules = hook?.rules?.(world.initialConfig);
    this.executors = world.machines.map((machine) => new EffectExecutor(this, machine));
    this.diskWatchers = world.machines.map(({ index: node }) => ({
      committed: (key, record) => world.driver.committed?.(node, key, record, world.now),
      destroyed: (key, how) => world.driver.destroyed?.(node, key, how, world.now),
      removed: (key) => world.driver.removed?.(node, key),
    }));
  }

  clone(world: World): Processes {
    const copy = new Processes(world, this.hook?.clone() ?? null);
    copy.steps = this.steps;
    for (const [type, count] of this.observations) copy.observations.set(type, count);
    return copy;
  }

  start(machine: Machine): void {
    if (machine.isGone) return;
    const { world, hook } = this;
    const replica = machine.start(
      world.initialConfig,
      (boot) => hook?.boot?.(boot) ?? boot,
      this.rules,
    );
    hook?.replica?.(replica);
    world.tracer?.acted?.(world.now, `${machine.id} starts, boot ${machine.boot}`, null);
    this.stepLater(machine, { kind: "start" });
  }

  /** Ends a process at once. Callers that wait for its answers see their connections break. */
  stop(machine: Machine, torn: number): void {
    for (const route of machine.stop()) {
      this.world.router.failCaller(machine, route, false, "connection reset");
    }
    machine.disk.interrupt(this.diskWorkOf(machine), torn, this.diskWatcher(machine));
  }

  /** Ends a process for good and removes its disk. */
  destroy(machine: Machine): void {
    if (machine.isUp) this.stop(machine, 0);
    machine.wipe(this.diskWatcher(machine));
    machine.isGone = true;
  }

  /** The disk operations that the process has in progress, in the order of their start. */
  private diskWorkOf({ index, boot }: Machine): DiskOperation[] {
    return this.world.waiting.flatMap((task) =>
      task.kind === "disk" && task.node === index && task.boot === boot ? [task.operation] : []
    ).sort((a, b) => a.request.id - b.request.id);
  }

  /** Continues a paused process with the events that arrived meanwhile. */
  resume(machine: Machine): void {
    const { backlog, boot, index: node } = machine;
    machine.backlog = [];
    for (const { event, route } of backlog) {
      const { now } = this.world;
      this.world.schedule(now, { kind: "arrival", node, boot, event, route, ready: false });
    }
  }

  diskWatcher(machine: Machine): DiskWatcher {
    return this.diskWatchers[machine.index] as DiskWatcher;
  }

  /** An event has arrived from the network or the disk. A paused or slow process handles it later. */
  arrive(
    machine: Machine,
    boot: number,
    event: Event,
    route: Route | null,
    ready: boolean,
  ): void {
    const { world } = this;
    if (!machine.isUp || machine.boot !== boot) {
      if (route !== null) world.router.failCaller(machine, route, false, "connection reset");
      return;
    }
    if (machine.isPaused) {
      if (machine.backlog.length < BACKLOG_MAX) machine.backlog.push({ event, route });
      return;
    }
    if (machine.stepUs > 0 && !ready) {
      const turn = Math.max(world.now, machine.freeAt);
      machine.freeAt = turn + machine.stepUs;
      const { index: node } = machine;
      world.schedule(turn, { kind: "arrival", node, boot, event, route, ready: true });
      return;
    }
    if (route !== null && event.kind !== "start") machine.inbound.set(event.id, route);
    const isHandoff = event.kind === "peer" && event.request.method === "replica.put" &&
      event.request.purpose === "handoff";
    if (isHandoff) machine.handoffs.add(event.id);
    this.step(machine, event);
    // A refused hint has been answered already, so it does not count.
    if (isHandoff) machine.handoffsPeak = Math.max(machine.handoffsPeak, machine.handoffs.size);
  }

  finishDisk({ node, boot, operation }: DiskWork): void {
    const machine = this.world.machine(node);
    if (machine.boot !== boot || !machine.isUp) return;
    const answer = machine.disk.finish(operation, this.diskWatcher(machine));
    this.arrive(machine, boot, this.world.copied(answer), null, false);
  }

  /** Only the earliest time is in the queue. A timer that was moved to later is scheduled again here. */
  onTimer(machine: Machine, boot: number): void {
    const { world } = this;
    if (machine.boot !== boot || machine.timerScheduled !== world.now) return;
    machine.timerScheduled = Infinity;
    if (machine.timerDue > world.now) {
      if (machine.timerDue === Infinity) return;
      machine.timerScheduled = machine.timerDue;
      world.schedule(machine.timerDue, { kind: "timer", node: machine.index, boot });
      return;
    }
    machine.timerDue = Infinity;
    const event: Event = { kind: "timer", id: machine.timerId };
    this.arrive(machine, boot, event, null, false);
  }

  /** Lets the replica handle one event, and executes its effects. */
  private step(machine: Machine, event: Event): void {
    const { world, hook } = this;
    const given = hook?.event === undefined ? event : hook.event(world, machine, event);
    if (given === null || machine.replica === null) return;
    world.hash.event(world.now, machine.index, given);
    this.steps++;
    const now = world.now + machine.clockOffsetUs;
    if (hook?.effects === undefined && world.tracer?.stepped === undefined) {
      machine.replica.step(now, given, this.executors[machine.index] as EffectSink);
      return;
    }
    const effects: Effect[] = [];
    machine.replica.step(now, given, effects);
    const more = hook?.effects?.(machine, effects) ?? [];
    world.tracer?.stepped?.(machine.id, given, effects, world.now);
    for (const effect of effects) this.execute(machine, effect);
    for (const next of more) this.stepLater(machine, next);
  }

  private stepLater(machine: Machine, event: Event): void {
    const { index: node, boot } = machine;
    const { now } = this.world;
    this.world.schedule(now, { kind: "arrival", node, boot, event, route: null, ready: true });
  }

  execute(machine: Machine, effect: Effect): void {
    const { world } = this;
    switch (effect.kind) {
      case "call":
        this.reportDurability(machine, effect);
        world.router.call(machine, effect);
        break;
      case "respond":
        this.reportDurability(machine, effect);
        world.router.respond(machine, effect);
        break;
      case "load":
      case "store":
      case "remove":
      case "save":
      case "save-disk-state":
      case "scan":
      case "scan-hints": {
        const operation = machine.disk.begin(world.copied(effect));
        const { index: node, boot } = machine;
        const at = world.now + machine.disk.delayUs(operation);
        world.schedule(at, { kind: "disk", node, boot, operation });
        break;
      }
      case "timer":
        this.setTimer(machine, effect.id, effect.at);
        break;
      case "emit":
        this.observe(machine, effect.observation);
        break;
    }
  }

  private reportDurability(
    { id, index, disk }: Machine,
    message: Effect & { kind: "call" | "respond" },
  ): void {
    const { driver, now } = this.world;
    const what = notYetDurable(id, message, disk);
    if (what !== undefined) driver.stateSent?.(index, what, now);
  }

  /** A timer runs for a duration, as with `setTimeout`, so setting the clock does not move it. */
  private setTimer(machine: Machine, id: number, at: number): void {
    const { world } = this;
    const due = Math.max(world.now, at - machine.clockOffsetUs);
    machine.timerId = id;
    machine.timerDue = due;
    if (due < machine.timerScheduled) {
      machine.timerScheduled = due;
      world.schedule(due, { kind: "timer", node: machine.index, boot: machine.boot });
    }
  }

  private observe(machine: Machine, observation: Observation): void {
    const { world } = this;
    this.observations.set(observation.type, (this.observations.get(observation.type) ?? 0) + 1);
    world.tracer?.observed?.(machine.id, observation, world.now);
  }
}

/** Executes a replica's effects at once, which is faster than a list if no hook reads or changes them. */
class EffectExecutor implements EffectSink {
  constructor(private readonly processes: Processes, private readonly machine: Machine) {}

  push(effect: Effect): void {
    this.processes.execute(this.machine, effect);
  }
}
