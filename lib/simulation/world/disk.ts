/**
 * A node's disk: its records, operations and faults.
 *
 * A store is durable once it is completed. An operation that a crash interrupts may be lost, done, or
 * after a power loss torn. A damaged record is reported as unreadable, never as absent.
 */
import type { MembershipDocument } from "../../dynamo/membership/membership_state.ts";
import { type Position, positionOf } from "../../dynamo/ring/position.ts";
import type { Boot, DiskCondition, DiskState } from "../../dynamo/types/boot.ts";
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { NodeId } from "../../dynamo/types/ids.ts";
import type { HintChange, KeyPlace, StoredRecord } from "../../dynamo/types/records.ts";
import type { Distribution } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { US_PER_MS } from "../faults/link_rules.ts";
import { comparePlaces, pageOf } from "./disk_pages.ts";

/** An operation that a replica requests from its disk. */
export type DiskRequest = Extract<
  Effect,
  { kind: "load" | "store" | "remove" | "save" | "save-disk-state" | "scan" | "scan-hints" }
>;

/** An operation that changes the disk. */
type ChangeRequest = Extract<
  DiskRequest,
  { kind: "store" | "remove" | "save" | "save-disk-state" }
>;

/** An operation in progress. */
export interface DiskOperation {
  readonly request: DiskRequest;
  /** Why it will fail; null if it will succeed. */
  readonly failure: string | null;
  /** Whether a failed change is stored anyway. */
  readonly doneAnyway: boolean;
}

export type DiskAnswer = Extract<
  Event,
  { kind: "loaded" | "stored" | "storage-failed" | "scanned" | "hints-scanned" }
>;

/** The record was removed, replaced by an older one, or is unreadable. */
export type Destroyed = "wiped" | "restored" | "damaged";

/** Observes changes of records, for the checkers. */
export interface DiskWatcher {
  committed(key: string, record: StoredRecord): void;
  destroyed(key: string, how: Destroyed): void;
  /** The node itself has removed the record: a delivered hint or a reaped tombstone. */
  removed(key: string): void;
}

/** The active faults of a disk; there may be several. */
interface DiskHealth {
  slowness: number;
  full: boolean;
  loadFailures: number;
  storeFailures: number;
}

/** The data id of a machine's first disk. */
export const FIRST_DATA_ID = "d1";

/** What a starting process finds on its disk. */
type DiskBoot = Omit<Boot, "self">;

/** Limits how slow a disk can be made. */
const OPERATION_US_MAX = 10_000_000;

export const HEALTHY: Readonly<DiskHealth> = {
  slowness: 1,
  full: false,
  loadFailures: 0,
  storeFailures: 0,
};

export class SimulatedDisk {
  condition: Readonly<DiskHealth> = HEALTHY;
  /** The id of its data directory. */
  dataId = FIRST_DATA_ID;
  /** The node's stored state; null before the node was a member. */
  state: DiskState | null = null;
  /** The last boot with this disk. */
  lastBoot: { readonly incarnation: number; readonly bootNumber: number } | null = null;
  /** The number of changes so far. */
  writes = 0;
  /** The number of records whose actor was lost when they were replaced or removed. */
  actorsDropped = 0;
  /** The stored membership. */
  document: MembershipDocument | null = null;
  private readonly records = new Map<string, StoredRecord>();
  private readonly positions = new Map<string, Position>();
  /** Keys whose record is damaged. */
  private readonly unreadable = new Set<string>();
  /** The index of hints: the nodes that a key's record is for. */
  private readonly hints = new Map<string, readonly NodeId[]>();
  /** The places of all records, in order. Null until it is needed, and after each change of keys. */
  private sorted: readonly KeyPlace[] | null = null;

  constructor(
    private readonly loadLatency: Distribution,
    private readonly storeLatency: Distribution,
    private readonly random: SeededRandom,
  ) {}

  clone(): SimulatedDisk {
    const copy = new SimulatedDisk(this.loadLatency, this.storeLatency, this.random.clone());
    copy.condition = this.condition;
    copy.actorsDropped = this.actorsDropped;
    copy.copyFrom(this);
    return copy;
  }

  /** Copies the contents of the other disk. */
  private copyFrom(other: SimulatedDisk): void {
    this.dataId = other.dataId;
    this.state = other.state;
    this.lastBoot = other.lastBoot;
    this.writes = other.writes;
    this.document = other.document;
    for (const [key, record] of other.records) this.records.set(key, record);
    for (const [key, position] of other.positions) this.positions.set(key, position);
    for (const key of other.unreadable) this.unreadable.add(key);
    for (const [key, nodes] of other.hints) this.hints.set(key, nodes);
  }

  /** The number of records, readable or not. */
  get size(): number {
    return this.records.size;
  }

  /** The durable record of the key; undefined if there is none, null if it is unreadable. */
  peek(key: string): StoredRecord | null | undefined {
    return this.isReadable(key) ? this.records.get(key) : null;
  }

  keys(): Iterable<string> {
    return this.records.keys();
  }

  /** The position of the key's record on the ring. Throws if there is no record. */
  positionOf(key: string): Position {
    const position = this.positions.get(key);
    if (position === undefined) {
      throw new Error(`Cannot find the position of '${key}': the disk has no such record`);
    }
    return position;
  }

  /** The number of hints by the node that they are for. */
  hintCounts(): [NodeId, number][] {
    const counts = new Map<NodeId, number>();
    for (const nodes of this.hints.values()) {
      for (const node of nodes) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return [...counts].sort(([a], [b]) => a < b ? -1 : 1);
  }

  /** Begins an operation. Call `finish` after {@link delayUs}. */
  begin(request: DiskRequest): DiskOperation {
    const { full, loadFailures, storeFailures } = this.condition;
    const changes = isChange(request);
    const chance = changes ? storeFailures : loadFailures;
    let failure: string | null = null;
    let doneAnyway = false;
    if (chance > 0 && this.random.float() < chance) {
      failure = "input/output error";
      doneAnyway = changes && this.random.float() < 0.5;
    } else if (full && changes && request.kind !== "remove") {
      failure = "no space left on device";
    }
    return { request, failure, doneAnyway };
  }

  /** How long the operation takes, µs. */
  delayUs({ request }: DiskOperation): number {
    const latency = isChange(request) ? this.storeLatency : this.loadLatency;
    const us = latency.sample(this.random) * US_PER_MS * this.condition.slowness;
    return Math.round(Math.min(us, OPERATION_US_MAX));
  }

  /** Completes an operation. A change is durable from now on. */
  finish(operation: DiskOperation, watcher: DiskWatcher): DiskAnswer {
    const { request, failure } = operation;
    const { id } = request;
    if (isChange(request) && (failure === null || operation.doneAnyway)) {
      this.change(request, watcher);
    }
    if (failure !== null) return { kind: "storage-failed", id, reason: failure };
    switch (request.kind) {
      case "store":
      case "remove":
      case "save":
      case "save-disk-state":
        return { kind: "stored", id, writes: this.writes };
      case "load":
        return this.isReadable(request.key)
          ? { kind: "loaded", id, record: this.records.get(request.key) ?? null }
          : { kind: "storage-failed", id, reason: "the record is damaged", unreadable: true };
      case "scan": {
        const { places, next } = pageOf(this.places((key) => this.isReadable(key)), request);
        const records = places.map(({ key }) => this.records.get(key) as StoredRecord);
        return { kind: "scanned", id, records, next };
      }
      case "scan-hints": {
        const { target, after, limit } = request;
        const places = this.places((key) => this.hints.get(key)?.includes(target) ?? false);
        const rest = places.filter((place) => after === null || comparePlaces(place, after) > 0);
        return { kind: "hints-scanned", id, places: rest.slice(0, limit) };
      }
    }
  }

  private isReadable(key: string): boolean {
    return this.unreadable.size === 0 || !this.unreadable.has(key);
  }

  /** The places of records whose keys fit, ordered by position and then key. */
  private places(fits: (key: string) => boolean): KeyPlace[] {
    this.sorted ??= [...this.positions]
      .map(([key, position]) => ({ key, position }))
      .sort(comparePlaces);
    return this.sorted.filter(({ key }) => fits(key));
  }

  /**
   * The process ended during these operations, which are in the order of their start. Each change is
   * stored with a probability of one half. After a power loss, `torn` is the probability that it leaves
   * an unreadable record.
   */
  interrupt(underWay: readonly DiskOperation[], torn: number, watcher: DiskWatcher): void {
    for (const { request } of underWay) {
      if (!isChange(request)) continue;
      if (request.kind === "save" || request.kind === "save-disk-state") {
        if (this.random.float() < 0.5) this.change(request, watcher);
        continue;
      }
      const key = request.kind === "store" ? request.record.key : request.key;
      if (torn > 0 && this.random.float() < torn) this.damage(key, request.position, watcher);
      else if (this.random.float() < 0.5) this.change(request, watcher);
    }
  }

  /** Makes up to `count` records unreadable, chosen at random. */
  corrupt(count: number, watcher: DiskWatcher): void {
    const readable = [...this.records.keys()].filter((key) => this.isReadable(key));
    for (let left = count; left > 0 && readable.length > 0; left--) {
      const [drawn] = readable.splice(this.random.uint32() % readable.length, 1);
      if (drawn !== undefined) this.damage(drawn, this.positionOf(drawn), watcher);
    }
  }

  /** Makes the record unreadable. */
  damage(key: string, position: Position, watcher: DiskWatcher): void {
    const record = this.records.get(key);
    const isLost = record !== undefined && this.isReadable(key);
    // A torn first write leaves an unreadable record, although no earlier record is lost.
    if (record === undefined) this.put({ key, siblings: [] }, position);
    this.unreadable.add(key);
    if (isLost) watcher.destroyed(key, "damaged");
  }

  /** Replaces a record without an operation of the replica. For mutants only. */
  overwrite(record: StoredRecord, watcher: DiskWatcher): void {
    this.put(record, positionOf(record.key));
    watcher.committed(record.key, record);
  }

  /** Replaces the disk by an empty one with this data id. */
  wipe(dataId: string, watcher: DiskWatcher): void {
    const lost = [...this.records.keys()];
    this.empty();
    this.document = null;
    this.dataId = dataId;
    this.state = null;
    this.lastBoot = null;
    this.writes = 0;
    for (const key of lost) watcher.destroyed(key, "wiped");
  }

  /** Replaces the contents by those of the backup. */
  restore(backup: SimulatedDisk, watcher: DiskWatcher): void {
    const changed = [...this.records].filter(([key, record]) => backup.records.get(key) !== record)
      .map(([key]) => key);
    this.empty();
    this.copyFrom(backup);
    for (const key of changed) watcher.destroyed(key, "restored");
    for (const [key, record] of this.records) {
      if (this.isReadable(key)) watcher.committed(key, record);
    }
  }

  private empty(): void {
    this.records.clear();
    this.positions.clear();
    this.unreadable.clear();
    this.hints.clear();
    this.sorted = null;
  }

  /** A process starts with this disk. Durably increases the incarnation. */
  boot(bootNumber: number): DiskBoot {
    const found = this.bootOver(bootNumber);
    const { incarnation } = found;
    this.lastBoot = { incarnation, bootNumber };
    this.writes++;
    return found;
  }

  /** What a joining node says about its disk. */
  get directory(): { readonly dataId: string; readonly condition?: DiskCondition } {
    const { dataId, state } = this;
    return state === null ? { dataId } : { dataId, condition: state.condition };
  }

  /** The highest incarnation that it has stored. */
  get incarnation(): number {
    return Math.max(this.lastBoot?.incarnation ?? 0, this.state?.incarnation ?? 0);
  }

  /** What a process would find if it started with this disk. */
  bootOver(bootNumber: number): DiskBoot {
    const { dataId, state, lastBoot, writes, incarnation: before } = this;
    const incarnation = before + 1;
    return {
      dataId,
      incarnation,
      bootNumber,
      writes,
      ...(lastBoot === null
        ? {}
        : { previous: { incarnation: before, bootNumber: lastBoot.bootNumber } }),
      ...(state === null ? {} : { condition: state.condition }),
      ...(this.document === null ? {} : { membership: this.document }),
      hints: this.hintCounts(),
    };
  }

  private change(request: ChangeRequest, watcher: DiskWatcher): void {
    this.writes++;
    if (request.kind === "save-disk-state") {
      this.state = request.state;
      return;
    }
    if (request.kind === "save") {
      this.document = request.document;
      return;
    }
    if (request.kind === "remove") {
      const { key } = request;
      if (this.records.get(key)?.actor !== undefined) this.actorsDropped++;
      this.records.delete(key);
      this.positions.delete(key);
      this.unreadable.delete(key);
      this.hints.delete(key);
      this.sorted = null;
      watcher.removed(key);
      return;
    }
    const { record, position, hints } = request;
    const { key } = record;
    const hadActor = this.records.get(key)?.actor !== undefined;
    if (hadActor && record.actor === undefined) this.actorsDropped++;
    if (hints !== undefined) this.hints.set(key, changed(this.hints.get(key) ?? [], hints));
    this.put(record, position);
    watcher.committed(key, record);
  }

  private put(record: StoredRecord, position: Position): void {
    const { key } = record;
    const { size } = this.records;
    this.records.set(key, record);
    if (this.unreadable.size > 0) this.unreadable.delete(key);
    if (this.records.size === size) return;
    this.positions.set(key, position);
    this.sorted = null;
  }
}

function changed(hints: readonly NodeId[], { add = [], remove = [] }: HintChange): NodeId[] {
  return [...new Set([...hints, ...add])].filter((node) => !remove.includes(node));
}

function isChange(request: DiskRequest): request is ChangeRequest {
  return request.kind === "store" || request.kind === "remove" || request.kind === "save" ||
    request.kind === "save-disk-state";
}
