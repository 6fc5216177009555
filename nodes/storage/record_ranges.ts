/** A range of the ring as ranges of addresses: one, or two if the range passes zero. */
import { type Address, OBJECTS_END, objectsFrom } from "./record_address.ts";
import type { ScanOptions } from "./storage.ts";

/** Addresses from `start` (included) to `end` (excluded). */
export interface AddressRange {
  readonly start: Address;
  readonly end: Address;
}

/** The rest of the range that is still to read, split where it passes zero. */
export function rangesOf({ from, to, after }: ScanOptions): AddressRange[] {
  const zero = "0".repeat(32);
  const first = from ?? zero;
  const wraps = from !== undefined && to !== undefined && from >= to;
  const end = to === undefined ? OBJECTS_END : objectsFrom(to);
  const start = objectsFrom(after?.position ?? first);
  if (!wraps) return [{ start, end }];
  if (after !== undefined && after.position < first) return [{ start, end }];
  return [{ start, end: OBJECTS_END }, { start: objectsFrom(zero), end }];
}
