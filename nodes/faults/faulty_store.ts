/**
 * The injected disk between a replica and its store: slow, failing or full, as set at `/faults`. Only
 * the replica's own accesses are affected. `/debug` and `/status` still see the real disk.
 */
import type { Position } from "../../lib/dynamo/ring/position.ts";
import type { DiskState } from "../../lib/dynamo/types/boot.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import type { HintChange, KeyPlace } from "../../lib/dynamo/types/records.ts";
import type { HostStore } from "../host/host.ts";
import {
  type HintScanOptions,
  type ScanOptions,
  type ScanPage,
  StorageError,
} from "../storage/storage.ts";
import { DelayLine } from "./delay_line.ts";
import type { Faults } from "./faults.ts";

/** The share of failed writes that are stored anyway, because an `io` error leaves that open. */
const FAILED_WRITES_DONE = 0.5;

export class FaultyStore implements HostStore {
  /** Accesses to a slow disk. They keep their order even when the delay changes. */
  private readonly delays = new DelayLine();

  constructor(private readonly inner: HostStore, private readonly faults: Faults) {}

  load(key: string, position: Position): Promise<StoredRecord | null> {
    return this.read(() => this.inner.load(key, position));
  }

  store(record: StoredRecord, position: Position, hints?: HintChange): Promise<void> {
    return this.write(() => this.inner.store(record, position, hints));
  }

  delete(key: string, position: Position, hints?: HintChange): Promise<void> {
    return this.write(() => this.inner.delete(key, position, hints));
  }

  scan(options: ScanOptions): Promise<ScanPage> {
    return this.read(() => this.inner.scan(options));
  }

  scanHints(target: NodeId, options: HintScanOptions): Promise<readonly KeyPlace[]> {
    return this.read(() => this.inner.scanHints(target, options));
  }

  writeMeta(name: string, json: unknown): Promise<void> {
    return this.write(() => this.inner.writeMeta(name, json));
  }

  saveDiskState(state: DiskState): Promise<void> {
    return this.write(() => this.inner.saveDiskState(state));
  }

  get writes(): number {
    return this.inner.writes;
  }

  /** Drops the accesses that are being delayed. */
  close(): void {
    this.delays.close();
  }

  private read<T>(access: () => Promise<T>): Promise<T> {
    return this.slowed(() => this.faults.diskFails("loads") ? Promise.reject(failure()) : access());
  }

  private write(access: () => Promise<void>): Promise<void> {
    return this.slowed(async () => {
      if (this.faults.diskIsFull()) {
        throw new StorageError("full", "the disk is full, as set at /faults");
      }
      if (!this.faults.diskFails("stores")) return await access();
      if (this.faults.happens(FAILED_WRITES_DONE)) await access();
      throw failure();
    });
  }

  private slowed<T>(access: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { slowMs } = this.faults.settings.disk;
      this.delays.afterInOrder(slowMs, () => access().then(resolve, reject));
    });
  }
}

function failure(): StorageError {
  return new StorageError("io", "the disk failed, as set at /faults");
}
