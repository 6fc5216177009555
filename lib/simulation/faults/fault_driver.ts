/**
 * Begins and ends faults. Faults of one kind may overlap on a node or link. So each active fault has a
 * number, and a node's state is computed from all of them.
 */
import { verdictOf } from "../../dynamo/recovery/lives.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { HEALTHY, type SimulatedDisk } from "../world/disk.ts";
import { CLOCK_START_US, type Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import type { Fault, FaultKind, LinkFault, MembershipFault, RestoreFault } from "./faults.ts";
import { ruleOf, US_PER_MS } from "./link_rules.ts";

/** A number that no boot has. */
const NO_BOOT = -1;

export class FaultDriver {
  /** How often each kind of fault has begun. */
  readonly injected: Partial<Record<FaultKind, number>> = {};
  /** Active faults by number. */
  private readonly faults = new Map<number, Fault>();
  /** Copies of disks that faults will restore. */
  private readonly backups = new Map<RestoreFault, SimulatedDisk>();
  /** The disks of destroyed machines, by node. */
  private readonly removedDisks = new Map<number, SimulatedDisk>();
  /** Nodes that joined again. They are not removed again, as the two changes could overlap. */
  private readonly rejoined = new Set<number>();
  private acts = 0;
  /** After healing, no fault begins any more. */
  private closed = false;

  constructor(private readonly random: SeededRandom) {}

  clone(): FaultDriver {
    const copy = new FaultDriver(this.random);
    Object.assign(copy.injected, this.injected);
    for (const [act, fault] of this.faults) copy.faults.set(act, fault);
    for (const [fault, disk] of this.backups) copy.backups.set(fault, disk);
    for (const [node, disk] of this.removedDisks) copy.removedDisks.set(node, disk);
    for (const node of this.rejoined) copy.rejoined.add(node);
    copy.acts = this.acts;
    copy.closed = this.closed;
    return copy;
  }

  /** Faults that have begun and not ended, by number. */
  get active(): ReadonlyMap<number, Fault> {
    return this.faults;
  }

  begin(world: World, fault: Fault): void {
    if (this.closed) return;
    const act = ++this.acts;
    this.injected[fault.kind] = (this.injected[fault.kind] ?? 0) + 1;
    world.tracer?.acted?.(world.now, describeFault(fault), fault);
    if (isLinkFault(fault)) {
      this.faults.set(act, fault);
      world.router.network.addRule(act, ruleOf(fault, world.now, this.random.child(`act ${act}`)));
    } else {
      this.beginOnMachine(world, act, fault, world.machine(world.indexOf(fault.node)));
    }
    if ("forMs" in fault) liftAfter(world, fault.forMs, act);
    else if ("downMs" in fault) liftAfter(world, fault.downMs, act);
  }

  /** Copies the disk that the fault will restore. */
  backUp(world: World, fault: RestoreFault): void {
    const { disk } = world.machine(world.indexOf(fault.node));
    if (!this.closed) this.backups.set(fault, disk.clone());
  }

  /** Ends a fault. Does nothing if healing has ended it before. */
  lift(world: World, act: number): void {
    const fault = this.faults.get(act);
    if (fault === undefined) return;
    this.faults.delete(act);
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
   * Ends all faults and cancels those to come: links carry messages, processes run, disks work. Records
   * that were lost or damaged stay so.
   */
  heal(world: World): void {
    this.closed = true;
    for (const act of [...this.faults.keys()]) this.lift(world, act);
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
        this.faults.set(act, fault);
        if (machine.isUp) world.processes.stop(machine, fault.kind === "kill" ? fault.torn : 0);
        if (fault.kind === "wipe") machine.wipe(world.processes.diskWatcher(machine));
        break;
      case "restore":
        this.faults.set(act, fault);
        if (machine.isUp) world.processes.stop(machine, 0);
        this.restore(world, machine, fault);
        break;
      case "restart":
        if (!machine.isUp) break;
        world.processes.stop(machine, 0);
        world.processes.start(machine);
        break;
      case "pause":
        this.faults.set(act, fault);
        machine.pauses++;
        break;
      case "disk-corrupt":
        machine.disk.corrupt(fault.records, world.processes.diskWatcher(machine));
        break;
      case "clock-skew":
        this.faults.set(act, fault);
        machine.clockOffsetUs += Math.round(fault.byMs * US_PER_MS);
        break;
      case "clock-jump": {
        const set = machine.clockOffsetUs + Math.round(fault.byMs * US_PER_MS);
        machine.clockOffsetUs = Math.max(CLOCK_START_US / 10, set);
        break;
      }
      case "join":
      case "leave":
      case "remove":
      case "replace":
      case "return":
        this.changeMembership(world, fault, machine);
        break;
      case "slow-node":
      case "disk-slow":
      case "disk-failing":
      case "disk-full":
        this.faults.set(act, fault);
        this.apply(machine);
        break;
    }
  }

  private changeMembership(world: World, fault: MembershipFault, machine: Machine): void {
    switch (fault.kind) {
      case "join":
        this.startForJoin(world, machine);
        world.orders.request(world, {
          kind: "join",
          member: world.memberOf(fault.node),
          ...machine.disk.directory,
        });
        break;
      case "leave":
        world.orders.request(world, { kind: "leave", node: fault.node });
        break;
      case "remove":
        if (this.rejoined.has(machine.index)) break;
        world.orders.request(
          world,
          { kind: "remove", node: fault.node },
          this.destroy(world, machine),
        );
        break;
      case "return":
        this.rejoin(world, machine);
        break;
      case "replace": {
        if (this.rejoined.has(machine.index)) break;
        const removedDataId = this.destroy(world, machine);
        const successor = world.machine(world.indexOf(fault.by));
        this.startForJoin(world, successor);
        const member = world.memberOf(fault.by);
        const { directory } = successor.disk;
        const act = { kind: "replace", node: fault.node, member, ...directory } as const;
        world.orders.request(world, act, removedDataId);
        break;
      }
    }
  }

  /**
   * Restores a backup. It does nothing if the machine was destroyed. It also does nothing unless there is
   * a running peer and all running peers can tell that the backup is older: otherwise the restore could
   * not be distinguished from a crash.
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
    // A backup from before the node's first start is an empty disk.
    if (backup.lastBoot === null) machine.wipe(watcher);
    else machine.disk.restore(backup, watcher);
  }

  /** Destroys the machine with its disk. Returns the disk's data id; null if it never had a disk. */
  private destroy(world: World, machine: Machine): string | null {
    if (!machine.isGone) {
      const { disk } = machine;
      this.removedDisks.set(machine.index, disk.clone());
      // A disk that no member has used counts as an empty one.
      if (disk.state !== null) world.driver.removalStarted?.(machine.index, disk.dataId);
    }
    world.processes.destroy(machine);
    return this.removedDisks.get(machine.index)?.dataId ?? null;
  }

  /**
   * Starts a removed node with its old disk and lets it join. It does nothing before a member knows that
   * the node was removed, or while another change still removes it.
   */
  private rejoin(world: World, machine: Machine): void {
    const disk = this.removedDisks.get(machine.index);
    const isRemoved = world.machines.some(({ replica }) =>
      replica?.membership.memberStatus(machine.id) === "removed"
    );
    if (disk === undefined || !machine.isGone || !isRemoved) return;
    if (world.orders.isBeingRemoved(machine.id)) return;
    this.removedDisks.delete(machine.index);
    this.rejoined.add(machine.index);
    machine.disk.restore(disk, world.processes.diskWatcher(machine));
    this.startForJoin(world, machine);
    const member = world.memberOf(machine.id);
    world.orders.request(world, { kind: "join", member, ...machine.disk.directory });
  }

  /** Starts a joining node. A destroyed machine starts with an empty disk. */
  private startForJoin(world: World, machine: Machine): void {
    machine.isGone = false;
    if (!machine.isUp && !this.isDown(machine)) world.processes.start(machine);
  }

  /** Whether a fault still keeps the machine down. */
  private isDown(machine: Machine): boolean {
    for (const fault of this.faults.values()) {
      if ("downMs" in fault && "node" in fault && fault.node === machine.id) return true;
    }
    return false;
  }

  /** Sets the state of a node's disk and its speed from all active faults. */
  private apply(machine: Machine): void {
    const condition = { ...HEALTHY };
    let stepUs = 0;
    for (const fault of this.faults.values()) {
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

/** Describes the fault in one line. */
function describeFault(fault: Fault): string {
  const { kind, atMs: _at, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) =>
    `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return [kind, ...details].join(", ");
}
