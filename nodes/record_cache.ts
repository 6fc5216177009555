/**
 * Records in memory, bounded by bytes, the least recently used leaving first. Reads of the database
 * queue behind its writes, so a hot key that had to be read would wait ten times as long under load.
 */
import type { StoredRecord } from "../lib/dynamo/events.ts";
import type { Address } from "./record_address.ts";

/** A parsed record takes about twice its JSON, and this for its objects (measured). */
const OVERHEAD_BYTES = 600;

export class RecordCache {
  #bytes = 0;
  /** A Map iterates in order of insertion: the first is the least recently used. */
  readonly #entries = new Map<Address, { readonly record: StoredRecord; readonly bytes: number }>();

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

  /** `jsonBytes`: the length of the record's JSON. What is larger than the whole cache is not kept. */
  set(object: Address, record: StoredRecord, jsonBytes: number): void {
    this.delete(object);
    const bytes = jsonBytes * 2 + OVERHEAD_BYTES;
    if (bytes > this.bytesMax) return;
    this.#entries.set(object, { record, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.bytesMax) break;
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }

  delete(object: Address): void {
    const entry = this.#entries.get(object);
    if (entry === undefined) return;
    this.#entries.delete(object);
    this.#bytes -= entry.bytes;
  }
}
