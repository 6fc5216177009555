import assert from "node:assert/strict";
import fc from "fast-check";
import { KvTable } from "./kv_table.ts";
import { type Address, latin1Of } from "./record_address.ts";
import { withCode } from "./testing/storage_under_test.ts";

/** So small that the background task is always running. */
const TINY = { changes: 8, bytes: 2_000 };
const END = "o\u00ff";

function addressAt(number: number): Address {
  return `o${latin1Of([number * 37 & 255, number >> 8, number & 255])}`;
}

function bytesFor(number: number): Uint8Array {
  return new Uint8Array(40).fill(number & 255);
}

async function onDatabase(use: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(`${directory}/table.sqlite3`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("table: reads and lists agree with a map while changes are applied", async () => {
  const change = fc.record({
    number: fc.integer({ min: 0, max: 60 }),
    value: fc.option(fc.integer({ min: 0, max: 255 })),
  });
  const commit = fc.array(change, { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(commit, { maxLength: 40 }),
      fc.array(fc.nat(39)),
      (commits, cuts) =>
        onDatabase(async (path) => {
          const model = new Map<Address, Uint8Array>();
          let kv = await Deno.openKv(path);
          let table = await KvTable.open(kv, () => {}, TINY);
          for (const [i, changes] of commits.entries()) {
            const batch = new Map<Address, Uint8Array | null>();
            for (const { number, value } of changes) {
              batch.set(addressAt(number), value === null ? null : bytesFor(value));
            }
            await table.commit(batch);
            for (const [address, value] of batch) {
              if (value === null) model.delete(address);
              else model.set(address, value);
            }
            // Interrupt the background task at an arbitrary point.
            if (cuts.includes(i)) {
              kv.close();
              await table.drain();
              kv = await Deno.openKv(path);
              table = await KvTable.open(kv, () => {}, TINY);
            }
            const address = addressAt((changes[0]?.number ?? 0) + i % 3);
            assert.deepEqual(await table.get(address), model.get(address) ?? null);
            if (i % 5 === 0) await compare(table, model);
          }
          await table.drain();
          await compare(table, model);
          assert.deepEqual(await Array.fromAsync(kv.list({ prefix: ["j"] })), []);
          kv.close();
        }),
    ),
    { numRuns: 25 },
  );
});

async function compare(table: KvTable, model: ReadonlyMap<Address, Uint8Array>): Promise<void> {
  const expected = [...model].sort(([a], [b]) => a < b ? -1 : 1);
  const listed = await Array.fromAsync(
    table.list("o", END, 7),
    ({ address, value }) => [address, value],
  );
  assert.deepEqual(listed, expected);
  const all = await Array.fromAsync(
    table.all("o"),
    ({ address, value }) => [address, value] as const,
  );
  assert.deepEqual(all.sort(([a], [b]) => a < b ? -1 : 1), expected);
}

Deno.test("table: a list has every lasting entry exactly once during concurrent writes", async () => {
  await onDatabase(async (path) => {
    const kv = await Deno.openKv(path);
    const table = await KvTable.open(kv, () => {}, TINY);
    const commitOf = (number: number, value: number | null) =>
      table.commit(new Map([[addressAt(number), value === null ? null : bytesFor(value)]]));
    for (let number = 0; number < 300; number += 2) await commitOf(number, 1);
    let writing = true;
    const writer = (async () => {
      // Even numbers are overwritten, odd ones come and go.
      for (let i = 0; writing; i++) {
        await commitOf(i * 2 % 300, 2);
        await commitOf(i * 2 % 300 + 1, i % 2 === 0 ? 3 : null);
      }
    })();
    const even = Array.from({ length: 150 }, (_, i) => addressAt(i * 2)).sort();
    for (let round = 0; round < 10; round++) {
      const listed = await Array.fromAsync(table.list("o", END, 11), ({ address }) => address);
      assert.deepEqual(listed, listed.toSorted());
      assert.deepEqual(listed.filter((address) => address.charCodeAt(3) % 2 === 0), even);
    }
    writing = false;
    await writer;
    await table.drain();
    kv.close();
  });
});

Deno.test("table: a list includes changes that are applied while it reads", async () => {
  await onDatabase(async (path) => {
    const kv = await Deno.openKv(path);
    let overtake = () => Promise.resolve();
    const disk = new Proxy(kv, {
      get: (_, name) => {
        if (name === "list") {
          return async function* (...given: Parameters<Deno.Kv["list"]>) {
            yield* await Array.fromAsync(kv.list(...given));
            await overtake();
          };
        }
        const member: unknown = Reflect.get(kv, name);
        return typeof member === "function" ? member.bind(kv) : member;
      },
    });
    const table = await KvTable.open(disk);
    overtake = () => table.drain();
    await table.commit(new Map([["oa", bytesFor(1)], ["ob", bytesFor(2)]]));
    const listed = await Array.fromAsync(table.list("o", END), ({ address }) => address);
    assert.deepEqual(listed, ["oa", "ob"]);
    await table.commit(new Map([["oc", bytesFor(3)]]));
    const all = await Array.fromAsync(table.all("o"), ({ address }) => address);
    assert.deepEqual(all.sort(), ["oa", "ob", "oc"]);
    kv.close();
  });
});

Deno.test("table: writes to a few hot addresses do not grow the journal", async () => {
  await onDatabase(async (path) => {
    const kv = await Deno.openKv(path);
    const table = await KvTable.open(kv, () => {}, TINY);
    for (let i = 0; i < 600; i++) await table.commit(new Map([["ohot", bytesFor(i)]]));
    const pages = await Array.fromAsync(kv.list({ prefix: ["j"] }));
    assert.ok(pages.length < 250, `${pages.length} pages`);
    await table.drain();
    kv.close();
  });
});

Deno.test("table: changes that cannot be applied stay readable, and writes fail in the end", async () => {
  await onDatabase(async (path) => {
    const kv = await Deno.openKv(path);
    let full = false;
    // The background task's commits are those without a check on a journal page.
    const disk = new Proxy(kv, {
      get: (_, name) => {
        if (name !== "atomic") {
          const member: unknown = Reflect.get(kv, name);
          return typeof member === "function" ? member.bind(kv) : member;
        }
        return () => {
          const atomic = kv.atomic();
          let journals = false;
          const [check, commit] = [atomic.check.bind(atomic), atomic.commit.bind(atomic)];
          return Object.assign(atomic, {
            check: (...checks: Deno.AtomicCheck[]) => {
              journals = true;
              return check(...checks);
            },
            commit: () => full && !journals ? Promise.reject(new Error("disk is full")) : commit(),
          });
        };
      },
    });
    const failures: string[] = [];
    const table = await KvTable.open(disk, (error) => failures.push(error.code), TINY);
    full = true;
    const written: number[] = [];
    const filling = (async () => {
      for (let i = 0; i < 200; i++) {
        await table.commit(new Map([[addressAt(i), bytesFor(i)]]));
        written.push(i);
      }
    })();
    await assert.rejects(filling, withCode("full"));
    assert.ok(failures.length > 0 && failures.every((code) => code === "full"));
    assert.ok(written.length > TINY.changes && written.length < 100);
    for (const i of written) assert.deepEqual(await table.get(addressAt(i)), bytesFor(i));
    full = false;
    await table.commit(new Map([[addressAt(500), bytesFor(5)]]));
    await table.drain();
    const applied = await Array.fromAsync(kv.list({ prefix: ["o"] }));
    assert.equal(applied.length, written.length + 1);
    kv.close();
  });
});

Deno.test("table: a second writer of the same database is refused before it overwrites", async () => {
  await onDatabase(async (path) => {
    const [kv, other] = [await Deno.openKv(path), await Deno.openKv(path)];
    const table = await KvTable.open(kv);
    const second = await KvTable.open(other);
    await table.commit(new Map([["oours", bytesFor(1)]]));
    const theirs = new Map([["otheirs", bytesFor(2)]]);
    await assert.rejects(second.commit(theirs), withCode("in-use"));
    await assert.rejects(second.commit(theirs), withCode("in-use"));
    await table.commit(new Map([["omore", bytesFor(3)]]));
    assert.deepEqual(await table.get("oours"), bytesFor(1));
    kv.close();
    other.close();
  });
});
