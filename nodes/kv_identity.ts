/**
 * Who a store is: a data id made with it, and an incarnation that rises at every opening. A node's
 * dots and its messages carry them, so that nothing from an earlier life is taken for this one's.
 */
import type { KvDocuments } from "./kv_documents.ts";
import { metaAddress } from "./record_address.ts";
import { StorageError } from "./storage.ts";

export interface KvIdentity {
  readonly dataId: string;
  readonly incarnation: number;
  readonly format: 1;
}

const NAME = "identity";
/** It is part of every dot, so short; it need only differ from the same node's other lives. */
const DATA_ID_LENGTH = 8;
const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** The identity for this opening, durable. Throws `UnreadableFrame` and {@link StorageError}. */
export async function nextIdentity(
  kv: Deno.Kv,
  documents: KvDocuments,
): Promise<KvIdentity> {
  const found = await documents.read(metaAddress(NAME));
  const next = found === null
    ? await newIdentity(kv)
    : followingIdentity(JSON.parse(found.json) as KvIdentity);
  await documents.write(metaAddress(NAME), NAME, JSON.stringify(next));
  return next;
}

async function newIdentity(kv: Deno.Kv): Promise<KvIdentity> {
  for await (const { key } of kv.list({ prefix: [] }, { limit: 1 })) {
    throw new StorageError(
      "cannot-open",
      `The database is in use by another program: it has a key ${
        Deno.inspect(key)
      } and no identity`,
    );
  }
  const random = crypto.getRandomValues(new Uint32Array(DATA_ID_LENGTH));
  const dataId = [...random].map((word) => ALPHABET[word % ALPHABET.length]).join("");
  return { dataId, incarnation: 1, format: 1 };
}

function followingIdentity(found: KvIdentity): KvIdentity {
  if (found.format !== 1) {
    throw new StorageError(
      "cannot-open",
      `The store's format must be 1: current value is ${JSON.stringify(found.format)}`,
    );
  }
  return { ...found, incarnation: found.incarnation + 1 };
}
