/** Opens a node's store: a file, or a database behind a KV Connect URL. */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { IdentityFile } from "./assigned_identity.ts";
import { cannotOpen, checkFile, isRemote, lockFile, setAside } from "./kv_file.ts";
import { KvStorage } from "./kv_storage.ts";
import { UnreadableFrame } from "./record_frame.ts";
import { type RecordStore, StorageError, type StorageReport } from "./storage.ts";

/** The default size of the record cache: a node with 100,000 small keys stays well under 250 MB. */
const CACHE_BYTES_MAX = 32 * 1_048_576;

/** The data id for a new store; null if none was assigned. */
type AssignedId = () => Promise<string | null>;
const noAssignedId: AssignedId = () => Promise.resolve(null);

export interface OpenStorageOptions {
  /** The path of a file, whose directory is created if missing; or `https://…`, a KV Connect service. */
  readonly location: string;
  /** The node of the store. A new store takes the data id that was assigned to this node. */
  readonly node?: NodeId;
  readonly cacheBytesMax?: number;
  readonly report?: (report: StorageReport) => void;
  /** Opens the database; tests replace it. Default: `Deno.openKv`. */
  readonly openKv?: (location: string) => Promise<Deno.Kv>;
}

/**
 * Opens the store and increases its incarnation. Throws {@link StorageError}: `in-use` if another
 * process has the store open, otherwise `cannot-open`. A damaged file is set aside and reported; that
 * is not an error.
 */
export async function openStorage(options: OpenStorageOptions): Promise<RecordStore> {
  const { location, cacheBytesMax = CACHE_BYTES_MAX, report = () => {} } = options;
  const openKv = options.openKv ?? Deno.openKv;
  const open = async (path: string | null, dataId: AssignedId, release: () => void) => {
    const kv = await openKv(location).catch((error) => {
      throw cannotOpen(location, error);
    });
    try {
      return await KvStorage.open({ kv, path, dataId, cacheBytesMax, report, release });
    } catch (error) {
      kv.close();
      throw error;
    }
  };
  if (isRemote(location)) {
    return await open(null, noAssignedId, () => {}).catch((error) => {
      throw error instanceof StorageError ? error : cannotOpen(location, error);
    });
  }
  const lock = await lockFile(location);
  const identity = new IdentityFile(location, options.node);
  // The new store has lost the data, so it must get a new data id and not the assigned one.
  const setFileAside = async (reason: string) => {
    await identity.remove();
    await setAside(location, reason, report);
  };
  try {
    const damage = checkFile(location);
    if (damage !== null) await setFileAside(damage);
    const store = await open(location, () => identity.read(), lock.release)
      .catch(async (error) => {
        if (!(error instanceof UnreadableFrame)) throw error;
        await setFileAside(`its identity is damaged: ${error.message}`);
        return await open(location, noAssignedId, lock.release);
      });
    // The store has its data id now. The file can still exist if an earlier start crashed here.
    await identity.remove();
    return store;
  } catch (error) {
    lock.release();
    throw error instanceof StorageError ? error : cannotOpen(location, error);
  }
}
