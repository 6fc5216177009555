/**
 * A cache of records with a limit in bytes; it evicts the least recently used ones. Reads of the
 * database queue behind its writes, so under load an uncached read takes ten times as long.
 */
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import type { Address } from "./record_address.ts";

/** A parsed record takes about twice the size of its JSON, and this much for its objects (measured). */
const OVERHEAD_BYTES = 600;

interface Entry {
  readonly record: StoredRecord;
  readonly bytes: number;
}

export class RecordCache {
  #bytes = 0;
  /** A Map iterates in order of insertion, so each use inserts the entry again, at the end. */
  readonly #entries = new Map<Address, Entry>();
  /**
   * An iterator in front of the least recently used entry. A new iterator for each eviction would have
   * to skip all the entries that were deleted at the front of the Map.
   */
  #oldest = this.#entries.entries();

  constructor(readonly bytesMax: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  get(object: Address): StoredRecord | undefined {
    const entry = this.#entries.get(object);
    if (entry === undefined) return undefined;
    this.#entries.delete(object);
    this.#entries.set(object, entry);
    return entry.record;
  }

  /** `jsonBytes`: the length of the record's JSON. A record larger than the cache is not kept. */
  set(object: Address, record: StoredRecord, jsonBytes: number): void {
    this.delete(object);
    const bytes = jsonBytes * 2 + OVERHEAD_BYTES;
    if (bytes > this.bytesMax) return;
    this.#entries.set(object, { record, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.bytesMax) this.#evict();
  }

  delete(object: Address): void {
    const entry = this.#entries.get(object);
    if (entry === undefined) return;
    this.#entries.delete(object);
    this.#bytes -= entry.bytes;
  }

  #evict(): void {
    const { done, value } = this.#oldest.next();
    if (done) this.#oldest = this.#entries.entries();
    else this.delete(value[0]);
  }
}
