/** The identity of a store in Deno KV: formats, copies of the file, and assigned data ids. */
import { equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { dirname } from "node:path";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import { writeAssignedIdentity } from "./assigned_identity.ts";
import { openStorage } from "./open_storage.ts";
import type { RecordStore } from "./storage.ts";
import { copyOf, restore, withFile, writeDocuments } from "./testing/kv_files_under_test.ts";
import { recordFor, withCode } from "./testing/storage_under_test.ts";

function write(store: RecordStore, key: string): Promise<void> {
  return store.store(recordFor(key, "v"), positionOf(key));
}

function hasIdentityFile(location: string): boolean {
  return [...Deno.readDirSync(dirname(location))].some(({ name }) => name === "identity.json");
}

/** Opens the store, closes it, and returns what the opening found. */
async function opened(location: string, node?: string): Promise<RecordStore["opening"]> {
  const store = await openStorage({ location, ...(node === undefined ? {} : { node }) });
  await store.close();
  return store.opening;
}

Deno.test("identity: a store with another format is refused and left unchanged", async () => {
  for (const format of [2, 4]) {
    await withFile(async (location) => {
      const identity = { dataId: "8t3938c1", incarnation: 7, format };
      await writeDocuments(location, { identity });
      for (const attempt of ["first", "second"]) {
        await rejects(openStorage({ location }), (error: Error) => {
          match(error.message, new RegExp(`format must be 3, current value is ${format}`), attempt);
          return withCode("cannot-open")(error);
        });
      }
    });
  }
});

Deno.test("identity: boot numbers differ from opening to opening", async () => {
  await withFile(async (location) => {
    const numbers = new Set<number | undefined>();
    for (let i = 0; i < 5; i++) numbers.add((await opened(location)).bootNumber);
    equal(numbers.size, 5);
    for (const number of numbers) {
      ok(Number.isInteger(number) && (number ?? -1) >= 0 && (number ?? 0) < 2 ** 24);
    }
  });
});

Deno.test("identity: a copy of an open file has fewer writes than the file after further writes", async () => {
  await withFile(async (location) => {
    const store = await openStorage({ location });
    await write(store, "before");
    // No write is in progress, so the copied files are consistent.
    const copy = await copyOf(location);
    const atCopy = store.writes;
    await write(store, "after");
    const lastWrites = store.writes;
    await store.close();
    await restore(location, copy);
    const { writes } = await opened(location);
    ok(
      writes >= atCopy && writes < lastWrites,
      `${atCopy} at the copy, ${writes} found, ${lastWrites} before`,
    );
  });
});

Deno.test("identity: after a clean stop the journal is empty and the number of writes is still known", async () => {
  await withFile(async (location) => {
    let lastWrites = 0;
    for (let round = 0; round < 3; round++) {
      const store = await openStorage({ location });
      ok(store.opening.writes >= lastWrites);
      await write(store, "k");
      await store.delete("k", positionOf("k"));
      lastWrites = store.writes;
      await store.close();
      const kv = await Deno.openKv(location);
      for await (const { key } of kv.list({ prefix: ["j"] })) throw new Error(`not empty: ${key}`);
      kv.close();
    }
  });
});

Deno.test("assigned identity: a new store takes its data id from the file, once", async () => {
  await withFile(async (location) => {
    const directory = dirname(location);
    await writeAssignedIdentity(directory, { cluster: "c", node: "n1", dataId: "fromfile" });
    equal((await opened(location, "n1")).dataId, "fromfile");
    equal(hasIdentityFile(location), false);
    equal((await opened(location, "n1")).dataId, "fromfile");
    // The disk is lost, and the identity file with it.
    await Deno.remove(location);
    notEqual((await opened(location, "n1")).dataId, "fromfile");
  });
});

Deno.test("assigned identity: a store with a data id removes the file and keeps its own id", async () => {
  await withFile(async (location) => {
    const { dataId } = await opened(location, "n1");
    const assigned = { cluster: "c", node: "n1", dataId: "fromfile" };
    await writeAssignedIdentity(dirname(location), assigned);
    equal((await opened(location, "n1")).dataId, dataId);
    equal(hasIdentityFile(location), false);
  });
});

Deno.test("assigned identity: after a store is set aside, its successor gets another data id", async () => {
  await withFile(async (location) => {
    await opened(location, "n1");
    const assigned = { cluster: "c", node: "n1", dataId: "fromfile" };
    // The state after a crash between the store's first commit and the removal of the file.
    await writeAssignedIdentity(dirname(location), assigned);
    await Deno.writeFile(location, new Uint8Array(8_192).fill(7));
    notEqual((await opened(location, "n1")).dataId, "fromfile");
    equal(hasIdentityFile(location), false);
  });
});

Deno.test("assigned identity: another node's file is ignored, and a damaged file is reported", async () => {
  await withFile(async (location) => {
    const directory = dirname(location);
    await writeAssignedIdentity(directory, { cluster: "c", node: "n2", dataId: "fromfile" });
    notEqual((await opened(location, "n1")).dataId, "fromfile");
    equal(hasIdentityFile(location), true);
  });
  await withFile(async (location) => {
    for (const text of ["{", '{"node":"n1"}']) {
      await Deno.writeTextFile(`${dirname(location)}/identity.json`, text);
      await rejects(openStorage({ location, node: "n1" }), (error: Error) => {
        match(error.message, /Cannot read .*identity\.json.*Remove the file/s);
        return withCode("cannot-open")(error);
      });
    }
    await Deno.remove(`${dirname(location)}/identity.json`);
    await opened(location, "n1");
  });
});
