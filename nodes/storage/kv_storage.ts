/**
 * A node's records in Deno KV, with an index and a cache in memory.
 *
 * The index has every key, so a load of an absent key needs no disk access. The cache holds the records
 * that were used last. Both change only when a commit is durable. All writes go through one
 * {@link KvWriter}; {@link KvDocuments} splits large records into chunks. The layout of the database is
 * described in `record_address.ts`.
 */
import type { Position } from "../../lib/dynamo/ring/position.ts";
import type { DiskCondition, DiskState } from "../../lib/dynamo/types/boot.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import type { HintChange, KeyPlace } from "../../lib/dynamo/types/records.ts";
import { type CoupledChange, type Document, KvDocuments } from "./kv_documents.ts";
import { storageErrorOf } from "./kv_errors.ts";
import { bytesOnDisk } from "./kv_file.ts";
import { type FoundFrame, framesIn } from "./kv_frames.ts";
import { KvHints } from "./kv_hints.ts";
import { KvIdentity } from "./kv_identity.ts";
import { KvTable } from "./kv_table.ts";
import { KvWriter } from "./kv_writer.ts";
import {
  type Address,
  damagedFrameAddress,
  metaAddress,
  objectAddress,
  positionAt,
} from "./record_address.ts";
import { RecordCache } from "./record_cache.ts";
import { readFrame, UnreadableFrame } from "./record_frame.ts";
import { RecordIndex } from "./record_index.ts";
import { rangesOf } from "./record_ranges.ts";
import { inRingOrder, isAfter } from "./ring_order.ts";
import {
  type HintScanOptions,
  META_BYTES_MAX,
  type Opening,
  RECORD_BYTES_MAX,
  type RecordStore,
  type ScanOptions,
  type ScanPage,
  StorageError,
  type StorageReport,
  type StorageStats,
  type UnreadableRecord,
} from "./storage.ts";

const SCAN_BYTES_MAX = 4 * 1_048_576;
/** The maximum number of damaged frames that are kept for inspection. */
const DAMAGED_FRAMES_MAX = 1_000;
const NO_CHANGE: HintChange = {};

interface KvStorageParts {
  readonly kv: Deno.Kv;
  /** Null for a remote database. */
  readonly path: string | null;
  /** The data id of a new store; null for a random one. */
  readonly dataId: () => Promise<string | null>;
  readonly cacheBytesMax: number;
  readonly report: (report: StorageReport) => void;
  /** Called when the store has closed. */
  readonly release: () => void;
}

export class KvStorage implements RecordStore {
  readonly #table: KvTable;
  readonly #writer: KvWriter;
  readonly #documents: KvDocuments;
  readonly #hints: KvHints;
  readonly #index = new RecordIndex();
  readonly #cache: RecordCache;
  /** Reads in progress. Concurrent loads of a key share one read; a write to the key removes it. */
  readonly #reads = new Map<Address, Promise<StoredRecord | null>>();
  readonly #unreadable = new Map<Address, UnreadableRecord>();
  #closed = false;
  #writes = 0;
  #loadsFromMemory = 0;
  #loadsFromDisk = 0;

  private constructor(
    readonly parts: KvStorageParts,
    documents: KvDocuments,
    readonly identity: KvIdentity,
    readonly opening: Opening,
  ) {
    const { table, writer } = documents;
    this.#table = table;
    this.#writer = writer;
    this.#documents = documents;
    this.#hints = new KvHints(table);
    this.#cache = new RecordCache(parts.cacheBytesMax);
  }

  /**
   * Opens the store in an open database. Throws {@link UnreadableFrame} if its journal or identity is
   * damaged, and {@link StorageError} `cannot-open` if it belongs to another program.
   */
  static async open(parts: KvStorageParts): Promise<KvStorage> {
    const failed = ({ message }: StorageError) =>
      parts.report({ kind: "write-failed", reason: message });
    const table = await KvTable.open(parts.kv, failed);
    const writes = table.version;
    const documents = new KvDocuments(table, new KvWriter(table, failed));
    const identity = await KvIdentity.open(parts.kv, documents, parts.dataId);
    const storage = new KvStorage(parts, documents, identity, { ...identity.opened, writes });
    await storage.#readAllFrames();
    const chunks = await storage.#documents.removeUnreferencedSets();
    if (chunks > 0) parts.report({ kind: "orphans-removed", chunks });
    return storage;
  }

  get dataId(): string {
    return this.opening.dataId;
  }

  get incarnation(): number {
    return this.opening.incarnation;
  }

  get condition(): DiskCondition | undefined {
    return this.identity.condition;
  }

  get writes(): number {
    return this.#table.version;
  }

  async saveDiskState(state: DiskState): Promise<void> {
    this.#requireOpen();
    await this.identity.save(state);
  }

  async load(key: string, position: Position): Promise<StoredRecord | null> {
    this.#requireOpen();
    const address = objectAddress(key, position);
    const cached = this.#cache.get(address);
    if (cached !== undefined || !this.#index.has(address)) {
      this.#loadsFromMemory++;
      return cached ?? null;
    }
    this.#loadsFromDisk++;
    return await this.#readShared(address, key);
  }

  async store(
    record: StoredRecord,
    position: Position,
    hints: HintChange = NO_CHANGE,
  ): Promise<void> {
    this.#requireOpen();
    const address = objectAddress(record.key, position);
    const { key, ...rest } = record;
    const json = JSON.stringify(rest);
    requireAtMost(`The record of '${key.slice(0, 80)}'`, json.length, RECORD_BYTES_MAX);
    await this.#documents.write(
      address,
      key,
      json,
      this.#coupledChange(address, key, hints, (bytes) => {
        this.#index.set(address, bytes);
        this.#cache.set(address, record, json.length);
      }),
    );
  }

  async delete(key: string, position: Position, hints: HintChange = NO_CHANGE): Promise<void> {
    this.#requireOpen();
    const address = objectAddress(key, position);
    const remove = [...this.#hints.allOf(address).remove ?? [], ...hints.remove ?? []];
    await this.#documents.delete(
      address,
      this.#coupledChange(address, key, { ...hints, remove }, () => {
        this.#index.delete(address);
        this.#cache.delete(address);
      }),
    );
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    this.#requireOpen();
    const { after, limit, bytesMax = SCAN_BYTES_MAX, fromDisk = false } = options;
    if (!(limit >= 1)) throw new RangeError(`limit must be at least 1: current value is ${limit}`);
    // About as many as fill the page: each can be up to 64 KiB.
    const perRecord = this.#index.bytes / Math.max(1, this.#index.count);
    const block = Math.ceil(Math.max(8, Math.min(limit + 1, bytesMax / Math.max(1, perRecord))));
    const records: { record: StoredRecord; position: Position }[] = [];
    const unreadable: UnreadableRecord[] = [];
    let bytes = 0;
    let last: KeyPlace | null = null;
    for (const range of rangesOf(options)) {
      for await (const found of inRingOrder(framesIn(this.#table, range, block))) {
        const { position, address } = found;
        if (after?.position === position && !isAfter(found, after)) continue;
        if (records.length + unreadable.length >= limit || bytes >= bytesMax) {
          return { records, unreadable, next: last };
        }
        last = { key: found.key, position };
        const record = await this.#recordAt(found, fromDisk);
        if (record === null) continue;
        if ("reason" in record) unreadable.push(record);
        else records.push({ record, position });
        bytes += this.#index.sizeOf(address);
      }
    }
    return { records, unreadable, next: null };
  }

  async scanHints(target: NodeId, options: HintScanOptions): Promise<readonly KeyPlace[]> {
    this.#requireOpen();
    return await this.#hints.scan(target, options);
  }

  hintCounts(): ReadonlyMap<NodeId, number> {
    return this.#hints.counts();
  }

  count(): number {
    return this.#index.count;
  }

  stats(): StorageStats {
    const { path } = this.parts;
    return {
      keys: this.#index.count,
      recordBytes: this.#index.bytes,
      bytesOnDisk: path === null ? null : bytesOnDisk(path),
      unreadable: this.#unreadable.size,
      hints: this.#hints.count,
      commits: this.#writer.commits,
      writes: this.#writes,
      loadsFromMemory: this.#loadsFromMemory,
      loadsFromDisk: this.#loadsFromDisk,
      cacheBytes: this.#cache.bytes,
      queuedBytes: this.#writer.queuedBytes,
    };
  }

  async readMeta(name: string): Promise<unknown> {
    this.#requireOpen();
    try {
      const document = await this.#documents.read(metaAddress(name));
      return document === null ? undefined : JSON.parse(document.json);
    } catch (error) {
      if (!(error instanceof UnreadableFrame)) throw storageErrorOf(error);
      throw new StorageError("unreadable", `The document '${name}' is damaged: ${error.message}`);
    }
  }

  async writeMeta(name: string, json: unknown): Promise<void> {
    this.#requireOpen();
    const text = JSON.stringify(json);
    requireAtMost(`The document '${name}'`, text.length, META_BYTES_MAX);
    await this.#documents.write(metaAddress(name), name, text);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writer.close();
    await this.#table.drain();
    try {
      this.parts.kv.close();
    } finally {
      this.parts.release();
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new StorageError("closed", "The store is closed");
  }

  #coupledChange(
    address: Address,
    key: string,
    hints: HintChange,
    committed: (bytes: number) => void,
  ): CoupledChange {
    return {
      mutations: (hints.add?.length ?? 0) + (hints.remove?.length ?? 0),
      stage: (batch) => this.#hints.stage(batch, address, key, hints),
      committed: (bytes) => {
        committed(bytes);
        this.#hints.committed(address, hints);
        this.#reads.delete(address);
        this.#unreadable.delete(address);
        this.#writes++;
      },
    };
  }

  /** Reads every frame once, to build the index and the hints and to find damaged records. */
  async #readAllFrames(): Promise<void> {
    for await (const { address, value } of this.#table.all("o")) {
      try {
        const frame = readFrame(address, value);
        this.#index.set(address, frame.bytes);
        this.#documents.register(address, frame);
      } catch (error) {
        this.#index.set(address, 1);
        this.#foundUnreadable(address, error, value);
      }
    }
    await this.#hints.load();
  }

  #readShared(address: Address, key: string): Promise<StoredRecord | null> {
    const shared = this.#reads.get(address);
    if (shared !== undefined) return shared;
    const reading: Promise<StoredRecord | null> = this.#read(address, key).then(
      (document) => {
        const record = document === null ? null : recordOf(document);
        // The key was written meanwhile: the result may be old and must not replace the cached record.
        if (this.#reads.get(address) !== reading) return record;
        this.#reads.delete(address);
        if (document === null || record === null) {
          throw this.#foundUnreadable(
            address,
            new UnreadableFrame("it is missing on the disk", key),
          );
        }
        this.#unreadable.delete(address);
        this.#cache.set(address, record, document.json.length);
        return record;
      },
      (error) => {
        if (this.#reads.get(address) !== reading) return this.load(key, positionAt(address));
        this.#reads.delete(address);
        throw this.#foundUnreadable(address, error);
      },
    );
    this.#reads.set(address, reading);
    return reading;
  }

  async #read(address: Address, key: string): Promise<Document | null> {
    const value = await this.#table.get(address);
    if (value === null) return null;
    try {
      const document = await this.#documents.complete(address, value);
      if (document === null || document.key === key) return document;
      throw new UnreadableFrame("it is the record of another key", document.key);
    } catch (error) {
      this.#keepDamagedFrame(address, error, value);
      throw error;
    }
  }

  /** Notes and reports damage, once for each record. Returns the error for the caller. */
  #foundUnreadable(address: Address, error: unknown, value?: unknown): StorageError {
    if (this.#closed) return new StorageError("closed", "The store is closed");
    if (!(error instanceof UnreadableFrame)) return storageErrorOf(error);
    const position = positionAt(address);
    const record = { position, key: error.key, reason: error.message };
    if (value !== undefined) this.#keepDamagedFrame(address, error, value);
    if (!this.#unreadable.has(address)) {
      this.#unreadable.set(address, record);
      this.parts.report({ kind: "record-unreadable", record });
    }
    return new StorageError("unreadable", `The record at ${position} is damaged: ${error.message}`);
  }

  /** Keeps a copy of a damaged frame for inspection, because a repair will replace it. */
  #keepDamagedFrame(address: Address, error: unknown, value: unknown): void {
    if (!(error instanceof UnreadableFrame) || !(value instanceof Uint8Array)) return;
    if (this.#unreadable.size >= DAMAGED_FRAMES_MAX || this.#unreadable.has(address)) return;
    this.#writer.submit({
      bytes: value.length,
      mutations: 1,
      stage: (batch) => batch.changes.set(damagedFrameAddress(address), value),
    }).catch(() => {});
  }

  async #recordAt(
    found: FoundFrame,
    fromDisk: boolean,
  ): Promise<StoredRecord | UnreadableRecord | null> {
    const { address, value, position } = found;
    const cached = fromDisk ? undefined : this.#cache.get(address);
    if (cached !== undefined) return cached;
    try {
      if (found.damage !== null) throw found.damage;
      const document = await this.#documents.complete(address, value);
      return document === null ? null : recordOf(document);
    } catch (error) {
      if (!(error instanceof UnreadableFrame)) throw storageErrorOf(error);
      this.#foundUnreadable(address, error, value);
      return { position, key: error.key, reason: error.message };
    }
  }
}

function recordOf({ key, json }: Document): StoredRecord {
  return { key, ...JSON.parse(json) as Omit<StoredRecord, "key"> };
}

function requireAtMost(what: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new StorageError(
    "too-large",
    `${what} must be at most ${bytesMax} bytes: current size is ${bytes}`,
  );
}
