/**
 * Who a store is: a data id made with it, an incarnation that rises at every opening, and a number drawn
 * at each. A node's dots and its messages carry them, so that nothing from an earlier life is taken for
 * this one's. Beside them lies what the node knows of the disk's condition (`lib/dynamo/recovery/recovery.ts`).
 */
import {
  type Boot,
  BOOT_NUMBERS,
  type DiskCondition,
  type DiskState,
} from "../../lib/dynamo/types/boot.ts";
import { drawDataId } from "./founder_identity.ts";
import type { KvDocuments } from "./kv_documents.ts";
import { metaAddress } from "./record_address.ts";
import { StorageError } from "./storage.ts";

/** As it lies on the disk. */
interface IdentityDocument {
  readonly dataId: string;
  /** The highest that this node was ever told of by. */
  readonly incarnation: number;
  readonly bootNumber: number;
  readonly condition?: DiskCondition;
  readonly format: 2;
}

/** Format 1 had no boot numbers, and noted elsewhere whether the disk held what it should. */
interface IdentityDocument1 {
  readonly dataId: string;
  readonly incarnation: number;
  readonly format: 1;
}

/** What an opening found and drew: all that a boot says of its disk, without how far it had come. */
type OpenedAs = Omit<Boot, "self" | "membership" | "hints" | "writes">;

const NAME = "identity";
/** The note of a store of format 1. */
const PROVEN = "proven";
/** Of a start before starts had numbers: no peer remembers it. */
const NO_BOOT = 0;

export class KvIdentity {
  private constructor(
    private readonly documents: KvDocuments,
    private current: IdentityDocument,
    readonly opened: OpenedAs,
  ) {}

  /**
   * The identity for this opening, durable. `given`: the data id for a store that has none yet; null
   * draws one. Throws `UnreadableFrame` and {@link StorageError}.
   */
  static async open(
    kv: Deno.Kv,
    documents: KvDocuments,
    given: () => Promise<string | null>,
  ): Promise<KvIdentity> {
    const found = await read(documents);
    if (found === null) await requireEmpty(kv);
    const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
    const bootNumber = 1 + word % (BOOT_NUMBERS - 1);
    const next: IdentityDocument = found === null
      ? { dataId: await given() ?? drawDataId(), incarnation: 1, bootNumber, format: 2 }
      : { ...found, incarnation: found.incarnation + 1, bootNumber };
    await write(documents, next);
    const { format: _, ...opened } = next;
    const identity = new KvIdentity(
      documents,
      next,
      found === null || found.bootNumber === NO_BOOT ? opened : {
        ...opened,
        previous: { incarnation: found.incarnation, bootNumber: found.bootNumber },
      },
    );
    return identity;
  }

  /** Undefined: the store was never a member's. */
  get condition(): DiskCondition | undefined {
    return this.current.condition;
  }

  /** Resolves once durable. The next opening has a higher incarnation than the one given. */
  async save({ incarnation, condition }: DiskState): Promise<void> {
    const next: IdentityDocument = {
      ...this.current,
      incarnation: Math.max(this.current.incarnation, incarnation),
      condition,
    };
    await write(this.documents, next);
    this.current = next;
  }
}

async function read(documents: KvDocuments): Promise<IdentityDocument | null> {
  const found = await documents.read(metaAddress(NAME));
  if (found === null) return null;
  const identity = JSON.parse(found.json) as IdentityDocument | IdentityDocument1;
  if (identity.format === 2) return identity;
  if (identity.format !== 1) {
    const { format } = identity as { format: unknown };
    throw new StorageError(
      "cannot-open",
      `The store's format must be 1 or 2: current value is ${JSON.stringify(format)}`,
    );
  }
  const { dataId, incarnation } = identity;
  const proven = await documents.read(metaAddress(PROVEN));
  const condition = proven?.json === "true" ? { condition: "whole" as const } : {};
  return { dataId, incarnation, bootNumber: NO_BOOT, ...condition, format: 2 };
}

async function write(documents: KvDocuments, identity: IdentityDocument): Promise<void> {
  await documents.write(metaAddress(NAME), NAME, JSON.stringify(identity));
}

async function requireEmpty(kv: Deno.Kv): Promise<void> {
  for await (const { key } of kv.list({ prefix: [] }, { limit: 1 })) {
    throw new StorageError(
      "cannot-open",
      `The database is in use by another program: it has a key ${
        Deno.inspect(key)
      } and no identity`,
    );
  }
}
