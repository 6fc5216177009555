/**
 * Begins and ends the faults of a scenario on real processes. As in the simulator, faults may overlap on
 * a node or link, so a node's state is computed from all active faults.
 */
import type { RingMember } from "../../lib/dynamo/ring/ring_state.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import { parseDistribution } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import {
  CLIENTS,
  endOf,
  type Fault,
  type FaultKind,
  FAULTS,
  type LinkFault,
  type MachineFault,
  type MembershipFault,
} from "../../lib/simulation/faults/faults.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import type { RunningCluster } from "../cluster/launcher.ts";
import { DISK_SLOW_MS_MAX, type FaultRequest } from "../faults/fault_settings.ts";
import type { LastingLinkFault, LinkFaults } from "../faults/link_faults.ts";
import { FaultApplier } from "./fault_applier.ts";
import { type ActKind, ScenarioOrders } from "./membership_orders.ts";

export interface Wipe {
  readonly node: NodeId;
  /** Since the run began, µs. */
  readonly at: number;
}

interface ScenarioFaultsOptions {
  readonly cluster: RunningCluster;
  readonly scenario: Scenario;
  /** The faults of the links between clients and nodes. */
  readonly clientLinks: LinkFaults;
  /** Draws the members that membership changes are requested at. */
  readonly random: SeededRandom;
  /** Since the run began, µs. */
  readonly nowUs: () => number;
  readonly onFault: (fault: Fault, begins: boolean) => void;
}

export class ScenarioFaults {
  /** How often each kind of fault has begun. */
  readonly injected: Partial<Record<FaultKind, number>> = {};
  readonly wipes: Wipe[] = [];
  private readonly appliers: Map<NodeId, FaultApplier>;
  private readonly active = new Set<Fault>();
  private timers: ReturnType<typeof setTimeout>[] = [];
  private readonly failed = Promise.withResolvers<never>();
  /** Nodes that should run. A spare is added when it joins. */
  private readonly started: Set<NodeId>;
  /** Nodes that died for good with their disks. */
  private readonly gone = new Set<NodeId>();
  private readonly orders: ScenarioOrders;

  constructor(private readonly options: ScenarioFaultsOptions) {
    const { cluster, scenario, random } = options;
    const onFailure = (error: unknown) => this.failed.reject(error);
    // If nobody waits for it now, the next `heal` reports it.
    this.failed.promise.catch(() => {});
    this.appliers = new Map(cluster.nodes.map(({ id }) => [
      id,
      new FaultApplier(cluster, id, onFailure),
    ]));
    this.started = new Set(scenario.nodes.map(({ id }) => id));
    this.orders = new ScenarioOrders({
      cluster,
      random,
      onFailure,
      onCommitted: (act) => {
        // The node may run again after an earlier change that was not possible.
        if (act.kind === "remove" || act.kind === "replace") this.destroy(act.node);
      },
      onDropped: (act, isGone) => {
        if ((act.kind === "remove" || act.kind === "replace") && !isGone) this.bringBack(act.node);
      },
    });
  }

  /** Rejects when a node cannot be brought into its desired state. */
  get failure(): Promise<never> {
    return this.failed.promise;
  }

  /** Descriptions of processes that ended by themselves. */
  get crashes(): string[] {
    return [...this.appliers.values()].flatMap(({ crashes }) => crashes);
  }

  /** The number of committed membership changes, by kind. */
  get committed(): Readonly<Partial<Record<ActKind, number>>> {
    return this.orders.committed;
  }

  /** Whether all membership changes are decided and all nodes are in their desired states. */
  get isAtRest(): boolean {
    return this.orders.isIdle && [...this.appliers.values()].every((applier) => applier.isSettled);
  }

  /** Schedules all faults of the scenario. */
  begin(): void {
    for (const { id } of this.options.scenario.spares) this.apply(id);
    for (const fault of this.options.scenario.faults) {
      this.at(fault.atMs, () => this.start(fault));
      if (endOf(fault) > fault.atMs) this.at(endOf(fault), () => this.end(fault));
    }
  }

  /** Ends all faults and cancels those to come. Resolves when all nodes run without faults. */
  async heal(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
    for (const fault of [...this.active]) this.end(fault);
    const settled = [...this.appliers.values()].map((applier) => applier.settled());
    await Promise.race([Promise.all(settled), this.failure]);
  }

  close(): void {
    this.orders.close();
    for (const timer of this.timers) clearTimeout(timer);
    for (const applier of this.appliers.values()) applier.close();
  }

  private at(ms: number, act: () => void): void {
    const afterMs = ms - this.options.nowUs() / 1_000;
    this.timers.push(setTimeout(act, Math.max(0, afterMs)));
  }

  private start(fault: Fault): void {
    this.injected[fault.kind] = (this.injected[fault.kind] ?? 0) + 1;
    this.options.onFault(fault, true);
    if (isLinkFault(fault)) {
      if (fault.forMs > 0) this.active.add(fault);
      this.applyLinks();
      return;
    }
    if (isMembershipFault(fault)) {
      this.change(fault);
      return;
    }
    const applier = this.applier(fault);
    switch (fault.kind) {
      case "restart":
        applier.restart();
        return;
      case "wipe":
        this.wipes.push({ node: fault.node, at: this.options.nowUs() });
        applier.wipe();
        break;
    }
    this.active.add(fault);
    if (endOf(fault) === fault.atMs) this.end(fault);
    else this.apply(fault.node);
  }

  private change(fault: MembershipFault): void {
    const { kind, node } = fault;
    switch (kind) {
      case "join":
        this.run(node);
        this.orders.request({ kind, member: this.memberOf(node) });
        break;
      case "leave":
        this.orders.request({ kind, node });
        break;
      case "remove":
        this.destroy(node);
        this.orders.request({ kind, node });
        break;
      case "replace":
        this.destroy(node);
        this.run(fault.by);
        this.orders.request({ kind, node, member: this.memberOf(fault.by) });
        break;
    }
  }

  private memberOf(node: NodeId): Member {
    const { cluster, scenario } = this.options;
    const member = [...scenario.nodes, ...scenario.spares].find(({ id }) => id === node);
    return { ...member as RingMember, url: cluster.node(node).url };
  }

  /** Starts a joining node. A node that had died for good starts with an empty disk. */
  private run(node: NodeId): void {
    this.gone.delete(node);
    this.started.add(node);
    this.apply(node);
  }

  /** Kills the node for good and removes its disk. */
  private destroy(node: NodeId): void {
    if (this.gone.has(node)) return;
    this.gone.add(node);
    this.wipes.push({ node, at: this.options.nowUs() });
    this.appliers.get(node)?.wipe();
    this.apply(node);
  }

  /** Runs the node again, because it could not be removed and nothing else will remove it. */
  private bringBack(node: NodeId): void {
    if (this.gone.has(node) && !this.orders.isBeingRemoved(node)) this.run(node);
  }

  private end(fault: Fault): void {
    if (!this.active.delete(fault)) return;
    this.options.onFault(fault, false);
    if (isLinkFault(fault)) this.applyLinks();
    else if (!isMembershipFault(fault)) this.apply(fault.node);
  }

  private applier({ node }: MachineFault): FaultApplier {
    return this.appliers.get(node) as FaultApplier;
  }

  private applyLinks(): void {
    const links = [...this.active].filter(isLinkFault).map(lasting);
    this.options.clientLinks.set(links);
    for (const id of this.appliers.keys()) this.apply(id);
  }

  /** If the membership changes, link faults may name nodes that a node does not know. */
  private strangers(): Pick<FaultRequest, "strangers"> {
    const { nodes, spares, faults } = this.options.scenario;
    if (!faults.some(isMembershipFault)) return {};
    return { strangers: [...nodes, ...spares].map(({ id }) => id) };
  }

  /** Sets the node's desired state from all active faults. */
  private apply(id: NodeId): void {
    const all = [...this.active];
    const own = all.filter((fault): fault is MachineFault =>
      !isLinkFault(fault) && !isMembershipFault(fault) && fault.node === id
    );
    const has = (...kinds: FaultKind[]) => own.some(({ kind }) => kinds.includes(kind));
    const links = all.filter(isLinkFault).map(lasting).flatMap((each) => betweenNodes(each));
    const disk = diskUnder(own, this.options.scenario);
    const hasFaults = links.length > 0 || disk !== null;
    this.appliers.get(id)?.setDesired({
      down: has("crash", "kill", "wipe") || !this.started.has(id) || this.gone.has(id),
      paused: has("pause"),
      faults: !hasFaults
        ? null
        : { links, ...this.strangers(), ...(disk === null ? {} : { disk }) },
    });
  }
}

function isLinkFault(fault: Fault): fault is LinkFault {
  return FAULTS[fault.kind].group === "network";
}

export function isMembershipFault(fault: Fault): fault is MembershipFault {
  return FAULTS[fault.kind].group === "membership";
}

function lasting({ atMs: _at, forMs: _for, ...fault }: LinkFault): LastingLinkFault {
  return fault as LastingLinkFault;
}

/** The part of the fault that affects messages between nodes, which do not know the clients. */
export function betweenNodes(fault: LastingLinkFault): LastingLinkFault[] {
  const nodes = (ends: readonly string[]) => ends.filter((end) => end !== CLIENTS);
  if (fault.kind === "partition") {
    const groups = fault.groups.map(nodes).filter((group) => group.length > 0);
    return groups.length < 2 ? [] : [{ ...fault, groups }];
  }
  const { from, to } = fault;
  const narrowed = {
    ...fault,
    ...(from === undefined ? {} : { from: nodes(from) }),
    ...(to === undefined ? {} : { to: nodes(to) }),
  };
  return narrowed.from?.length === 0 || narrowed.to?.length === 0 ? [] : [narrowed];
}

/** The disk faults that follow from all faults of a node; null: none. */
export function diskUnder(
  faults: readonly MachineFault[],
  { disk }: Scenario,
): NonNullable<FaultRequest["disk"]> | null {
  let slowness = 1;
  let failing = 0;
  let full = false;
  const operations = new Set<"loads" | "stores" | "both">();
  for (const fault of faults) {
    if (fault.kind === "disk-slow") slowness *= fault.factor;
    else if (fault.kind === "disk-full") full = true;
    else if (fault.kind === "disk-failing") {
      failing = Math.max(failing, fault.probability);
      operations.add(fault.operations);
    }
  }
  if (slowness === 1 && failing === 0 && !full) return null;
  const [only] = operations;
  return {
    // The factor refers to the scenario's disk. The real disk gets the same additional time in ms.
    slowMs: Math.min(DISK_SLOW_MS_MAX, Math.ceil((slowness - 1) * accessMs(disk))),
    failing,
    operations: operations.size === 1 && only !== undefined ? only : "both",
    full,
  };
}

function accessMs({ load, store }: Scenario["disk"]): number {
  return (parseDistribution(load).mean() + parseDistribution(store).mean()) / 2;
}
