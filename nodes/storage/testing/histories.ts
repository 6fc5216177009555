/**
 * A record store against a map: any history of stores, deletes, restarts and crashes must leave the
 * same records in both.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { positionOf } from "../../../lib/dynamo/ring/position.ts";
import type { StoredRecord } from "../../../lib/dynamo/types/records.ts";
import {
  get,
  put,
  recordFor,
  type Register,
  scanned,
  type StorageUnderTest,
} from "./storage_under_test.ts";

type Act =
  | { readonly act: "store"; readonly key: string; readonly size: number }
  | { readonly act: "delete" | "load"; readonly key: string }
  | { readonly act: "scan" | "close" | "crash" };

/** Few keys, so that acts meet; sizes on both sides of a chunk. */
const key = fc.constantFrom("a", "b", "c", "d", "e", "f");
const anAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant("store"), key, size: sizeOfValue() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("delete"), key }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("load"), key }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom("scan", "close", "crash") }) },
);

function sizeOfValue(): fc.Arbitrary<number> {
  return fc.constantFrom(1, 100, 50_000, 61_300, 61_440, 200_000);
}

export function historyCases(on: Register): void {
  on(
    "agrees with a map through any history of stores, deletes, restarts and crashes",
    async (disk) => {
      let used = false;
      const history = fc.array(anAct, { minLength: 10, maxLength: 60 });
      await fc.assert(
        fc.asyncProperty(history, async (acts) => {
          if (used) await disk.wipe();
          used = true;
          await follow(disk, acts);
        }),
        { numRuns: 15 },
      );
    },
  );
}

/** Plays the history; several writes are under way at a time, until an act needs them done. */
async function follow(disk: StorageUnderTest, acts: readonly Act[]): Promise<void> {
  const model = new Map<string, StoredRecord>();
  let pending: Promise<void>[] = [];
  let store = await disk.open();
  const settle = async () => {
    await Promise.all(pending);
    pending = [];
  };
  const play = async (step: Act, i: number) => {
    if (step.act === "store") {
      const record = recordFor(step.key, `${i}:${"v".repeat(step.size)}`);
      pending.push(put(store, record));
      model.set(step.key, record);
      return;
    }
    if (step.act === "delete") {
      pending.push(store.delete(step.key, positionOf(step.key)));
      model.delete(step.key);
      return;
    }
    await settle();
    if (step.act === "load") {
      assert.deepEqual(await get(store, step.key), model.get(step.key) ?? null);
    } else if (step.act === "scan") {
      const keys = (await scanned(store, { limit: 2 })).map((place) => place.key);
      assert.deepEqual(keys.toSorted(), [...model.keys()].sort());
    } else {
      await (step.act === "close" ? store.close() : disk.crash(store));
      store = await disk.open();
    }
  };
  try {
    for (const [i, step] of acts.entries()) await play(step, i);
    await settle();
    assert.equal(store.count(), model.size);
  } finally {
    await store.close();
  }
}
