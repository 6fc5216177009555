/** For tests: copies a database's files, restores them, and writes documents of earlier versions. */
import { KvDocuments } from "../kv_documents.ts";
import { KvTable } from "../kv_table.ts";
import { KvWriter } from "../kv_writer.ts";
import { metaAddress } from "../record_address.ts";

const SUFFIXES = ["", "-wal", "-shm"];

/** The content of the database's files, without the lock file. */
export async function copyOf(location: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const suffix of SUFFIXES) {
    const bytes = await Deno.readFile(location + suffix).catch(() => null);
    if (bytes !== null) files.set(suffix, bytes);
  }
  return files;
}

export async function restore(
  location: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const suffix of SUFFIXES) {
    const bytes = files.get(suffix);
    if (bytes !== undefined) await Deno.writeFile(location + suffix, bytes);
    else await Deno.remove(location + suffix).catch(() => {});
  }
}

/** Writes documents into a closed database, as an earlier version would have written them. */
export async function writeDocuments(
  location: string,
  documents: Record<string, unknown>,
): Promise<void> {
  const kv = await Deno.openKv(location);
  const table = await KvTable.open(kv);
  const writer = new KvWriter(table, (error) => {
    throw error;
  });
  const all = new KvDocuments(table, writer);
  for (const [name, json] of Object.entries(documents)) {
    await all.write(metaAddress(name), name, JSON.stringify(json));
  }
  await writer.close();
  kv.close();
}

/** Calls `use` with the path of a store in a new directory, and removes the directory afterwards. */
export async function withFile(use: (location: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(`${directory}/node.sqlite3`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
