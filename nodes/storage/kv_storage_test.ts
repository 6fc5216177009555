import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import { journalKey } from "./kv_journal.ts";
import { openStorage, type OpenStorageOptions } from "./open_storage.ts";
import { kvKey, metaAddress, objectAddress } from "./record_address.ts";
import type { RecordStore, StorageReport } from "./storage.ts";
import { storageConformance } from "./testing/conformance.ts";
import { FailingDisk } from "./testing/failing_disk.ts";
import { copyOf, restore, withFile } from "./testing/kv_files_under_test.ts";
import {
  type ConformingStore,
  recordFor,
  type StorageUnderTest,
  withCode,
} from "./testing/storage_under_test.ts";

/** A directory with one database file, whose handle can be closed under an open store. */
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
      await inDatabase(location, async (kv) => {
        const at = kvKey(objectAddress(key, position));
        const { value } = await kv.get<Uint8Array>(at);
        assert.ok(value);
        await kv.set(at, flipped(value));
      });
    },
    async copy() {
      const kept = await copyOf(location);
      return () => restore(location, kept);
    },
    async end() {
      await Deno.remove(directory, { recursive: true });
    },
  };
}

storageConformance("Deno KV", kvDisk);

Deno.test("storage: a damaged file is set aside, and the store starts empty", async () => {
  for (const damage of ["a page in the middle", "no database at all"]) {
    await withFile(async (location) => {
      const before = await filled(location, 2_000);
      const file = await Deno.open(location, { write: true });
      const { size } = await file.stat();
      if (damage === "no database at all") await file.write(new Uint8Array(200).fill(7));
      await file.seek(Math.floor(size / 2 / 4_096) * 4_096, Deno.SeekMode.Start);
      await file.write(new Uint8Array(40_960).fill(7));
      file.close();

      const reports: StorageReport[] = [];
      const store = await openStorage({ location, report: (report) => reports.push(report) });
      const [report] = reports;
      assert.ok(report?.kind === "file-set-aside", damage);
      assert.equal((await Deno.stat(report.movedTo)).size, size);
      assert.notEqual(store.dataId, before);
      assert.deepEqual([store.count(), store.incarnation], [0, 1]);
      await store.close();
    });
  }
});

Deno.test("storage: a damaged identity or journal sets the file aside", async () => {
  for (const what of ["identity", "journal"]) {
    await withFile(async (location) => {
      const store = await openStorage({ location });
      const before = store.dataId;
      await store.store(recordFor("k", "v"), positionOf("k"));
      await store.close();
      await inDatabase(location, async (kv) => {
        if (what === "journal") await kv.set(journalKey(7), new Uint8Array([1, 2, 3, 4, 5]));
        else await kv.set(kvKey(metaAddress("identity")), new Uint8Array(30));
      });
      const reports: StorageReport[] = [];
      const next = await openStorage({ location, report: (report) => reports.push(report) });
      assert.deepEqual(reports.map((report) => report.kind), ["file-set-aside"]);
      assert.match(JSON.stringify(reports), new RegExp(what));
      assert.notEqual(next.dataId, before);
      assert.equal(next.count(), 0);
      await next.close();
    });
  }
});

Deno.test("storage: another program's database is refused and left unchanged", async () => {
  await withFile(async (location) => {
    await inDatabase(location, (kv) => kv.set(["theirs"], 1));
    await assert.rejects(openStorage({ location }), withCode("cannot-open"));
    await inDatabase(location, async (kv) => assert.equal((await kv.get(["theirs"])).value, 1));
  });
  await withFile(async (location) => {
    const database = new DatabaseSync(location);
    database.exec("CREATE TABLE theirs (x)");
    database.close();
    await assert.rejects(openStorage({ location }), withCode("cannot-open"));
  });
  await withFile(async (location) => {
    await Deno.mkdir(location);
    await assert.rejects(openStorage({ location }), withCode("cannot-open"));
  });
});

Deno.test("storage: a second opening of a file is refused until the first has closed", async () => {
  await withFile(async (location) => {
    const store = await openStorage({ location });
    await assert.rejects(openStorage({ location }), (error: Error) => {
      assert.ok(error.message.includes(location), error.message);
      return withCode("in-use")(error);
    });
    await store.close();
    await (await openStorage({ location })).close();
  });
});

Deno.test("storage: concurrent stores share commits", async () => {
  await withFile(async (location) => {
    const store = await openStorage({ location });
    const before = store.stats().commits;
    const keys = Array.from({ length: 500 }, (_, i) => `key-${i}`);
    await Promise.all(keys.map((key) => store.store(recordFor(key, "v"), positionOf(key))));
    const { commits, writes, keys: count, recordBytes } = store.stats();
    assert.deepEqual([writes, count], [500, 500]);
    assert.ok(commits - before <= 3, `${commits - before} commits`);
    assert.ok(recordBytes > 500 * 100 && recordBytes < 500 * 500, `${recordBytes} bytes`);
    await store.close();
  });
});

Deno.test("storage: hot and absent keys are read from memory, cold ones from the disk", async () => {
  await withFile(async (location) => {
    const record = recordFor("k", "v");
    await filled(location, 10);
    const store = await openStorage({ location });
    await store.load("absent", positionOf("absent"));
    await store.load("key-1", positionOf("key-1"));
    await store.load("key-1", positionOf("key-1"));
    assert.deepEqual([store.stats().loadsFromMemory, store.stats().loadsFromDisk], [2, 1]);
    await store.close();
    const uncached = await openStorage({ location, cacheBytesMax: 0 });
    await uncached.store(record, positionOf("k"));
    assert.deepEqual(await uncached.load("k", positionOf("k")), record);
    assert.deepEqual([uncached.stats().cacheBytes, uncached.stats().loadsFromDisk], [0, 1]);
    await uncached.close();
  });
});

Deno.test("storage: stores fail while the disk is full, lose nothing, and resume afterwards", async () => {
  await withFile(async (location) => {
    const disk = new FailingDisk();
    const store = await openStorage({ location, openKv: disk.openKv });
    await store.store(recordFor("k", "old"), positionOf("k"));
    disk.onCommit = () => Promise.reject(new Error("database or disk is full"));
    await assert.rejects(store.store(recordFor("k", "new"), positionOf("k")), withCode("full"));
    await assert.rejects(store.store(large("l"), positionOf("l")), withCode("full"));
    disk.onCommit = () => Promise.reject(new Error("attempt to write a readonly database"));
    await assert.rejects(store.delete("k", positionOf("k")), withCode("read-only"));
    assert.deepEqual(await store.load("k", positionOf("k")), recordFor("k", "old"));
    assert.equal(await store.load("l", positionOf("l")), null);
    disk.onCommit = (commit) => commit();
    await store.store(recordFor("k", "new"), positionOf("k"));
    await store.store(large("l"), positionOf("l"));
    await store.close();
    await inStore(location, async (again) => {
      assert.deepEqual(await again.load("k", positionOf("k")), recordFor("k", "new"));
      assert.deepEqual(await again.load("l", positionOf("l")), large("l"));
    });
  });
});

Deno.test("storage: after a failed commit the journal shows whether it happened", async () => {
  await withFile(async (location) => {
    const disk = new FailingDisk();
    const store = await openStorage({ location, openKv: disk.openKv });
    disk.onCommit = async (commit) => {
      await commit();
      throw new Error("the connection was lost");
    };
    await store.store(recordFor("happened", "v"), positionOf("happened"));
    disk.onCommit = () => Promise.reject(new Error("the connection was lost"));
    await assert.rejects(store.store(recordFor("not", "v"), positionOf("not")), withCode("io"));
    disk.onCommit = (commit) => commit();
    await store.store(recordFor("later", "v"), positionOf("later"));
    assert.equal(await store.load("not", positionOf("not")), null);
    await store.close();
    await inStore(location, (again) => Promise.resolve(assert.equal(again.count(), 2)));
  });
});

Deno.test("storage: chunks that no record refers to are removed", async () => {
  await withFile(async (location) => {
    const disk = new FailingDisk();
    const store = await openStorage({ location, openKv: disk.openKv });
    await store.store(large("replaced"), positionOf("replaced"));
    await store.store(recordFor("replaced", "small"), positionOf("replaced"));
    await store.store(large("kept"), positionOf("kept"));
    let left = 1;
    disk.onCommit = (commit) => left-- > 0 ? commit() : Promise.reject(new Error("pulled out"));
    await assert.rejects(store.store(large("torn"), positionOf("torn")), withCode("io"));
    disk.pullOut();
    await store.close().catch(() => {});

    const reports: StorageReport[] = [];
    const again = await openStorage({ location, report: (report) => reports.push(report) });
    assert.deepEqual(reports.map((report) => report.kind), ["orphans-removed"]);
    assert.equal(await again.load("torn", positionOf("torn")), null);
    assert.deepEqual(await again.load("kept", positionOf("kept")), large("kept"));
    await again.close();
    await inDatabase(location, async (kv) => {
      const chunks = await Array.fromAsync(kv.list({ prefix: ["c"] }));
      assert.equal(
        new Set(chunks.map(({ key }) => (key[1] as Uint8Array).toHex().slice(0, 16))).size,
        1,
      );
      assert.deepEqual(await Array.fromAsync(kv.list({ prefix: ["w"] })), []);
    });
  });
});

Deno.test("storage: a crash while the journal is applied loses nothing", async () => {
  await withFile(async (location) => {
    const disk = new FailingDisk();
    const store = await openStorage({ location, openKv: disk.openKv });
    const values = new Map<string, string>();
    const write = async (count: number, value: string) => {
      const keys = Array.from({ length: count }, (_, i) => `key-${i}`);
      await Promise.all(keys.map((key) => store.store(recordFor(key, value), positionOf(key))));
      for (const key of keys) values.set(key, value);
    };
    await write(20_500, "first");
    await write(300, "second");
    disk.pullOut();
    await store.close().catch(() => {});
    await inDatabase(location, async (kv) => {
      const pages = await Array.fromAsync(kv.list({ prefix: ["j"] }));
      assert.ok(pages.length > 0, "the journal still holds something");
    });
    await inStore(location, async (again) => {
      assert.equal(again.count(), values.size);
      for (const [key, value] of values) {
        assert.deepEqual(await again.load(key, positionOf(key)), recordFor(key, value));
      }
    });
    await inDatabase(
      location,
      async (kv) => assert.deepEqual(await Array.fromAsync(kv.list({ prefix: ["j"] })), []),
    );
  });
});

Deno.test("storage: a damaged record is reported once, and its frame is kept for inspection", async () => {
  await withFile(async (location) => {
    await filled(location, 10);
    const at = kvKey(objectAddress("key-3", positionOf("key-3")));
    await inDatabase(location, async (kv) => {
      const { value } = await kv.get<Uint8Array>(at);
      await kv.set(at, flipped(value as Uint8Array));
    });
    const reports: StorageReport[] = [];
    const store = await openStorage({ location, report: (report) => reports.push(report) });
    await assert.rejects(store.load("key-3", positionOf("key-3")), withCode("unreadable"));
    assert.deepEqual(reports.map((report) => report.kind), ["record-unreadable"]);
    assert.equal(store.stats().unreadable, 1);
    await store.store(recordFor("key-3", "repaired"), positionOf("key-3"));
    assert.equal(store.stats().unreadable, 0);
    await store.close();
    await inDatabase(
      location,
      async (kv) => assert.equal((await Array.fromAsync(kv.list({ prefix: ["a"] }))).length, 1),
    );
  });
});

Deno.test("storage: a record without its chunk or its row fails and is not reported absent", async () => {
  await withFile(async (location) => {
    const store = await openStorage({ location });
    await store.store(large("l"), positionOf("l"));
    await store.store(recordFor("row", "v"), positionOf("row"));
    await store.close();
    let handle: Deno.Kv | undefined;
    const again = await openStorage({
      location,
      openKv: async (path) => handle = await Deno.openKv(path),
    });
    assert.ok(handle);
    for await (const { key } of handle.list({ prefix: ["c"] }, { limit: 1 })) {
      await handle.delete(key);
    }
    await handle.delete(kvKey(objectAddress("row", positionOf("row"))));
    await assert.rejects(again.load("l", positionOf("l")), withCode("unreadable"));
    await assert.rejects(again.load("row", positionOf("row")), withCode("unreadable"));
    const page = await again.scan({ limit: 5 });
    assert.deepEqual(page.unreadable.map(({ key }) => key), ["l"]);
    await again.close();
  });
});

Deno.test("storage: a write beyond a limit is refused without an effect on others", async () => {
  await withFile(async (location) => {
    const store = await openStorage({ location });
    const long = "k".repeat(5_000);
    const outcomes = await Promise.allSettled([
      store.store(recordFor("before", "v"), positionOf("before")),
      store.store(recordFor(long, "v"), positionOf(long)),
      store.store(large(long), positionOf(long)),
      store.store(recordFor("after", "v"), positionOf("after")),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), [
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    await assert.rejects(
      store.store(recordFor(long, "v"), positionOf(long)),
      withCode("too-large"),
    );
    await assert.rejects(store.scan({ limit: 0 }), RangeError);
    await assert.rejects(store.load("k", "not a position"), TypeError);
    assert.deepEqual([store.count(), store.stats().queuedBytes], [2, 0]);
    await store.close();
  });
});

Deno.test("storage: a slow read that ends after a store does not cache the old record", async () => {
  await withFile(async (location) => {
    await filled(location, 3);
    const disk = new FailingDisk();
    const store = await openStorage({ location, openKv: disk.openKv });
    const position = positionOf("key-1");
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    disk.afterGet = () => {
      reached.resolve();
      return held.promise;
    };
    const overtaken = store.load("key-1", position);
    await reached.promise;
    await store.store(recordFor("key-1", "new"), position);
    disk.afterGet = () => Promise.resolve();
    assert.deepEqual(await store.load("key-1", position), recordFor("key-1", "new"));
    held.resolve();
    assert.deepEqual(await overtaken, recordFor("key-1", "key-1"));
    assert.deepEqual(await store.load("key-1", position), recordFor("key-1", "new"));
    await store.close();
  });
});

function large(key: string) {
  return recordFor(key, "l".repeat(900_000));
}

function flipped(value: Uint8Array): Uint8Array {
  const last = value.length - 1;
  return value.with(last, (value[last] as number) ^ 1);
}

/** Makes a store with small records `key-0`, `key-1`… and closes it. Returns its data id. */
async function filled(location: string, count: number): Promise<string> {
  const store = await openStorage({ location });
  const keys = Array.from({ length: count }, (_, i) => `key-${i}`);
  await Promise.all(keys.map((key) => store.store(recordFor(key, key), positionOf(key))));
  await store.close();
  return store.dataId;
}

async function inDatabase(path: string, use: (kv: Deno.Kv) => Promise<unknown>): Promise<void> {
  const kv = await Deno.openKv(path);
  try {
    await use(kv);
  } finally {
    kv.close();
  }
}

async function inStore(
  location: OpenStorageOptions["location"],
  use: (store: RecordStore) => Promise<void>,
): Promise<void> {
  const store = await openStorage({ location });
  try {
    await use(store);
  } finally {
    await store.close();
  }
}
