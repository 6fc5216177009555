/** For tests: copies of a database's files, putting them back, and what earlier versions have left. */
import { KvDocuments } from "../kv_documents.ts";
import { KvTable } from "../kv_table.ts";
import { KvWriter } from "../kv_writer.ts";
import { metaAddress } from "../record_address.ts";

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

/** Puts documents into a database that nobody has open, as an earlier version would have left them. */
export async function leave(location: string, documents: Record<string, unknown>): Promise<void> {
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

/** With the path of a store in a new directory, which is removed afterwards. */
export async function withFile(use: (location: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(`${directory}/node.sqlite3`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
