/**
 * A node's disk: records by key, what is on its way to them, and what can be wrong with them.
 *
 * A store counts once its completion is told, and not before: what power loss finds under way is
 * lost, or done without anybody having been told, or torn. A record that cannot be read says so; it
 * is never taken for an absent one.
 */
import type { Effect, Event, KeyPlace, StoredRecord } from "../dynamo/events.ts";
import { hintOf } from "../dynamo/hints.ts";
import { type Position, positionOf } from "../dynamo/position.ts";
import type { NodeId } from "../dynamo/ring.ts";
import type { Distribution } from "../random/latency.ts";
import type { SeededRandom } from "../random/seeded.ts";
import { US_PER_MS } from "./link_rules.ts";

/** What a replica asks of its disk. */
export type DiskRequest = Extract<
  Effect,
  { kind: "load" | "store" | "remove" | "scan" | "scan-hints" }
>;

/** A request under way. */
export interface DiskOperation {
  readonly request: DiskRequest;
  /** Why it will fail; null when it will not. */
  readonly failure: string | null;
  /** A change that fails may have been done all the same. */
  readonly doneAnyway: boolean;
}

export type DiskAnswer = Extract<
  Event,
  { kind: "loaded" | "stored" | "storage-failed" | "scanned" | "hints-scanned" }
>;

/** The copy is gone, and will be answered as absent; or it is there, and can no longer be read. */
export type Destroyed = "wiped" | "damaged";

/** What a disk did to a record, for the checkers. */
export interface DiskWatcher {
  committed(key: string, record: StoredRecord): void;
  destroyed(key: string, how: Destroyed): void;
  /** The node itself has let go of its copy: a hint that was delivered, a tombstone that was reaped. */
  removed(key: string): void;
}

/** What is wrong with a disk at the moment; several faults may be at once. */
export interface DiskCondition {
  slowness: number;
  full: boolean;
  loadFailures: number;
  storeFailures: number;
}

/** However slow a disk is made, it answers. */
const OPERATION_US_MAX = 10_000_000;

export const HEALTHY: Readonly<DiskCondition> = {
  slowness: 1,
  full: false,
  loadFailures: 0,
  storeFailures: 0,
};

export class SimulatedDisk {
  condition: Readonly<DiskCondition> = HEALTHY;
  /** Remembered by the node: this disk holds what it should. A new one does not know it. */
  isProven = false;
  private readonly records = new Map<string, StoredRecord>();
  private readonly unreadable = new Set<string>();
  private readonly underWay = new Map<number, DiskOperation>();

  constructor(
    private readonly loadLatency: Distribution,
    private readonly storeLatency: Distribution,
    private readonly random: SeededRandom,
  ) {}

  clone(): SimulatedDisk {
    const copy = new SimulatedDisk(this.loadLatency, this.storeLatency, this.random.clone());
    copy.condition = this.condition;
    copy.isProven = this.isProven;
    for (const [key, record] of this.records) copy.records.set(key, record);
    for (const key of this.unreadable) copy.unreadable.add(key);
    for (const [id, operation] of this.underWay) copy.underWay.set(id, operation);
    return copy;
  }

  get size(): number {
    return this.records.size;
  }

  /** What is durably under the key; undefined when nothing is, null when it cannot be read. */
  peek(key: string): StoredRecord | null | undefined {
    return this.unreadable.has(key) ? null : this.records.get(key);
  }

  keys(): Iterable<string> {
    return this.records.keys();
  }

  /** How many records are to be handed to whom, as an index of hints would say. */
  hintCounts(): [NodeId, number][] {
    const counts = new Map<NodeId, number>();
    for (const { hintFor = [] } of this.records.values()) {
      for (const { node } of hintFor) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return [...counts].sort(([a], [b]) => a < b ? -1 : 1);
  }

  /** Begins an operation; `finish` ends it after {@link delayUs}. */
  begin(request: DiskRequest): DiskOperation {
    const { full, loadFailures, storeFailures } = this.condition;
    const changes = isChange(request);
    const chance = changes ? storeFailures : loadFailures;
    let failure: string | null = null;
    let doneAnyway = false;
    if (chance > 0 && this.random.float() < chance) {
      failure = "input/output error";
      doneAnyway = changes && this.random.float() < 0.5;
    } else if (full && request.kind === "store") {
      failure = "no space left on device";
    }
    const operation = { request, failure, doneAnyway };
    // A load that is cut off leaves nothing behind.
    if (changes) this.underWay.set(request.id, operation);
    return operation;
  }

  /** How long the operation takes, µs. */
  delayUs({ request }: DiskOperation): number {
    const latency = isChange(request) ? this.storeLatency : this.loadLatency;
    const us = latency.sample(this.random) * US_PER_MS * this.condition.slowness;
    return Math.round(Math.min(us, OPERATION_US_MAX));
  }

  /** Ends an operation: a change is durable from here on. Undefined when power loss ended it before. */
  finish(operation: DiskOperation, watcher: DiskWatcher): DiskAnswer | undefined {
    const { request, failure } = operation;
    const { id } = request;
    if (isChange(request)) {
      if (!this.underWay.delete(id)) return undefined;
      if (failure === null || operation.doneAnyway) this.change(request, watcher);
    }
    if (failure !== null) return { kind: "storage-failed", id, reason: failure };
    switch (request.kind) {
      case "store":
      case "remove":
        return { kind: "stored", id };
      case "load":
        return this.unreadable.has(request.key)
          ? { kind: "storage-failed", id, reason: "the record is damaged", unreadable: true }
          : { kind: "loaded", id, record: this.records.get(request.key) ?? null };
      case "scan":
        return this.scan(request);
      case "scan-hints": {
        const { target, after, limit } = request;
        const places = this.places((record) => hintOf(record, target) !== undefined);
        const rest = places.filter((place) => after === null || comparePlaces(place, after) > 0);
        return { kind: "hints-scanned", id, places: rest.slice(0, limit) };
      }
    }
  }

  private scan({ id, from, to, after, limit }: DiskRequest & { kind: "scan" }): DiskAnswer {
    const places = this.places(() => true);
    const start = from ?? "";
    const clockwise = [
      ...places.filter(({ position }) => position >= start),
      ...places.filter(({ position }) => position < start),
    ];
    const inside = clockwise.filter(({ position }) => isWithin(position, from, to));
    const begun = after === null
      ? 0
      : 1 + inside.findLastIndex((place) => isAtOrBefore(place, after, start));
    const page = inside.slice(begun, begun + limit);
    const records = page.map(({ key }) => this.records.get(key) as StoredRecord);
    const done = begun + limit >= inside.length;
    return { kind: "scanned", id, records, next: done ? null : page.at(-1) ?? null };
  }

  /** Readable records that fit, by position, then key. */
  private places(fits: (record: StoredRecord) => boolean): KeyPlace[] {
    const places: KeyPlace[] = [];
    for (const [key, record] of this.records) {
      if (!this.unreadable.has(key) && fits(record)) {
        places.push({ key, position: positionOf(key) });
      }
    }
    return places.sort(comparePlaces);
  }

  /**
   * The process is gone. Each store under way is done or not, by a coin; with power lost as well,
   * `torn` is the probability that it leaves a record that cannot be read.
   */
  interrupt(torn: number, watcher: DiskWatcher): void {
    for (const { request } of this.underWay.values()) {
      if (!isChange(request)) continue;
      const key = request.kind === "store" ? request.record.key : request.key;
      if (torn > 0 && this.random.float() < torn) this.damage(key, watcher);
      else if (this.random.float() < 0.5) this.change(request, watcher);
    }
    this.underWay.clear();
  }

  /** Makes up to `count` records unreadable, drawn at random. */
  corrupt(count: number, watcher: DiskWatcher): void {
    const readable = [...this.records.keys()].filter((key) => !this.unreadable.has(key));
    for (let left = count; left > 0 && readable.length > 0; left--) {
      const index = this.random.uint32() % readable.length;
      this.damage(readable.splice(index, 1)[0] as string, watcher);
    }
  }

  /** Puts a record in another's place, past all that a replica would ask: for planted bugs. */
  overwrite(record: StoredRecord, watcher: DiskWatcher): void {
    this.unreadable.delete(record.key);
    this.records.set(record.key, record);
    watcher.committed(record.key, record);
  }

  /** An empty disk in its place. */
  wipe(watcher: DiskWatcher): void {
    this.underWay.clear();
    const lost = [...this.records.keys()];
    this.records.clear();
    this.unreadable.clear();
    this.isProven = false;
    for (const key of lost) watcher.destroyed(key, "wiped");
  }

  private change(request: DiskRequest, watcher: DiskWatcher): void {
    if (request.kind === "store") {
      this.overwrite(request.record, watcher);
    } else if (request.kind === "remove") {
      this.unreadable.delete(request.key);
      this.records.delete(request.key);
      watcher.removed(request.key);
    }
  }

  private damage(key: string, watcher: DiskWatcher): void {
    const record = this.records.get(key);
    // A torn first write has no earlier record to lose, and is unreadable all the same.
    if (record === undefined) this.records.set(key, { key, siblings: [] });
    const readable = !this.unreadable.has(key);
    this.unreadable.add(key);
    if (record !== undefined && readable) watcher.destroyed(key, "damaged");
  }
}

function isChange(request: DiskRequest): request is DiskRequest & { kind: "store" | "remove" } {
  return request.kind === "store" || request.kind === "remove";
}

function comparePlaces(a: KeyPlace, b: KeyPlace): number {
  return compareText(a.position, b.position) || compareText(a.key, b.key);
}

/** Whether a scan that began at `start` has passed the place when it was at `after`. */
function isAtOrBefore(place: KeyPlace, after: KeyPlace, start: Position): boolean {
  const wrapped = Number(place.position < start) - Number(after.position < start);
  return (wrapped || comparePlaces(place, after)) <= 0;
}

/** Clockwise from `from`, to, not including, `to`. */
function isWithin(
  position: Position,
  from: Position | undefined,
  to: Position | undefined,
): boolean {
  if (from === undefined || to === undefined || from === to) {
    return position >= (from ?? "") && (to === undefined || to === from || position < to);
  }
  return from < to ? position >= from && position < to : position >= from || position < to;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
