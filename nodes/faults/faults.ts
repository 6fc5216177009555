/**
 * The faults that a node injects into itself, as it was told at `/faults`. There is one of these only
 * in a node that was started with `--allow-faults`; any other has nothing between it and the network.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { type Legs, parseLegs } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import { type FaultSettings, NO_FAULTS } from "./fault_settings.ts";
import { LinkFaults } from "./link_faults.ts";

/** What has been done wrong since the start. */
interface InjectedFaults {
  callsCut: number;
  callsRefused: number;
  messagesDropped: number;
  callsDuplicated: number;
  diskFailures: number;
}

export class Faults {
  private current: FaultSettings = NO_FAULTS;
  private off = true;
  private cutNodes: ReadonlySet<NodeId> = new Set();
  /** Extra delays; null: none. */
  legs: Legs | null = null;
  readonly injected: InjectedFaults = {
    callsCut: 0,
    callsRefused: 0,
    messagesDropped: 0,
    callsDuplicated: 0,
    diskFailures: 0,
  };

  readonly links: LinkFaults;

  constructor(private readonly random: SeededRandom) {
    this.links = new LinkFaults(random.child("links"));
  }

  get settings(): FaultSettings {
    return this.current;
  }

  /** Whether everything is well. */
  get areOff(): boolean {
    return this.off;
  }

  set(settings: FaultSettings): void {
    this.current = settings;
    const { latency, drop, duplicate, partition, disk, links } = settings;
    this.off = latency === null && drop === 0 && duplicate === 0 && partition === null &&
      disk.slowMs === 0 && disk.failing === 0 && !disk.full && links.length === 0;
    this.cutNodes = new Set(settings.partition?.nodes ?? []);
    this.legs = settings.latency === null ? null : parseLegs(settings.latency);
    this.links.set(links);
  }

  /** Whether calls of this node to the other (`out`), or the other's to this one (`in`), are lost. */
  cuts(direction: "in" | "out", node: NodeId): boolean {
    const { partition } = this.current;
    if (partition === null || !this.cutNodes.has(node)) return false;
    return partition.direction === "both" || partition.direction === direction;
  }

  drops(): boolean {
    if (!this.happens(this.current.drop)) return false;
    this.injected.messagesDropped++;
    return true;
  }

  duplicates(): boolean {
    if (!this.happens(this.current.duplicate)) return false;
    this.injected.callsDuplicated++;
    return true;
  }

  diskFails(access: "loads" | "stores"): boolean {
    const { failing, operations } = this.current.disk;
    const mayFail = operations === "both" || operations === access;
    if (!mayFail || !this.happens(failing)) return false;
    this.injected.diskFailures++;
    return true;
  }

  diskIsFull(): boolean {
    if (!this.current.disk.full) return false;
    this.injected.diskFailures++;
    return true;
  }

  happens(probability: number): boolean {
    return probability > 0 && this.random.float() < probability;
  }
}
