/** For tests: copies of a database's files, and putting them back. */

const SUFFIXES = ["", "-wal", "-shm"];

/** What lies under the database's name and those of its companions, but for the lock. */
export async function copyOf(location: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const suffix of SUFFIXES) {
    const bytes = await Deno.readFile(location + suffix).catch(() => null);
    if (bytes !== null) files.set(suffix, bytes);
  }
  return files;
}

export async function putBack(
  location: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const suffix of SUFFIXES) {
    const bytes = files.get(suffix);
    if (bytes !== undefined) await Deno.writeFile(location + suffix, bytes);
    else await Deno.remove(location + suffix).catch(() => {});
  }
}
