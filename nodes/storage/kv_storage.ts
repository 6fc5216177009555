/**
 * A node's records in Deno KV: what is in memory, and what is asked of the disk.
 *
 * The index in memory knows every key that there is, so an absent one needs no disk; the cache
 * holds the records that were used last. Both change only when a commit is durable. All writes leave
 * through one {@link KvWriter}; large records are {@link KvDocuments}' concern; the layout of the
 * database is in `record_address.ts`.
 */
import type { Position } from "../../lib/dynamo/ring/position.ts";
import type { DiskCondition, DiskState } from "../../lib/dynamo/types/boot.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import type { HintChange, KeyPlace } from "../../lib/dynamo/types/records.ts";
import { type Companion, type Document, KvDocuments } from "./kv_documents.ts";
import { storageErrorOf } from "./kv_errors.ts";
import { bytesOnDisk } from "./kv_file.ts";
import { type FoundFrame, framesIn } from "./kv_frames.ts";
import { KvHints } from "./kv_hints.ts";
import { KvIdentity } from "./kv_identity.ts";
import { KvTable } from "./kv_table.ts";
import { KvWriter } from "./kv_writer.ts";
import {
  type Address,
  asideAddress,
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
/** Raw frames of so many unreadable records are kept aside. */
const ASIDE_MAX = 1_000;
const NO_CHANGE: HintChange = {};

interface KvStorageParts {
  readonly kv: Deno.Kv;
  /** Null for a remote database. */
  readonly path: string | null;
  /** For a store that is new; null: it draws one. */
  readonly dataId: () => Promise<string | null>;
  readonly cacheBytesMax: number;
  readonly report: (report: StorageReport) => void;
  /** Called when all is closed. */
  readonly release: () => void;
}

export class KvStorage implements RecordStore {
  readonly #table: KvTable;
  readonly #writer: KvWriter;
  readonly #documents: KvDocuments;
  readonly #hints: KvHints;
  readonly #index = new RecordIndex();
  readonly #cache: RecordCache;
  /** Reads under way: loads of one key share one; a write to the key takes it out. */
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
   * Takes over an open database. Throws {@link UnreadableFrame} when its journal or identity is
   * damaged, and {@link StorageError} `cannot-open` when it belongs to another program.
   */
  static async open(parts: KvStorageParts): Promise<KvStorage> {
    const failed = ({ message }: StorageError) =>
      parts.report({ kind: "write-failed", reason: message });
    const table = await KvTable.open(parts.kv, failed);
    const writes = table.version;
    const documents = new KvDocuments(table, new KvWriter(table, failed));
    const identity = await KvIdentity.open(parts.kv, documents, parts.dataId);
    const storage = new KvStorage(parts, documents, identity, { ...identity.opened, writes });
    await storage.#learn();
    const chunks = await storage.#documents.removeLooseSets();
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
      this.#companion(address, key, hints, (bytes) => {
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
      this.#companion(address, key, { ...hints, remove }, () => {
        this.#index.delete(address);
        this.#cache.delete(address);
      }),
    );
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    this.#requireOpen();
    const { after, limit, bytesMax = SCAN_BYTES_MAX, fromDisk = false } = options;
    if (!(limit >= 1)) throw new RangeError(`limit must be at least 1: current value is ${limit}`);
    // As many at a time as are likely to fill the page: they may be 64 KiB each.
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

  #companion(
    address: Address,
    key: string,
    hints: HintChange,
    committed: (bytes: number) => void,
  ): Companion {
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

  /** Reads every frame once: the index, the hints, and which records are damaged. */
  async #learn(): Promise<void> {
    for await (const { address, value } of this.#table.all("o")) {
      try {
        const frame = readFrame(address, value);
        this.#index.set(address, frame.bytes);
        this.#documents.known(address, frame);
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
        // Written meanwhile: what was read may be old, and must not shadow what is now cached.
        if (this.#reads.get(address) !== reading) return record;
        this.#reads.delete(address);
        if (document === null || record === null) {
          throw this.#foundUnreadable(
            address,
            new UnreadableFrame("the disk no longer has it", key),
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
      throw new UnreadableFrame("it holds the record of another key", document.key);
    } catch (error) {
      this.#keepAside(address, error, value);
      throw error;
    }
  }

  /** Remembers and reports damage, once a record; answers what a reader is to be told. */
  #foundUnreadable(address: Address, error: unknown, value?: unknown): StorageError {
    if (this.#closed) return new StorageError("closed", "The store is closed");
    if (!(error instanceof UnreadableFrame)) return storageErrorOf(error);
    const position = positionAt(address);
    const record = { position, key: error.key, reason: error.message };
    if (value !== undefined) this.#keepAside(address, error, value);
    if (!this.#unreadable.has(address)) {
      this.#unreadable.set(address, record);
      this.parts.report({ kind: "record-unreadable", record });
    }
    return new StorageError("unreadable", `The record at ${position} is damaged: ${error.message}`);
  }

  /** Copies what an unreadable record holds, for a person to look at: a repair will replace it. */
  #keepAside(address: Address, error: unknown, value: unknown): void {
    if (!(error instanceof UnreadableFrame) || !(value instanceof Uint8Array)) return;
    if (this.#unreadable.size >= ASIDE_MAX || this.#unreadable.has(address)) return;
    this.#writer.submit({
      bytes: value.length,
      mutations: 1,
      stage: (batch) => batch.changes.set(asideAddress(address), value),
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

function requireAtMost(what: string, bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new StorageError("too-large", `${what} takes ${bytes} bytes; at most ${most} are allowed`);
}
