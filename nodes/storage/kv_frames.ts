/** The record frames of an address range, readable or damaged. */
import type { KeyPlace } from "../../lib/dynamo/types/records.ts";
import type { KvTable } from "./kv_table.ts";
import { type Address, positionAt } from "./record_address.ts";
import { readFrame, UnreadableFrame } from "./record_frame.ts";
import type { AddressRange } from "./record_ranges.ts";

export interface FoundFrame extends KeyPlace {
  readonly address: Address;
  readonly value: unknown;
  /** Null if it can be read. */
  readonly damage: UnreadableFrame | null;
}

/** The frames in order of address, read in blocks of `block` entries. */
export async function* framesIn(
  table: KvTable,
  { start, end }: AddressRange,
  block: number,
): AsyncGenerator<FoundFrame> {
  for await (const { address, value } of table.list(start, end, block)) {
    const position = positionAt(address);
    try {
      yield { address, position, value, damage: null, key: readFrame(address, value).key };
    } catch (error) {
      if (!(error instanceof UnreadableFrame)) throw error;
      yield { address, position, value, damage: error, key: error.key ?? "" };
    }
  }
}
