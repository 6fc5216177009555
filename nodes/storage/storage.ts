/**
 * What a node asks of its disk, and what may go wrong with it.
 *
 * A node keeps one record a key: its siblings, and what is local to this node. A record is stored by
 * the position of its key on the ring, so that a range of the ring, the unit that moves between
 * owners and that anti-entropy compares, lies side by side (SOSP 2007, sections 4.6, 4.7 and 6.2).
 *
 * Two promises carry the protocol. *Durable when resolved*: a coordinator acknowledges only what a
 * crash cannot take back. *Failed is not absent*: a record that is there but cannot be read rejects,
 * because answering "absent" would let an old version win.
 *
 * `kv_storage.ts` keeps records in Deno KV, the simulator keeps them in a virtual disk;
 * `testing/conformance.ts` holds both to this page.
 */
import type { Position } from "../../lib/dynamo/ring/position.ts";
import type { Boot, DiskCondition, DiskState } from "../../lib/dynamo/types/boot.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { HintChange, KeyPlace, StoredRecord } from "../../lib/dynamo/types/records.ts";

/** What an opening found on the disk, and drew: the part of a boot that the disk knows. */
export type Opening = Omit<Boot, "self" | "membership" | "hints"> & {
  /** As the disk was found, before the opening itself wrote to it. */
  readonly writes: number;
};

export interface RecordStore {
  /** Made when the store was created: a wiped or set-aside store has another. */
  readonly dataId: string;
  /** 1 at creation, durably higher at every opening, and than any that was saved with a disk state. */
  readonly incarnation: number;
  readonly opening: Opening;
  /** As saved last; undefined for a store that was never a member's. */
  readonly condition: DiskCondition | undefined;
  /**
   * Rises with every change that is durable. An earlier copy of the disk has a lower one than was ever
   * read after a change that the copy lacks.
   */
  readonly writes: number;

  /** Remembers what the node knows of this disk. Resolves once durable. */
  saveDiskState(state: DiskState): Promise<void>;

  /**
   * The record of the key, null when there is none. A load sees every store to the key that has
   * resolved, and perhaps later ones. Rejects with {@link StorageError}: `unreadable` until the
   * record is stored anew.
   */
  load(key: string, position: Position): Promise<StoredRecord | null>;

  /**
   * Replaces the record of `record.key`, and changes its hints in the same step. Resolves once
   * durable. Stores to one key take effect in the order of the calls. After a rejection the record
   * is the old or the new one (`full` and `read-only`: the old one).
   */
  store(record: StoredRecord, position: Position, hints?: HintChange): Promise<void>;

  /** Forgets the key's record and its hints; resolves once durable. Deleting nothing is no error. */
  delete(key: string, position: Position, hints?: HintChange): Promise<void>;

  /** Records by ring position, then key; see {@link ScanOptions}. */
  scan(options: ScanOptions): Promise<ScanPage>;

  /** Keys for which the node is still to deliver its record to `target`, by ring position, then key. */
  scanHints(target: NodeId, options: HintScanOptions): Promise<readonly KeyPlace[]>;

  /** How many hints are held, by target; targets without any are left out. */
  hintCounts(): ReadonlyMap<NodeId, number>;

  /** Records held, readable or not. */
  count(): number;

  stats(): StorageStats;

  /** A small JSON document (at most {@link META_BYTES_MAX}), such as the founded configuration; undefined when never written. */
  readMeta(name: string): Promise<unknown>;
  /** Resolves once durable. */
  writeMeta(name: string, json: unknown): Promise<void>;

  /** Finishes the writes that were asked for and releases the files. Later calls reject with `closed`. */
  close(): Promise<void>;
}

export const META_BYTES_MAX = 32 * 1_048_576;

/** A record's JSON may be this large: many siblings of the largest value, in base64, still fit. */
export const RECORD_BYTES_MAX = 64 * 1_048_576;

/**
 * The range of the ring to read, clockwise from `from` (included) to `to` (excluded). When they are
 * equal or one is left out it ends, or begins, at zero; without both it is the whole ring.
 */
export interface ScanOptions {
  readonly from?: Position;
  readonly to?: Position;
  /** Where the last page ended: only what comes later. */
  readonly after?: KeyPlace;
  /** Records in a page, at least 1. */
  readonly limit: number;
  /** A page ends early when its records' JSON passes this; it holds at least one. Default 4 MiB. */
  readonly bytesMax?: number;
  /** Read the disk past every cache, as a scrub must. Default false. */
  readonly fromDisk?: boolean;
}

export interface HintScanOptions {
  readonly after?: KeyPlace;
  readonly limit: number;
}

/**
 * A page of a scan. Pages are no snapshot: a record that is stored meanwhile shows in its old or new
 * state; one that is there all along shows exactly once.
 */
export interface ScanPage {
  readonly records: readonly { readonly record: StoredRecord; readonly position: Position }[];
  /** Records of the range that cannot be read. */
  readonly unreadable: readonly UnreadableRecord[];
  /** `after` of the next page; null when the range is done. */
  readonly next: KeyPlace | null;
}

export interface UnreadableRecord {
  readonly position: Position;
  /** Null when the damage is such that the key itself is lost. */
  readonly key: string | null;
  readonly reason: string;
}

export interface StorageStats {
  readonly keys: number;
  /** JSON bytes of all records. */
  readonly recordBytes: number;
  /** Size of the store's files; null for a remote store. */
  readonly bytesOnDisk: number | null;
  /** Records known to be unreadable. */
  readonly unreadable: number;
  readonly hints: number;
  /** Since opening: commits, and the stores and deletes that they carried. */
  readonly commits: number;
  readonly writes: number;
  /** Loads answered from memory, present or absent, and from the disk. */
  readonly loadsFromMemory: number;
  readonly loadsFromDisk: number;
  readonly cacheBytes: number;
  /** Bytes that wait for a commit. */
  readonly queuedBytes: number;
}

/** Something a person should hear of; the store goes on. */
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
  /** The record is there but damaged: neither present nor absent. */
  | "unreadable"
  /** No room on the disk. Nothing was stored; later stores may succeed. */
  | "full"
  /** The file cannot be written. Nothing was stored. */
  | "read-only"
  /** Any other failure of the disk: a write may or may not have happened. */
  | "io"
  /** The record exceeds a limit; nothing was stored. */
  | "too-large"
  /** More waits for the disk than is allowed; nothing was stored. */
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
