/**
 * Compares a record store with a map: after any history of stores, deletes, restarts and crashes both
 * must have the same records.
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

type Operation =
  | { readonly kind: "store"; readonly key: string; readonly size: number }
  | { readonly kind: "delete" | "load"; readonly key: string }
  | { readonly kind: "scan" | "close" | "crash" };

/** Few keys, so that operations on one key overlap; sizes below and above a chunk. */
const key = fc.constantFrom("a", "b", "c", "d", "e", "f");
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("store"), key, size: sizeOfValue() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete"), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("load"), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("scan", "close", "crash") }) },
);

function sizeOfValue(): fc.Arbitrary<number> {
  return fc.constantFrom(1, 100, 50_000, 61_300, 61_440, 200_000);
}

export function historyCases(on: Register): void {
  on(
    "agrees with a map after any history of stores, deletes, restarts and crashes",
    async (disk) => {
      let used = false;
      const history = fc.array(operation, { minLength: 10, maxLength: 60 });
      await fc.assert(
        fc.asyncProperty(history, async (operations) => {
          if (used) await disk.wipe();
          used = true;
          await runHistory(disk, operations);
        }),
        { numRuns: 15 },
      );
    },
  );
}

/** Runs the history. Writes run concurrently until another operation must see their results. */
async function runHistory(disk: StorageUnderTest, operations: readonly Operation[]): Promise<void> {
  const model = new Map<string, StoredRecord>();
  let pending: Promise<void>[] = [];
  let store = await disk.open();
  const settle = async () => {
    await Promise.all(pending);
    pending = [];
  };
  const play = async (step: Operation, i: number) => {
    if (step.kind === "store") {
      const record = recordFor(step.key, `${i}:${"v".repeat(step.size)}`);
      pending.push(put(store, record));
      model.set(step.key, record);
      return;
    }
    if (step.kind === "delete") {
      pending.push(store.delete(step.key, positionOf(step.key)));
      model.delete(step.key);
      return;
    }
    await settle();
    if (step.kind === "load") {
      assert.deepEqual(await get(store, step.key), model.get(step.key) ?? null);
    } else if (step.kind === "scan") {
      const keys = (await scanned(store, { limit: 2 })).map((place) => place.key);
      assert.deepEqual(keys.toSorted(), [...model.keys()].sort());
    } else {
      await (step.kind === "close" ? store.close() : disk.crash(store));
      store = await disk.open();
    }
  };
  try {
    for (const [i, step] of operations.entries()) await play(step, i);
    await settle();
    assert.equal(store.count(), model.size);
  } finally {
    await store.close();
  }
}
