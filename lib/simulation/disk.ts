/**
 * A node's disk: records by key, what is on its way to them, and what can be wrong with them.
 *
 * A store counts once its completion is told, and not before: what power loss finds under way is
 * lost, or done without anybody having been told, or torn. A record that cannot be read says so; it
 * is never taken for an absent one.
 */
import type { StoredRecord } from "../dynamo/events.ts";
import type { Distribution } from "../random/latency.ts";
import type { SeededRandom } from "../random/seeded.ts";
import { US_PER_MS } from "./link_rules.ts";

/** A load or a store under way. */
export interface DiskOperation {
  readonly id: number;
  readonly key: string;
  /** What to store; null for a load. */
  readonly record: StoredRecord | null;
  /** Why it will fail; null when it will not. */
  readonly failure: string | null;
  /** A store that fails may have been done all the same. */
  readonly doneAnyway: boolean;
}

export type DiskAnswer =
  | { readonly kind: "loaded"; readonly id: number; readonly record: StoredRecord | null }
  | { readonly kind: "stored"; readonly id: number }
  | {
    readonly kind: "storage-failed";
    readonly id: number;
    readonly reason: string;
    readonly unreadable?: boolean;
  };

/** What a disk did to a record, for the checkers. */
export interface DiskWatcher {
  committed(key: string, record: StoredRecord): void;
  /** The copy under the key is gone, or can no longer be read. */
  destroyed(key: string, record: StoredRecord): void;
}

/** What is wrong with a disk at the moment; several faults may be at once. */
export interface DiskCondition {
  slowness: number;
  full: boolean;
  loadFailures: number;
  storeFailures: number;
}

export const HEALTHY: Readonly<DiskCondition> = {
  slowness: 1,
  full: false,
  loadFailures: 0,
  storeFailures: 0,
};

export class SimulatedDisk {
  condition: Readonly<DiskCondition> = HEALTHY;
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

  /** Begins a load (`record` null) or a store; `finish` ends it after {@link delayUs}. */
  begin(id: number, key: string, record: StoredRecord | null): DiskOperation {
    const { full, loadFailures, storeFailures } = this.condition;
    const chance = record === null ? loadFailures : storeFailures;
    let failure: string | null = null;
    let doneAnyway = false;
    if (chance > 0 && this.random.float() < chance) {
      failure = "input/output error";
      doneAnyway = record !== null && this.random.float() < 0.5;
    } else if (full && record !== null) {
      failure = "no space left on device";
    }
    const operation = { id, key, record, failure, doneAnyway };
    this.underWay.set(id, operation);
    return operation;
  }

  /** How long the operation takes, µs. */
  delayUs(operation: DiskOperation): number {
    const latency = operation.record === null ? this.loadLatency : this.storeLatency;
    return Math.round(latency.sample(this.random) * US_PER_MS * this.condition.slowness);
  }

  /** Ends an operation: a store is durable from here on. Undefined when power loss ended it before. */
  finish(operation: DiskOperation, watcher: DiskWatcher): DiskAnswer | undefined {
    const { id, key, record, failure } = operation;
    if (!this.underWay.delete(id)) return undefined;
    if (record !== null && (failure === null || operation.doneAnyway)) {
      this.commit(key, record, watcher);
    }
    if (failure !== null) return { kind: "storage-failed", id, reason: failure };
    if (record !== null) return { kind: "stored", id };
    if (this.unreadable.has(key)) {
      return { kind: "storage-failed", id, reason: "the record is damaged", unreadable: true };
    }
    return { kind: "loaded", id, record: this.records.get(key) ?? null };
  }

  /**
   * The process is gone. Each store under way is done or not, by a coin; with power lost as well,
   * `torn` is the probability that it leaves a record that cannot be read.
   */
  interrupt(torn: number, watcher: DiskWatcher): void {
    for (const { key, record } of this.underWay.values()) {
      if (record === null) continue;
      if (torn > 0 && this.random.float() < torn) this.damage(key, watcher);
      else if (this.random.float() < 0.5) this.commit(key, record, watcher);
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

  /** An empty disk in its place. */
  wipe(watcher: DiskWatcher): void {
    this.underWay.clear();
    const lost = [...this.records].filter(([key]) => !this.unreadable.has(key));
    this.records.clear();
    this.unreadable.clear();
    for (const [key, record] of lost) watcher.destroyed(key, record);
  }

  private commit(key: string, record: StoredRecord, watcher: DiskWatcher): void {
    this.unreadable.delete(key);
    this.records.set(key, record);
    watcher.committed(key, record);
  }

  private damage(key: string, watcher: DiskWatcher): void {
    const record = this.records.get(key);
    // A torn first write has no earlier record to lose, and is unreadable all the same.
    if (record === undefined) this.records.set(key, { key, siblings: [] });
    const readable = !this.unreadable.has(key);
    this.unreadable.add(key);
    if (record !== undefined && readable) watcher.destroyed(key, record);
  }
}
