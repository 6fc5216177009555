/**
 * Checks and locks a node's database file.
 *
 * Deno KV opens a damaged file, and then panics or returns wrong values. It also lets two processes
 * open the same file. So the node takes a lock and lets SQLite check the pages before Deno KV opens
 * the file. A damaged file is renamed, never deleted, and the node starts empty with a new data id; it
 * recovers its data from its peers.
 */
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StorageError, type StorageReport } from "./storage.ts";

/** The suffixes of the files that belong to an SQLite database. */
const SUFFIXES = ["", "-wal", "-shm", "-journal"];

interface LockedFile {
  readonly path: string;
  release(): void;
}

/** Whether the location is a KV Connect service and not a file. */
export function isRemote(location: string): boolean {
  return /^https?:\/\//.test(location);
}

/** Takes the file's lock for this process. Throws {@link StorageError} `in-use` or `cannot-open`. */
export async function lockFile(path: string): Promise<LockedFile> {
  const lockPath = `${path}.lock`;
  let file: Deno.FsFile;
  try {
    if (!exists(dirname(path))) await Deno.mkdir(dirname(path), { recursive: true });
    file = await Deno.open(lockPath, { create: true, read: true, write: true });
  } catch (error) {
    throw cannotOpen(path, error);
  }
  if (!await file.tryLock(true)) {
    file.close();
    throw new StorageError(
      "in-use",
      `Another process has ${path} open. Give this node its own file, or stop the other process`,
    );
  }
  return { path, release: () => file.close() };
}

/** Why the file must be set aside; null if it is sound or missing. Throws {@link StorageError}. */
export function checkFile(path: string): string | null {
  return exists(path) ? damageOf(path) : null;
}

/** Renames the database's files, so that the next opening starts empty. */
export async function setAside(
  path: string,
  reason: string,
  report: (report: StorageReport) => void,
): Promise<void> {
  const movedTo = `${path}.damaged-${new Date().toISOString().replaceAll(":", "-")}`;
  for (const suffix of SUFFIXES) {
    if (exists(path + suffix)) await Deno.rename(path + suffix, movedTo + suffix);
  }
  report({ kind: "file-set-aside", path, movedTo, reason });
}

/** The size of the database's files. */
export function bytesOnDisk(path: string): number {
  return SUFFIXES.reduce((sum, suffix) => sum + (statOf(path + suffix)?.size ?? 0), 0);
}

/**
 * The damage of the file; null if it is sound. Throws if the file belongs to another program or cannot
 * be read at all.
 */
function damageOf(path: string): string | null {
  if (statOf(path)?.size === 0) return null;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    const check = database.prepare("PRAGMA quick_check(1)").get();
    const result = String(check?.["quick_check"] ?? "SQLite's quick_check gave no result");
    if (result !== "ok") return result;
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    if (tables.length > 0 && !tables.some((table) => table["name"] === "kv")) {
      throw new StorageError(
        "cannot-open",
        `${path} must be a database of this program: it belongs to another one`,
      );
    }
    return null;
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (/malformed|not a database|disk image/i.test(message)) return message;
    throw cannotOpen(path, error);
  } finally {
    database?.close();
  }
}

export function cannotOpen(path: string, error: unknown): StorageError {
  const message = error instanceof Error ? error.message : String(error);
  return new StorageError("cannot-open", `Cannot open ${path}: ${message}`, { cause: error });
}

function exists(path: string): boolean {
  return statOf(path) !== null;
}

function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw cannotOpen(path, error);
  }
}
