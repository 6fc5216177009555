import assert from "node:assert/strict";
import { openStorage } from "./open_storage.ts";
import { kvKey, objectAddress } from "./record_address.ts";
import {
  type ConformingStore,
  storageConformance,
  type StorageUnderTest,
} from "./storage_conformance.ts";

/** A directory with one database file, whose handle can be torn away from the store. */
async function kvDisk(): Promise<StorageUnderTest> {
  const directory = await Deno.makeTempDir();
  const location = `${directory}/node.sqlite3`;
  const handles = new Map<ConformingStore, Deno.Kv>();
  return {
    async open() {
      let handle: Deno.Kv | undefined;
      const store = await openStorage({
        location,
        openKv: async (path) => handle = await Deno.openKv(path),
      });
      assert.ok(handle);
      handles.set(store, handle);
      return store;
    },
    async crash(store) {
      handles.get(store)?.close();
      await store.close().catch(() => {});
    },
    async wipe() {
      await Deno.remove(location);
    },
    async corrupt(key, position) {
      const kv = await Deno.openKv(location);
      const kvkey = kvKey(objectAddress(key, position));
      const { value } = await kv.get<Uint8Array>(kvkey);
      assert.ok(value);
      value[value.length - 1] = (value[value.length - 1] as number) ^ 1;
      await kv.set(kvkey, value);
      kv.close();
    },
    async end() {
      await Deno.remove(directory, { recursive: true });
    },
  };
}

storageConformance("Deno KV", kvDisk);
