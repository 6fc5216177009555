/**
 * Makes faults happen and ends them. Faults of one kind may overlap on one node or link: each act is
 * kept by number, and what a node suffers is computed from all acts that are under way.
 */
import { verdictOf } from "../../dynamo/recovery/lives.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { HEALTHY, type SimulatedDisk } from "../world/disk.ts";
import { CLOCK_START_US, type Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import type { Fault, FaultKind, LinkFault, RestoreFault } from "./faults.ts";
import { ruleOf, US_PER_MS } from "./link_rules.ts";

/** No start has this number. */
const NO_BOOT = -1;

export class FaultDriver {
  /** How often each kind has happened. */
  readonly injected: Partial<Record<FaultKind, number>> = {};
  private readonly underWay = new Map<number, Fault>();
  /** Copies of disks that nodes are to come back with. */
  private readonly backups = new Map<RestoreFault, SimulatedDisk>();
  /** Disks of nodes that were taken out, by node. */
  private readonly takenOut = new Map<number, SimulatedDisk>();
  /** Nodes that were brought back: they are not taken out again, as both acts could cross. */
  private readonly broughtBack = new Set<number>();
  private acts = 0;
  /** Healed for good: what was still to come does not happen. */
  private closed = false;

  constructor(private readonly random: SeededRandom) {}

  clone(): FaultDriver {
    const copy = new FaultDriver(this.random);
    Object.assign(copy.injected, this.injected);
    for (const [act, fault] of this.underWay) copy.underWay.set(act, fault);
    for (const [fault, disk] of this.backups) copy.backups.set(fault, disk);
    for (const [node, disk] of this.takenOut) copy.takenOut.set(node, disk);
    for (const node of this.broughtBack) copy.broughtBack.add(node);
    copy.acts = this.acts;
    copy.closed = this.closed;
    return copy;
  }

  /** Faults that have begun and not ended, by act. */
  get active(): ReadonlyMap<number, Fault> {
    return this.underWay;
  }

  begin(world: World, fault: Fault): void {
    if (this.closed) return;
    const act = ++this.acts;
    this.injected[fault.kind] = (this.injected[fault.kind] ?? 0) + 1;
    world.tracer?.acted?.(world.now, describeFault(fault), fault);
    if (isLinkFault(fault)) {
      this.underWay.set(act, fault);
      world.router.network.addRule(act, ruleOf(fault, world.now, this.random.child(`act ${act}`)));
    } else {
      this.beginOnMachine(world, act, fault, world.machine(world.indexOf(fault.node)));
    }
    if ("forMs" in fault) liftAfter(world, fault.forMs, act);
    else if ("downMs" in fault) liftAfter(world, fault.downMs, act);
  }

  /** Copies the disk that the fault will bring back. */
  backUp(world: World, fault: RestoreFault): void {
    const { disk } = world.machine(world.indexOf(fault.node));
    if (!this.closed) this.backups.set(fault, disk.clone());
  }

  /** Ends an act; one that was ended before (by healing) is left alone. */
  lift(world: World, act: number): void {
    const fault = this.underWay.get(act);
    if (fault === undefined) return;
    this.underWay.delete(act);
    if (isLinkFault(fault)) {
      world.router.liftRule(act);
      world.tracer?.acted?.(world.now, `${fault.kind} ends`, fault);
      return;
    }
    const machine = world.machine(world.indexOf(fault.node));
    switch (fault.kind) {
      case "crash":
      case "kill":
      case "wipe":
      case "restore":
        if (!machine.isUp && !this.isDown(machine)) world.processes.start(machine);
        return;
      case "pause":
        machine.pauses--;
        if (!machine.isPaused) world.processes.resume(machine);
        break;
      case "clock-skew":
        machine.clockOffsetUs -= Math.round(fault.byMs * US_PER_MS);
        break;
      default:
        this.apply(machine);
    }
    world.tracer?.acted?.(world.now, `${fault.kind} of ${machine.id} ends`, fault);
  }

  /**
   * Ends everything and lets nothing more happen: links carry, processes run, disks work. Damage
   * that was done stays.
   */
  heal(world: World): void {
    this.closed = true;
    for (const act of [...this.underWay.keys()]) this.lift(world, act);
    for (const machine of world.machines) {
      if (!machine.isUp && machine.boot > 0) world.processes.start(machine);
    }
  }

  private beginOnMachine(
    world: World,
    act: number,
    fault: Exclude<Fault, LinkFault>,
    machine: Machine,
  ): void {
    switch (fault.kind) {
      case "crash":
      case "kill":
      case "wipe":
        this.underWay.set(act, fault);
        if (machine.isUp) world.processes.stop(machine, fault.kind === "kill" ? fault.torn : 0);
        if (fault.kind === "wipe") machine.wipe(world.processes.diskWatcher(machine));
        break;
      case "restore":
        this.underWay.set(act, fault);
        if (machine.isUp) world.processes.stop(machine, 0);
        this.restore(world, machine, fault);
        break;
      case "restart":
        if (!machine.isUp) break;
        world.processes.stop(machine, 0);
        world.processes.start(machine);
        break;
      case "pause":
        this.underWay.set(act, fault);
        machine.pauses++;
        break;
      case "disk-corrupt":
        machine.disk.corrupt(fault.records, world.processes.diskWatcher(machine));
        break;
      case "clock-skew":
        this.underWay.set(act, fault);
        machine.clockOffsetUs += Math.round(fault.byMs * US_PER_MS);
        break;
      case "clock-jump": {
        const set = machine.clockOffsetUs + Math.round(fault.byMs * US_PER_MS);
        machine.clockOffsetUs = Math.max(CLOCK_START_US / 10, set);
        break;
      }
      case "join":
        this.bring(world, machine);
        world.orders.give(world, {
          kind: "join",
          member: world.memberOf(fault.node),
          ...machine.disk.directory,
        });
        break;
      case "leave":
        world.orders.give(world, { kind: "leave", node: fault.node });
        break;
      case "remove":
        if (this.broughtBack.has(machine.index)) break;
        world.orders.give(
          world,
          { kind: "remove", node: fault.node },
          this.takeOut(world, machine),
        );
        break;
      case "return":
        this.bringBack(world, machine);
        break;
      case "replace": {
        if (this.broughtBack.has(machine.index)) break;
        const takenOut = this.takeOut(world, machine);
        const successor = world.machine(world.indexOf(fault.by));
        this.bring(world, successor);
        const member = world.memberOf(fault.by);
        const { directory } = successor.disk;
        const act = { kind: "replace", node: fault.node, member, ...directory } as const;
        world.orders.give(world, act, takenOut);
        break;
      }
      case "slow-node":
      case "disk-slow":
      case "disk-failing":
      case "disk-full":
        this.underWay.set(act, fault);
        this.apply(machine);
        break;
    }
  }

  /**
   * A disk that was taken out of the cluster with its machine does not come back. Neither does one of
   * which some running peer has not heard yet that it is older, or where no peer runs: nobody can tell that
   * from a crash.
   */
  private restore(world: World, machine: Machine, fault: RestoreFault): void {
    const backup = this.backups.get(fault);
    this.backups.delete(fault);
    if (backup === undefined || machine.isGone) return;
    const boot = { self: machine.id, ...backup.bootOver(NO_BOOT) };
    const peers = world.machines.flatMap(({ id, replica }) =>
      id !== machine.id && replica?.membership.isActive(id) === true ? [replica] : []
    );
    const isKnown = peers.every((replica) => {
      const remembered = replica.remembers(machine.id);
      return remembered !== null && verdictOf(remembered, boot) === "older";
    });
    if (peers.length === 0 || !isKnown) return;
    const watcher = world.processes.diskWatcher(machine);
    // A directory from before the node's first start is nobody's yet.
    if (backup.lastBoot === null) machine.wipe(watcher);
    else machine.disk.restore(backup, watcher);
  }

  /** Takes the machine away for good; returns the data id of its disk, null when it never had one. */
  private takeOut(world: World, machine: Machine): string | null {
    if (!machine.isGone) {
      const { disk } = machine;
      this.takenOut.set(machine.index, disk.clone());
      // One that was never a member's is as good as an empty one.
      if (disk.state !== null) world.driver.removedWith?.(machine.index, disk.dataId);
    }
    world.processes.destroy(machine);
    return this.takenOut.get(machine.index)?.dataId ?? null;
  }

  /**
   * Once the members know that it was removed, and nobody is still about to take it out, it may be started
   * again; it asks to be let in.
   */
  private bringBack(world: World, machine: Machine): void {
    const disk = this.takenOut.get(machine.index);
    const isRemoved = world.machines.some(({ replica }) =>
      replica?.membership.memberStatus(machine.id) === "removed"
    );
    if (disk === undefined || !machine.isGone || !isRemoved) return;
    if (world.orders.isToGo(machine.id)) return;
    this.takenOut.delete(machine.index);
    this.broughtBack.add(machine.index);
    machine.disk.restore(disk, world.processes.diskWatcher(machine));
    this.bring(world, machine);
    const member = world.memberOf(machine.id);
    world.orders.give(world, { kind: "join", member, ...machine.disk.directory });
  }

  /** A machine that is to join runs; one that was taken out comes back with an empty disk. */
  private bring(world: World, machine: Machine): void {
    machine.isGone = false;
    if (!machine.isUp && !this.isDown(machine)) world.processes.start(machine);
  }

  /** Whether a crash, kill or wipe of the machine is still under way. */
  private isDown(machine: Machine): boolean {
    for (const fault of this.underWay.values()) {
      if ("downMs" in fault && "node" in fault && fault.node === machine.id) return true;
    }
    return false;
  }

  /** What all faults under way together make of a node's disk and speed. */
  private apply(machine: Machine): void {
    const condition = { ...HEALTHY };
    let stepUs = 0;
    for (const fault of this.underWay.values()) {
      if (isLinkFault(fault) || fault.node !== machine.id) continue;
      if (fault.kind === "slow-node") stepUs += Math.round(fault.stepMs * US_PER_MS);
      else if (fault.kind === "disk-slow") condition.slowness *= fault.factor;
      else if (fault.kind === "disk-full") condition.full = true;
      else if (fault.kind === "disk-failing") {
        const { operations, probability } = fault;
        if (operations !== "stores") {
          condition.loadFailures = Math.max(condition.loadFailures, probability);
        }
        if (operations !== "loads") {
          condition.storeFailures = Math.max(condition.storeFailures, probability);
        }
      }
    }
    machine.stepUs = stepUs;
    machine.disk.condition = condition;
  }
}

function liftAfter(world: World, ms: number, act: number): void {
  world.schedule(world.now + Math.round(ms * US_PER_MS), { kind: "lift", act });
}

const LINK_KINDS: ReadonlySet<FaultKind> = new Set<LinkFault["kind"]>([
  "loss",
  "duplicate",
  "reorder",
  "delay",
  "bandwidth",
  "clog",
  "partition",
  "partition-oneway",
  "flapping",
]);

export function isLinkFault(fault: Fault): fault is LinkFault {
  return LINK_KINDS.has(fault.kind);
}

/** One line for a person. */
function describeFault(fault: Fault): string {
  const { kind, atMs: _at, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) =>
    `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return [kind, ...details].join(", ");
}
