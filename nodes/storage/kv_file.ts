/**
 * A node's database file, from "is it fit to be opened" to "nobody else has it".
 *
 * Deno KV opens a damaged file, and then panics or returns wrong values; and it lets two processes
 * open one file. So before it sees the file, a lock is taken and SQLite checks its pages. A file that
 * fails is renamed, never deleted, and the node starts empty under a new data id: its peers hold
 * what it lost.
 */
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StorageError, type StorageReport } from "./storage.ts";

/** SQLite's companions of a database file. */
const SUFFIXES = ["", "-wal", "-shm", "-journal"];

interface LockedFile {
  readonly path: string;
  release(): void;
}

/** A KV Connect service rather than a file. */
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
      `Another process has ${path} open: give this node its own file, or stop the other`,
    );
  }
  return { path, release: () => file.close() };
}

/** Why the file must be set aside, null when it need not. Throws {@link StorageError} for a stranger's. */
export function checkFile(path: string): string | null {
  return exists(path) ? damageOf(path) : null;
}

/** Renames the file and its companions, so that the next opening starts empty. */
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

/** Bytes of the file and its companions. */
export function bytesOnDisk(path: string): number {
  return SUFFIXES.reduce((sum, suffix) => sum + (statOf(path + suffix)?.size ?? 0), 0);
}

/** What is wrong with the file, null when it is sound. Throws when it is a stranger's, or cannot be read at all. */
function damageOf(path: string): string | null {
  if (statOf(path)?.size === 0) return null;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    const check = database.prepare("PRAGMA quick_check(1)").get();
    const verdict = String(check?.["quick_check"] ?? "no answer");
    if (verdict !== "ok") return verdict;
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    if (tables.length > 0 && !tables.some((table) => table["name"] === "kv")) {
      throw new StorageError("cannot-open", `${path} is a database of another program`);
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
