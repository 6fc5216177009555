/** Opens a node's store: a file of its own, or a database behind a KV Connect URL. */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { IdentityFile } from "./assigned_identity.ts";
import { cannotOpen, checkFile, isRemote, lockFile, setAside } from "./kv_file.ts";
import { KvStorage } from "./kv_storage.ts";
import { UnreadableFrame } from "./record_frame.ts";
import { type RecordStore, StorageError, type StorageReport } from "./storage.ts";

/** Bytes of records in memory by default: a node with 100,000 small keys stays well under 250 MB. */
const CACHE_BYTES_MAX = 32 * 1_048_576;

/** The data id of a store that is new; null where the founder drew none. */
type GivenId = () => Promise<string | null>;
const nobodyGave: GivenId = () => Promise.resolve(null);

export interface OpenStorageOptions {
  /** A file, whose directory is made when it is missing; or `https://…`, a KV Connect service. */
  readonly location: string;
  /** Whose store it is: a new one takes the data id that the cluster's founder drew for this node. */
  readonly node?: NodeId;
  readonly cacheBytesMax?: number;
  readonly report?: (report: StorageReport) => void;
  /** Opens the database; another way lets a test stand between. Default `Deno.openKv`. */
  readonly openKv?: (location: string) => Promise<Deno.Kv>;
}

/**
 * The store, its incarnation already raised. Throws {@link StorageError}: `in-use` when another
 * process has it, `cannot-open` otherwise. A damaged file is set aside and reported, not an error.
 */
export async function openStorage(options: OpenStorageOptions): Promise<RecordStore> {
  const { location, cacheBytesMax = CACHE_BYTES_MAX, report = () => {} } = options;
  const openKv = options.openKv ?? Deno.openKv;
  const open = async (path: string | null, dataId: GivenId, release: () => void) => {
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
    return await open(null, nobodyGave, () => {}).catch((error) => {
      throw error instanceof StorageError ? error : cannotOpen(location, error);
    });
  }
  const lock = await lockFile(location);
  const identity = new IdentityFile(location, options.node);
  // What is damaged is no longer the directory that the founder meant: its successor has another name.
  const putAside = async (reason: string) => {
    await identity.remove();
    await setAside(location, reason, report);
  };
  try {
    const damage = checkFile(location);
    if (damage !== null) await putAside(damage);
    const store = await open(location, () => identity.read(), lock.release)
      .catch(async (error) => {
        if (!(error instanceof UnreadableFrame)) throw error;
        await putAside(`its identity is damaged: ${error.message}`);
        return await open(location, nobodyGave, lock.release);
      });
    // The store has an identity by now, and needs no other, also when a crash had left the file.
    await identity.remove();
    return store;
  } catch (error) {
    lock.release();
    throw error instanceof StorageError ? error : cannotOpen(location, error);
  }
}
