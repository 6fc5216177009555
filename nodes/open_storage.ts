/** Opens a node's store: a file of its own, or a database behind a KV Connect URL. */
import { cannotOpen, checkFile, isRemote, lockFile, setAside } from "./kv_file.ts";
import { KvStorage } from "./kv_storage.ts";
import { UnreadableFrame } from "./record_frame.ts";
import { type RecordStore, StorageError, type StorageReport } from "./storage.ts";

/** Bytes of records in memory by default: a node with 100,000 small keys stays well under 250 MB. */
const CACHE_BYTES_MAX = 32 * 1_048_576;

export interface OpenStorageOptions {
  /** A file, whose directory is made when it is missing; or `https://…`, a KV Connect service. */
  readonly location: string;
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
  const open = async (path: string | null, release: () => void) => {
    const kv = await openKv(location).catch((error) => {
      throw cannotOpen(location, error);
    });
    try {
      return await KvStorage.open({ kv, path, cacheBytesMax, report, release });
    } catch (error) {
      kv.close();
      throw error;
    }
  };
  if (isRemote(location)) {
    return await open(null, () => {}).catch((error) => {
      throw error instanceof StorageError ? error : cannotOpen(location, error);
    });
  }
  const lock = await lockFile(location);
  try {
    await checkFile(location, report);
    return await open(location, lock.release).catch(async (error) => {
      if (!(error instanceof UnreadableFrame)) throw error;
      await setAside(location, `its identity is damaged: ${error.message}`, report);
      return await open(location, lock.release);
    });
  } catch (error) {
    lock.release();
    throw error instanceof StorageError ? error : cannotOpen(location, error);
  }
}
