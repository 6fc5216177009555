/**
 * Temporary directories of launchers, and those that dead launchers have left behind. A launcher that
 * was killed with SIGKILL removes nothing, and its directory holds a secret: so the next one does.
 *
 * What may be removed must be certain. Such a directory is marked with its own name, so neither a
 * directory that was given with `--data` nor a copy that somebody made is taken for one; it is this
 * user's; and nobody holds its locks, which the system releases however a process ends.
 */
import { basename, join } from "node:path";
import { NODE_DATABASE } from "./node_process.ts";

const PREFIX = "dynamo-";
/** Appended by the launcher that is removing it: from then on nobody can take the directory into use. */
const LEAVING = "-leaving";
export const MARK = "launcher.temporary";
export const LOCK = "launcher.lock";

export async function makeTemporary(): Promise<string> {
  return await Deno.makeTempDir({ prefix: PREFIX });
}

/** Says that the directory may be removed once nobody holds its lock; to be called by who holds it. */
export async function mark(directory: string): Promise<void> {
  await Deno.writeTextFile(join(directory, MARK), basename(directory));
}

/** Says that the directory stays, or that its owner is removing it. */
export async function unmark(directory: string): Promise<void> {
  await Deno.remove(join(directory, MARK)).catch(ignoreMissing);
}

/** Removes what dead launchers of this user left in `root`. What cannot be removed is left for the next. */
export async function sweep(root: string): Promise<void> {
  for (const { name, isDirectory } of await Array.fromAsync(Deno.readDir(root)).catch(() => [])) {
    // A link is no directory here: what it points to is not ours to remove.
    if (!isDirectory || !name.startsWith(PREFIX)) continue;
    try {
      await sweepOne(join(root, name));
    } catch {
      // Not a launcher's, another user's, or another launcher is at it.
    }
  }
}

async function sweepOne(directory: string): Promise<void> {
  const { uid } = await Deno.lstat(directory);
  if (uid !== null && uid !== Deno.uid()) return;
  const marked = await Deno.readTextFile(join(directory, MARK));
  const name = basename(directory);
  if (name !== marked && name !== marked + LEAVING) return;
  const lock = await lockOf(join(directory, LOCK));
  if (lock === null) return;
  try {
    if (await hasLiveNode(directory)) return;
    const leaving = join(directory, "..", marked + LEAVING);
    if (leaving !== directory) await Deno.rename(directory, leaving);
    await Deno.remove(leaving, { recursive: true });
  } finally {
    lock.close();
  }
}

/** A node ends within moments of its launcher, but not before it. */
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

/** Null when another process holds it. */
async function lockOf(path: string): Promise<Deno.FsFile | null> {
  const file = await Deno.open(path, { read: true, write: true });
  if (await file.tryLock(true)) return file;
  file.close();
  return null;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
