/** The disk that the conformance tests of `testing/conformance.ts` need, and helpers to use it. */
import assert from "node:assert/strict";
import { type Position, positionOf } from "../../../lib/dynamo/ring/position.ts";
import type { StoredRecord } from "../../../lib/dynamo/types/records.ts";
import type { KeyPlace } from "../../../lib/dynamo/types/records.ts";
import { type RecordStore, type ScanOptions, StorageError } from "../storage.ts";

/** The part of a {@link RecordStore} that is tested. */
export type ConformingStore = Omit<RecordStore, "stats">;

/** A disk with a store, and the faults that can happen to it. */
export interface StorageUnderTest {
  /** Opens the store: a new one at first, the same one again after `close` or `crash`. */
  open(): Promise<ConformingStore>;
  /** Ends an open store abruptly: writes that are not durable are lost. */
  crash(store: ConformingStore): Promise<void>;
  /** Empties the disk; nothing is open. */
  wipe(): Promise<void>;
  /** Damages the record on the disk; nothing is open. */
  corrupt(key: string, position: Position): Promise<void>;
  /** Copies the disk. The returned function restores the copy. Nothing is open at either time. */
  copy(): Promise<() => Promise<void>>;
  /** Removes everything; nothing is open. */
  end(): Promise<void>;
}

/** A record with one sibling for each value. */
export function recordFor(key: string, ...values: readonly string[]): StoredRecord {
  return {
    key,
    siblings: values.map((value, i) => ({
      value,
      contentType: "application/octet-stream",
      dot: ["n1.test.1", i + 1] as const,
      clock: [["n2.test.1", 7]] as const,
      stampUs: 1_700_000_000_000_000 + i,
    })),
    actor: "n1.test.1",
  };
}

export type Register = (what: string, body: (disk: StorageUnderTest) => Promise<void>) => void;

/** Opens the store, uses it, and closes it, even if `use` fails. */
export async function withStore(
  disk: Pick<StorageUnderTest, "open">,
  use: (store: ConformingStore) => Promise<unknown>,
): Promise<void> {
  const store = await disk.open();
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

/** For `assert.rejects`. */
export function withCode(code: StorageError["code"]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StorageError, `a StorageError, not ${Deno.inspect(error)}`);
    assert.equal(error.code, code);
    return true;
  };
}

export function put(store: ConformingStore, record: StoredRecord): Promise<void> {
  return store.store(record, positionOf(record.key));
}

export function get(store: ConformingStore, key: string): Promise<StoredRecord | null> {
  return store.load(key, positionOf(key));
}

export async function scanned(store: ConformingStore, options: ScanOptions): Promise<KeyPlace[]> {
  const places: KeyPlace[] = [];
  let after: KeyPlace | null = null;
  do {
    const page = await store.scan(after === null ? options : { ...options, after });
    assert.ok(page.records.length <= options.limit);
    assert.ok(page.next === null || page.records.length > 0, "only the last page may be empty");

    places.push(...page.records.map(({ record, position }) => ({ key: record.key, position })));
    after = page.next;
  } while (after !== null);
  return places;
}
