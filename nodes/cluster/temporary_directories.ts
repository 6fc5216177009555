/**
 * Temporary directories of launchers, and the removal of those that dead launchers left. A launcher that
 * is killed with SIGKILL removes nothing, and its directory contains a secret. So the next launcher
 * removes it.
 *
 * A directory is removed only if that is certainly safe. It contains a mark with its own name, so a
 * directory given with `--data` or a copy is never removed. It belongs to this user. And nobody holds
 * its locks, which the system releases however a process ends.
 */
import { basename, join } from "node:path";
import { NODE_DATABASE } from "./node_process.ts";

const PREFIX = "dynamo-";
/** Appended to the name by the launcher that removes the directory, so that nobody can use it again. */
const REMOVING_SUFFIX = "-leaving";
export const MARK = "launcher.temporary";
export const LOCK = "launcher.lock";

export async function makeTemporary(): Promise<string> {
  return await Deno.makeTempDir({ prefix: PREFIX });
}

/** Marks the directory: it may be removed once its lock is free. Only the lock's holder may call it. */
export async function mark(directory: string): Promise<void> {
  await Deno.writeTextFile(join(directory, MARK), basename(directory));
}

/** Removes the mark, because the directory is kept or its owner removes it. */
export async function unmark(directory: string): Promise<void> {
  await Deno.remove(join(directory, MARK)).catch(ignoreMissing);
}

/** Removes what dead launchers of this user left in `root`. Skips what it cannot remove. */
export async function sweep(root: string): Promise<void> {
  for (const { name, isDirectory } of await Array.fromAsync(Deno.readDir(root)).catch(() => [])) {
    // A symbolic link is not a directory here, so its target is never removed.
    if (!isDirectory || !name.startsWith(PREFIX)) continue;
    try {
      await sweepOne(join(root, name));
    } catch {
      // It is not a launcher's, or another user's, or another launcher removes it.
    }
  }
}

async function sweepOne(directory: string): Promise<void> {
  const { uid } = await Deno.lstat(directory);
  if (uid !== null && uid !== Deno.uid()) return;
  const marked = await Deno.readTextFile(join(directory, MARK));
  const name = basename(directory);
  if (name !== marked && name !== marked + REMOVING_SUFFIX) return;
  const lock = await lockOf(join(directory, LOCK));
  if (lock === null) return;
  try {
    if (await hasLiveNode(directory)) return;
    const removing = join(directory, "..", marked + REMOVING_SUFFIX);
    if (removing !== directory) await Deno.rename(directory, removing);
    await Deno.remove(removing, { recursive: true });
  } finally {
    lock.close();
  }
}

/** Nodes end shortly after their launcher, so some may still be running. */
async function hasLiveNode(directory: string): Promise<boolean> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (!isDirectory) continue;
    try {
      const lock = await lockOf(join(directory, name, `${NODE_DATABASE}.lock`));
      if (lock === null) return true;
      lock.close();
    } catch (error) {
      ignoreMissing(error);
    }
  }
  return false;
}

/** Takes the lock; null if another process holds it. */
async function lockOf(path: string): Promise<Deno.FsFile | null> {
  const file = await Deno.open(path, { read: true, write: true });
  if (await file.tryLock(true)) return file;
  file.close();
  return null;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
