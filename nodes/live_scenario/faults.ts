/**
 * Makes the faults of a scenario happen to real processes, and ends them. As in the simulator, faults
 * may overlap on one node or link: what a node suffers follows from all that are under way.
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
  /** Told of every fault of links: those of the clients are its own. */
  readonly clientLinks: LinkFaults;
  /** For whom acts of membership are put to. */
  readonly random: SeededRandom;
  /** Since the run began, µs. */
  readonly nowUs: () => number;
  readonly onFault: (fault: Fault, begins: boolean) => void;
}

export class ScenarioFaults {
  /** How often each kind has happened. */
  readonly injected: Partial<Record<FaultKind, number>> = {};
  readonly wipes: Wipe[] = [];
  private readonly appliers: Map<NodeId, FaultApplier>;
  private readonly underWay = new Set<Fault>();
  private timers: ReturnType<typeof setTimeout>[] = [];
  private readonly failed = Promise.withResolvers<never>();
  /** Nodes that were started; spares only once they are to join. */
  private readonly begun: Set<NodeId>;
  /** Taken out of the cluster, with their disks. */
  private readonly gone = new Set<NodeId>();
  private readonly orders: ScenarioOrders;

  constructor(private readonly options: ScenarioFaultsOptions) {
    const { cluster, scenario, random } = options;
    const onFailure = (error: unknown) => this.failed.reject(error);
    // Whoever waits hears of it; if nobody does, the next to settle will.
    this.failed.promise.catch(() => {});
    this.appliers = new Map(cluster.nodes.map(({ id }) => [
      id,
      new FaultApplier(cluster, id, onFailure),
    ]));
    this.begun = new Set(scenario.nodes.map(({ id }) => id));
    this.orders = new ScenarioOrders({
      cluster,
      random,
      onFailure,
      onCommitted: (act) => {
        // It may have come back after an earlier act that could not be done.
        if (act.kind === "remove" || act.kind === "replace") this.destroy(act.node);
      },
      onDropped: (act, isGone) => {
        if ((act.kind === "remove" || act.kind === "replace") && !isGone) this.spared(act.node);
      },
    });
  }

  /** Rejects when a node could not be brought to where the faults want it. */
  get failure(): Promise<never> {
    return this.failed.promise;
  }

  /** Processes that ended although nobody had asked for it. */
  get crashes(): string[] {
    return [...this.appliers.values()].flatMap(({ crashes }) => crashes);
  }

  /** Acts of membership that were committed to, by kind. */
  get committed(): Readonly<Partial<Record<ActKind, number>>> {
    return this.orders.committed;
  }

  /** No act of membership is still to be decided, and all nodes are where they are wanted. */
  get isAtRest(): boolean {
    return this.orders.isIdle && [...this.appliers.values()].every((applier) => applier.isSettled);
  }

  /** From now on each fault happens at its time. */
  begin(): void {
    for (const { id } of this.options.scenario.spares) this.apply(id);
    for (const fault of this.options.scenario.faults) {
      this.at(fault.atMs, () => this.start(fault));
      if (endOf(fault) > fault.atMs) this.at(endOf(fault), () => this.end(fault));
    }
  }

  /** Ends everything, and lets nothing more happen. Resolves when all nodes run and behave. */
  async heal(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
    for (const fault of [...this.underWay]) this.end(fault);
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
      if (fault.forMs > 0) this.underWay.add(fault);
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
    this.underWay.add(fault);
    if (endOf(fault) === fault.atMs) this.end(fault);
    else this.apply(fault.node);
  }

  private change(fault: MembershipFault): void {
    const { kind, node } = fault;
    switch (kind) {
      case "join":
        this.bring(node);
        this.orders.give({ kind, member: this.memberOf(node) });
        break;
      case "leave":
        this.orders.give({ kind, node });
        break;
      case "remove":
        this.destroy(node);
        this.orders.give({ kind, node });
        break;
      case "replace":
        this.destroy(node);
        this.bring(fault.by);
        this.orders.give({ kind, node, member: this.memberOf(fault.by) });
        break;
    }
  }

  private memberOf(node: NodeId): Member {
    const { cluster, scenario } = this.options;
    const member = [...scenario.nodes, ...scenario.spares].find(({ id }) => id === node);
    return { ...member as RingMember, url: cluster.node(node).url };
  }

  /** Who is to join runs; one that was taken out comes back with an empty disk. */
  private bring(node: NodeId): void {
    this.gone.delete(node);
    this.begun.add(node);
    this.apply(node);
  }

  /** Dead for good, and its disk with it. */
  private destroy(node: NodeId): void {
    if (this.gone.has(node)) return;
    this.gone.add(node);
    this.wipes.push({ node, at: this.options.nowUs() });
    this.appliers.get(node)?.wipe();
    this.apply(node);
  }

  /** It could not be taken out: it comes back. */
  private spared(node: NodeId): void {
    if (this.gone.has(node) && !this.orders.isToGo(node)) this.bring(node);
  }

  private end(fault: Fault): void {
    if (!this.underWay.delete(fault)) return;
    this.options.onFault(fault, false);
    if (isLinkFault(fault)) this.applyLinks();
    else if (!isMembershipFault(fault)) this.apply(fault.node);
  }

  private applier({ node }: MachineFault): FaultApplier {
    return this.appliers.get(node) as FaultApplier;
  }

  private applyLinks(): void {
    const links = [...this.underWay].filter(isLinkFault).map(lasting);
    this.options.clientLinks.set(links);
    for (const id of this.appliers.keys()) this.apply(id);
  }

  /** Where the membership changes, a node can be told of links to whom it does not know. */
  private strangers(): Pick<FaultRequest, "strangers"> {
    const { nodes, spares, faults } = this.options.scenario;
    if (!faults.some(isMembershipFault)) return {};
    return { strangers: [...nodes, ...spares].map(({ id }) => id) };
  }

  /** What all faults under way together make of one node. */
  private apply(id: NodeId): void {
    const all = [...this.underWay];
    const own = all.filter((fault): fault is MachineFault =>
      !isLinkFault(fault) && !isMembershipFault(fault) && fault.node === id
    );
    const has = (...kinds: FaultKind[]) => own.some(({ kind }) => kinds.includes(kind));
    const links = all.filter(isLinkFault).map(lasting).flatMap((each) => betweenNodes(each));
    const disk = diskUnder(own, this.options.scenario);
    const isWell = links.length === 0 && disk === null;
    this.appliers.get(id)?.want({
      down: has("crash", "kill", "wipe") || !this.begun.has(id) || this.gone.has(id),
      paused: has("pause"),
      faults: isWell ? null : { links, ...this.strangers(), ...(disk === null ? {} : { disk }) },
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

/** The fault as far as it concerns messages between nodes: they know of no clients. */
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

/** The state of a disk under the faults of its node; null: well. */
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
    // The scenario's disk is slower by that factor; the real one by as much in ms.
    slowMs: Math.min(DISK_SLOW_MS_MAX, Math.ceil((slowness - 1) * accessMs(disk))),
    failing,
    operations: operations.size === 1 && only !== undefined ? only : "both",
    full,
  };
}

function accessMs({ load, store }: Scenario["disk"]): number {
  return (parseDistribution(load).mean() + parseDistribution(store).mean()) / 2;
}
