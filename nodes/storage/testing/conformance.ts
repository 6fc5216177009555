/**
 * Conformance tests for every record store. They run with Deno KV and with the simulator's disk: a
 * result from the simulation applies to real disks only if both give the same guarantees.
 */
import assert from "node:assert/strict";
import { positionOf } from "../../../lib/dynamo/ring/position.ts";
import type { KeyPlace } from "../../../lib/dynamo/types/records.ts";
import type { ScanOptions } from "../storage.ts";
import { historyCases } from "./histories.ts";
import { identityCases } from "./identities.ts";
import {
  get,
  put,
  recordFor,
  type Register,
  scanned,
  type StorageUnderTest,
  withCode,
  withStore,
} from "./storage_under_test.ts";

/** Registers the cases. Each has its own disk. */
export function storageConformance(name: string, factory: () => Promise<StorageUnderTest>): void {
  const on = (what: string, body: (disk: StorageUnderTest) => Promise<void>) => {
    Deno.test(`${name}: ${what}`, async () => {
      const disk = await factory();
      try {
        await body(disk);
      } finally {
        await disk.end();
      }
    });
  };
  recordCases(on);
  scanCases(on);
  lifecycleCases(on);
  identityCases(on);
  hintCases(on);
  historyCases(on);
}

function recordCases(on: Register): void {
  on("a record is read back as stored, and only under its key", async (disk) => {
    const record = recordFor("greeting", "aGVsbG8=");
    await withStore(disk, async (store) => {
      assert.equal(await store.load("greeting", positionOf("greeting")), null);
      await put(store, record);
      assert.deepEqual(await get(store, "greeting"), record);
      assert.equal(await get(store, "greetings"), null);
      assert.equal(store.count(), 1);
    });
    await withStore(disk, async (store) => {
      assert.deepEqual(await get(store, "greeting"), record);
      assert.equal(store.count(), 1);
    });
  });

  on("a store replaces, a delete removes, and both survive a restart", async (disk) => {
    await withStore(disk, async (store) => {
      await put(store, recordFor("a", "old"));
      await put(store, recordFor("b", "old"));
      await put(store, recordFor("a", "new"));
      await store.delete("b", positionOf("b"));
      await store.delete("never", positionOf("never"));
      assert.deepEqual(await get(store, "a"), recordFor("a", "new"));
      assert.equal(await get(store, "b"), null);
      assert.equal(store.count(), 1);
    });
    await withStore(disk, async (store) => {
      assert.deepEqual(await get(store, "a"), recordFor("a", "new"));
      assert.equal(await get(store, "b"), null);
    });
  });

  on("concurrent stores of one key take effect in order, and all resolve", async (disk) => {
    await withStore(disk, async (store) => {
      const writes: Promise<void>[] = [];
      for (let i = 0; i < 50; i++) {
        // Every fifth is large, so that the small one behind it could overtake.
        writes.push(put(store, recordFor("k", `${i}:${"x".repeat(i % 5 === 0 ? 200_000 : 10)}`)));
        if (i === 30) writes.push(store.delete("k", positionOf("k")));
      }
      await Promise.all(writes);
      assert.match((await get(store, "k"))?.siblings[0]?.value ?? "", /^49:/);
    });
    await withStore(disk, async (store) => {
      assert.match((await get(store, "k"))?.siblings[0]?.value ?? "", /^49:/);
    });
  });

  on("many concurrent stores all take effect", async (disk) => {
    const keys = Array.from({ length: 3_000 }, (_, i) => `key-${i}`);
    await withStore(disk, async (store) => {
      await Promise.all(keys.map((key) => put(store, recordFor(key, key))));
      assert.equal(store.count(), keys.length);
    });
    await withStore(disk, async (store) => {
      const records = await Promise.all(keys.map((key) => get(store, key)));
      assert.deepEqual(records, keys.map((key) => recordFor(key, key)));
    });
  });

  on("siblings of 1 MiB are read back byte for byte", async (disk) => {
    const bytes = new Uint8Array(1_048_576).map((_, i) => (i * 31 + (i >> 8)) & 255);
    const values = [bytes, bytes.toReversed(), bytes.subarray(1)].map((value) => value.toBase64());
    const record = recordFor("large", ...values);
    await withStore(disk, (store) => put(store, record));
    await withStore(disk, async (store) => {
      assert.deepEqual(await get(store, "large"), record);
      await put(store, recordFor("large", "small again"));
    });
    await withStore(disk, async (store) => {
      assert.deepEqual(await get(store, "large"), recordFor("large", "small again"));
    });
  });

  on("values of about the size of a chunk are read back", async (disk) => {
    const sizes = [60, 64, 120, 128].flatMap((kib) =>
      [-400, -300, -200, -100, -1, 0, 1, 100].map((offset) => kib * 1_024 + offset)
    );
    const records = sizes.map((size) => recordFor(`size-${size}`, "v".repeat(size)));
    await withStore(disk, (store) => Promise.all(records.map((record) => put(store, record))));
    await withStore(disk, async (store) => {
      for (const record of records) assert.deepEqual(await get(store, record.key), record);
    });
  });

  on("keys with any Unicode, with NULs, and of 1 KiB are distinguished", async (disk) => {
    const keys = [
      "",
      "\0",
      "\0\0",
      "\0".repeat(1_024),
      "\u00ff".repeat(512),
      "k".repeat(1_024),
      `${"k".repeat(1_023)}l`,
      "schlüssel",
      "schlu\u0308ssel",
      "鍵",
      "🔑",
      "a/b?c=d&e%20f",
    ];
    await withStore(
      disk,
      (store) =>
        Promise.all(keys.map((key, i) => put(store, recordFor(key, String(i))))).then(() => {}),
    );
    await withStore(disk, async (store) => {
      assert.equal(store.count(), keys.length);
      for (const [i, key] of keys.entries()) {
        assert.deepEqual(await get(store, key), recordFor(key, String(i)));
      }
    });
  });

  on("keys with the same position are distinguished", async (disk) => {
    const position = "0123456789abcdef0123456789abcdef";
    await withStore(disk, async (store) => {
      await store.store(recordFor("one", "1"), position);
      await store.store(recordFor("two", "2"), position);
      await store.delete("three", position);
      assert.deepEqual(await store.load("one", position), recordFor("one", "1"));
      assert.deepEqual(await store.load("two", position), recordFor("two", "2"));
      assert.equal(await store.load("three", position), null);
      await store.delete("one", position);
      assert.deepEqual(await store.load("two", position), recordFor("two", "2"));
      assert.equal(store.count(), 1);
    });
  });
}

function scanCases(on: Register): void {
  on("a scan is ordered by position, then key, with pages of any size", async (disk) => {
    const shared = "80000000000000000000000000000000";
    const places: KeyPlace[] = Array.from({ length: 100 }, (_, i) => `key-${i}`)
      .map((key) => ({ key, position: positionOf(key) }));
    for (const key of ["d", "a", "e", "c", "b"]) places.push({ key, position: shared });
    const expected = places.toSorted((a, b) =>
      compare(a.position, b.position) || compare(a.key, b.key)
    );
    await withStore(disk, async (store) => {
      await Promise.all(
        places.map(({ key, position }) => store.store(recordFor(key, key), position)),
      );
      for (const limit of [1, 2, 7, 105, 1_000]) {
        assert.deepEqual(await scanned(store, { limit }), expected, `pages of ${limit}`);
      }
      assert.deepEqual(await scanned(store, { limit: 10, bytesMax: 1 }), expected);
      assert.deepEqual(await scanned(store, { limit: 10, fromDisk: true }), expected);
    });
  });

  on("a scan stays in its range of the ring, also across zero", async (disk) => {
    const position = (digit: string) => digit + "0".repeat(31);
    await withStore(disk, async (store) => {
      for (const digit of "0123456789abcdef") {
        await store.store(recordFor(digit, "v".repeat(70_000)), position(digit));
      }
      const keys = async (options: Partial<ScanOptions>) =>
        (await scanned(store, { limit: 3, ...options })).map((place) => place.key).join("");
      assert.equal(await keys({ from: position("4"), to: position("7") }), "456");
      assert.equal(await keys({ from: position("c") }), "cdef");
      assert.equal(await keys({ to: position("3") }), "012");
      assert.equal(await keys({ from: position("c"), to: position("3") }), "cdef012");
      assert.equal(await keys({ from: position("5"), to: position("5") }), "56789abcdef01234");
      assert.equal(await keys({ from: `4${"0".repeat(30)}1`, to: position("5") }), "");
    });
  });

  on("a scan returns complete records, and only stored ones", async (disk) => {
    const record = recordFor("large", "a".repeat(300_000), "b".repeat(300_000));
    await withStore(disk, async (store) => {
      await put(store, record);
      await put(store, recordFor("gone", "x"));
      await store.delete("gone", positionOf("gone"));
      const page = await store.scan({ limit: 10, fromDisk: true });
      assert.deepEqual(page.records, [{ record, position: positionOf("large") }]);
      assert.deepEqual([page.unreadable, page.next], [[], null]);
    });
  });
}

function lifecycleCases(on: Register): void {
  on("resolved stores survive a crash; the others are complete or absent", async (disk) => {
    for (let round = 0; round < 3; round++) {
      const store = await disk.open();
      await put(store, recordFor(`kept-${round}`, "x".repeat(500_000)));
      await put(store, recordFor("counter", String(round)));
      const outcomes = Array.from(
        { length: 20 },
        (_, i) =>
          put(store, recordFor(`late-${round}-${i}`, "y".repeat(i * 20_000))).then(
            () => true,
            () => false,
          ),
      );
      await disk.crash(store);
      const resolved = await Promise.all(outcomes);
      await withStore(disk, async (again) => {
        assert.deepEqual(await get(again, "counter"), recordFor("counter", String(round)));
        for (let earlier = 0; earlier <= round; earlier++) {
          const kept = await get(again, `kept-${earlier}`);
          assert.equal(kept?.siblings[0]?.value?.length, 500_000);
        }
        for (const [i, durable] of resolved.entries()) {
          const late = await get(again, `late-${round}-${i}`);
          if (durable) assert.notEqual(late, null, `late-${round}-${i} had resolved`);
          if (late !== null) assert.equal(late.siblings[0]?.value?.length, i * 20_000);
        }
      });
    }
  });

  on("metadata is separate from records", async (disk) => {
    const initialConfig = { cluster: "dynamo", n: 3, members: ["é", "x".repeat(200_000)] };
    await withStore(disk, async (store) => {
      assert.equal(await store.readMeta("initial-config"), undefined);
      await store.writeMeta("initial-config", initialConfig);
      await store.writeMeta("other", null);
      assert.equal(store.count(), 0);
      assert.deepEqual((await store.scan({ limit: 10 })).records, []);
    });
    await withStore(disk, async (store) => {
      assert.deepEqual(await store.readMeta("initial-config"), initialConfig);
      assert.equal(await store.readMeta("other"), null);
    });
  });

  on(
    "the load of a damaged record fails until it is stored again, and is never absent",
    async (disk) => {
      const damaged = { key: "damaged", position: positionOf("damaged") };
      await withStore(disk, async (store) => {
        await put(store, recordFor("damaged", "v"));
        await put(store, recordFor("sound", "v"));
      });
      await disk.corrupt(damaged.key, damaged.position);
      await withStore(disk, async (store) => {
        await assert.rejects(get(store, "damaged"), withCode("unreadable"));
        await assert.rejects(get(store, "damaged"), withCode("unreadable"));
        assert.deepEqual(await get(store, "sound"), recordFor("sound", "v"));
        assert.equal(store.count(), 2);
        const page = await store.scan({ limit: 10 });
        assert.deepEqual(page.records.map(({ record }) => record.key), ["sound"]);
        assert.deepEqual(page.unreadable.map(({ position }) => position), [damaged.position]);
      });
      await withStore(disk, async (store) => {
        await assert.rejects(get(store, "damaged"), withCode("unreadable"));
        await put(store, recordFor("damaged", "repaired"));
        assert.deepEqual(await get(store, "damaged"), recordFor("damaged", "repaired"));
        assert.deepEqual((await store.scan({ limit: 10 })).unreadable, []);
      });
    },
  );

  on("a closed store finishes pending writes and refuses later ones", async (disk) => {
    const store = await disk.open();
    const last = put(store, recordFor("last", "z".repeat(100_000)));
    await store.close();
    await last;
    await store.close();
    await assert.rejects(put(store, recordFor("later", "v")), withCode("closed"));
    await assert.rejects(get(store, "last"), withCode("closed"));
    await assert.rejects(store.scan({ limit: 1 }), withCode("closed"));
    await withStore(disk, async (again) => {
      assert.deepEqual(await get(again, "last"), recordFor("last", "z".repeat(100_000)));
      assert.equal(await get(again, "later"), null);
    });
  });
}

function hintCases(on: Register): void {
  on("hints change with their record, and are listed by target", async (disk) => {
    const keys = Array.from({ length: 20 }, (_, i) => `hinted-${i}`);
    const expected = keys.map((key) => ({ key, position: positionOf(key) }))
      .sort((a, b) => compare(a.position, b.position));
    await withStore(disk, async (store) => {
      await Promise.all(
        keys.map((key) =>
          store.store(recordFor(key, "v"), positionOf(key), { add: ["n2", "n22"] })
        ),
      );
      await store.store(recordFor("plain", "v"), positionOf("plain"));
    });
    await withStore(disk, async (store) => {
      assert.deepEqual([...store.hintCounts()].sort(), [["n2", 20], ["n22", 20]]);
      assert.deepEqual(await store.scanHints("n2", { limit: 100 }), expected);
      const after = expected[4] as KeyPlace;
      assert.deepEqual(await store.scanHints("n2", { limit: 3, after }), expected.slice(5, 8));
      assert.deepEqual(await store.scanHints("n3", { limit: 100 }), []);
      const [first, second] = expected as [KeyPlace, KeyPlace];
      await store.store(recordFor(first.key, "w"), first.position, { remove: ["n2"] });
      await store.delete(second.key, second.position);
    });
    await withStore(disk, async (store) => {
      assert.deepEqual([...store.hintCounts()].sort(), [["n2", 18], ["n22", 19]]);
      assert.deepEqual(await store.scanHints("n2", { limit: 100 }), expected.slice(2));
    });
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
