/**
 * The interface of a node's store, and its errors.
 *
 * A node has one record for each key: the siblings, and some data that is local to this node. Records
 * are ordered by the ring position of their key. So the records of a range, the unit of transfers and
 * of anti-entropy, are adjacent (SOSP 2007, sections 4.6, 4.7 and 6.2).
 *
 * The protocol relies on two guarantees. *Durable when resolved*: a coordinator acknowledges only
 * writes that a crash cannot undo. *Failed is not absent*: the load of a record that exists but cannot
 * be read rejects, because an answer "absent" would let an old version win.
 *
 * `kv_storage.ts` implements the store with Deno KV, and the simulator with a simulated disk.
 * `testing/conformance.ts` tests both.
 */
import type { Position } from "../../lib/dynamo/ring/position.ts";
import type { Boot, DiskCondition, DiskState } from "../../lib/dynamo/types/boot.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { HintChange, KeyPlace, StoredRecord } from "../../lib/dynamo/types/records.ts";

/** The part of a boot that comes from the disk, and the random values of this opening. */
export type Opening = Omit<Boot, "self" | "membership" | "hints"> & {
  /** The number of writes before the opening itself wrote to the disk. */
  readonly writes: number;
};

export interface RecordStore {
  /** Fixed at the store's creation. After a wipe, or when a damaged file is set aside, it is another. */
  readonly dataId: string;
  /**
   * 1 at creation. It increases durably at every opening, and is higher than any incarnation that was
   * saved with a disk state.
   */
  readonly incarnation: number;
  readonly opening: Opening;
  /** The condition that was saved last; undefined if the store never belonged to a member. */
  readonly condition: DiskCondition | undefined;
  /**
   * Increases with every durable change. An earlier copy of the disk has a lower number than any that
   * was read after a change that the copy lacks.
   */
  readonly writes: number;

  /** Saves what the node knows about this disk. Resolves once durable. */
  saveDiskState(state: DiskState): Promise<void>;

  /**
   * The record of the key; null if there is none. A load sees every resolved store of the key, and
   * perhaps later ones. Rejects with {@link StorageError}; `unreadable` until the record is stored
   * again.
   */
  load(key: string, position: Position): Promise<StoredRecord | null>;

  /**
   * Replaces the record of `record.key` and changes its hints atomically. Resolves once durable. Stores
   * of one key take effect in the order of the calls. After a rejection the record is the old or the
   * new one (after `full` and `read-only`: the old one).
   */
  store(record: StoredRecord, position: Position, hints?: HintChange): Promise<void>;

  /** Removes the key's record and hints. Resolves once durable. Deleting an absent key is no error. */
  delete(key: string, position: Position, hints?: HintChange): Promise<void>;

  /** Records in order of ring position, then key; see {@link ScanOptions}. */
  scan(options: ScanOptions): Promise<ScanPage>;

  /** Keys with a hint for `target`, in order of ring position, then key. */
  scanHints(target: NodeId, options: HintScanOptions): Promise<readonly KeyPlace[]>;

  /** Number of hints by target; targets without hints are omitted. */
  hintCounts(): ReadonlyMap<NodeId, number>;

  /** Number of records, readable or not. */
  count(): number;

  stats(): StorageStats;

  /**
   * A small JSON document (at most {@link META_BYTES_MAX}), such as the initial configuration;
   * undefined if never written.
   */
  readMeta(name: string): Promise<unknown>;
  /** Resolves once durable. */
  writeMeta(name: string, json: unknown): Promise<void>;

  /** Finishes pending writes and releases the files. Later calls reject with `closed`. */
  close(): Promise<void>;
}

export const META_BYTES_MAX = 32 * 1_048_576;

/** The maximum size of a record's JSON: many siblings of the largest value fit, in base64. */
export const RECORD_BYTES_MAX = 64 * 1_048_576;

/**
 * The range of the ring to read, clockwise from `from` (included) to `to` (excluded). Without `from` it
 * begins at zero, without `to` it ends at zero. If both are equal or omitted it is the whole ring.
 */
export interface ScanOptions {
  readonly from?: Position;
  readonly to?: Position;
  /** The place where the last page ended; the scan continues after it. */
  readonly after?: KeyPlace;
  /** The maximum number of records in a page, at least 1. */
  readonly limit: number;
  /** A page ends early when its records exceed this size; it has at least one. Default 4 MiB. */
  readonly bytesMax?: number;
  /** Reads from the disk and bypasses every cache, as a scrub must. Default false. */
  readonly fromDisk?: boolean;
}

export interface HintScanOptions {
  readonly after?: KeyPlace;
  readonly limit: number;
}

/**
 * A page of a scan. Pages are not a snapshot: a record that is stored meanwhile appears in its old or
 * its new state. A record that exists during the whole scan appears exactly once.
 */
export interface ScanPage {
  readonly records: readonly { readonly record: StoredRecord; readonly position: Position }[];
  /** Records of the range that cannot be read. */
  readonly unreadable: readonly UnreadableRecord[];
  /** `after` for the next page; null at the end of the range. */
  readonly next: KeyPlace | null;
}

export interface UnreadableRecord {
  readonly position: Position;
  /** Null if the key itself is lost. */
  readonly key: string | null;
  readonly reason: string;
}

export interface StorageStats {
  readonly keys: number;
  /** The size of all records in the database. */
  readonly recordBytes: number;
  /** Size of the store's files; null for a remote store. */
  readonly bytesOnDisk: number | null;
  /** Records known to be unreadable. */
  readonly unreadable: number;
  readonly hints: number;
  /** Commits since opening. */
  readonly commits: number;
  /** Stores and deletes since opening. */
  readonly writes: number;
  /** Loads since opening, of present or absent keys, without and with access to the disk. */
  readonly loadsFromMemory: number;
  readonly loadsFromDisk: number;
  readonly cacheBytes: number;
  /** Bytes that wait for a commit. */
  readonly queuedBytes: number;
}

/** A problem that an operator should know about. The store continues to work. */
export type StorageReport =
  | {
    readonly kind: "file-set-aside";
    readonly path: string;
    readonly movedTo: string;
    readonly reason: string;
  }
  | { readonly kind: "record-unreadable"; readonly record: UnreadableRecord }
  | { readonly kind: "write-failed"; readonly reason: string }
  | { readonly kind: "orphans-removed"; readonly chunks: number };

type StorageErrorCode =
  /** The record is damaged: neither present nor absent. */
  | "unreadable"
  /** The disk is full. Nothing was stored; later stores may succeed. */
  | "full"
  /** The file is read-only. Nothing was stored. */
  | "read-only"
  /** Any other failure of the disk: a write may or may not have happened. */
  | "io"
  /** The record exceeds a limit; nothing was stored. */
  | "too-large"
  /** Too many bytes wait for the disk; nothing was stored. */
  | "overloaded"
  /** Another process has the store open. */
  | "in-use"
  /** The store cannot be opened. */
  | "cannot-open"
  | "closed";

export class StorageError extends Error {
  override name = "StorageError";
  constructor(readonly code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
