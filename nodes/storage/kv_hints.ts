/**
 * The index of hints: for each target node, the keys whose records this node must deliver to it
 * (hinted handoff; SOSP 2007, section 4.6). The record itself is an ordinary one. The hint only names
 * the target, and changes in the same commit as the record.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { HintChange, KeyPlace } from "../../lib/dynamo/types/records.ts";
import type { KvTable } from "./kv_table.ts";
import type { Batch } from "./kv_writer.ts";
import {
  type Address,
  hintAddress,
  hintPrefix,
  objectAddress,
  objectsFrom,
  partsOfHint,
  positionAt,
} from "./record_address.ts";
import { inRingOrder, isAfter } from "./ring_order.ts";
import type { HintScanOptions } from "./storage.ts";

const NO_HINTS: ReadonlySet<Address> = new Set();
const decoder = new TextDecoder();

export class KvHints {
  readonly #held = new Map<NodeId, Set<Address>>();

  constructor(readonly table: KvTable) {}

  get count(): number {
    let count = 0;
    for (const held of this.#held.values()) count += held.size;
    return count;
  }

  counts(): ReadonlyMap<NodeId, number> {
    return new Map([...this.#held].map(([target, held]) => [target, held.size]));
  }

  async load(): Promise<void> {
    for await (const { address } of this.table.all("h")) {
      const { target, object } = partsOfHint(address);
      this.#add(target, object);
    }
  }

  stage(batch: Batch, object: Address, key: string, change: HintChange): void {
    for (const target of change.remove ?? []) batch.changes.set(hintAddress(target, object), null);
    for (const target of change.add ?? []) {
      batch.changes.set(hintAddress(target, object), new TextEncoder().encode(key));
    }
  }

  committed(object: Address, change: HintChange): void {
    for (const target of change.remove ?? []) this.#remove(target, object);
    for (const target of change.add ?? []) this.#add(target, object);
  }

  /** The change that removes every hint of the object. */
  allOf(object: Address): HintChange {
    return {
      remove: [...this.#held].flatMap(([target, held]) => held.has(object) ? [target] : []),
    };
  }

  async scan(target: NodeId, { after, limit }: HintScanOptions): Promise<KeyPlace[]> {
    if ((this.#held.get(target) ?? NO_HINTS).size === 0) return [];
    const prefix = hintPrefix(target);
    const start = prefix + (after ? objectsFrom(after.position).slice(1) : "");
    // The target ends with a NUL, so the next greater byte is past all its hints.
    const end = `${prefix.slice(0, -1)}\u0001`;
    const places: KeyPlace[] = [];
    for await (const place of inRingOrder(this.#places(start, end, limit + 1))) {
      if (after !== undefined && !isAfter(place, after)) continue;
      places.push(place);
      if (places.length >= limit) break;
    }
    return places;
  }

  async *#places(start: Address, end: Address, block: number): AsyncGenerator<KeyPlace> {
    for await (const { address, value } of this.table.list(start, end, block)) {
      const { object } = partsOfHint(address);
      if (!(value instanceof Uint8Array)) continue;
      const place = { key: decoder.decode(value), position: positionAt(object) };
      // A damaged hint is skipped; its target gets the record by anti-entropy.
      if (objectAddress(place.key, place.position) === object) yield place;
    }
  }

  #add(target: NodeId, object: Address): void {
    const held = this.#held.get(target);
    if (held === undefined) this.#held.set(target, new Set([object]));
    else held.add(object);
  }

  #remove(target: NodeId, object: Address): void {
    const held = this.#held.get(target);
    held?.delete(object);
    if (held?.size === 0) this.#held.delete(target);
  }
}
