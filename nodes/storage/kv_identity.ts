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
import { drawDataId } from "./assigned_identity.ts";
import type { KvDocuments } from "./kv_documents.ts";
import { metaAddress } from "./record_address.ts";
import { StorageError } from "./storage.ts";

/** Raised when what lies on the disk changes its shape: other formats are refused. */
const FORMAT = 3;

/** As it lies on the disk. */
interface IdentityDocument {
  readonly dataId: string;
  /** The highest that this node was ever told of by. */
  readonly incarnation: number;
  readonly bootNumber: number;
  readonly condition?: DiskCondition;
  readonly format: typeof FORMAT;
}

/** What an opening found and drew: all that a boot says of its disk, without how far it had come. */
type OpenedAs = Omit<Boot, "self" | "membership" | "hints" | "writes">;

const NAME = "identity";

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
      ? { dataId: await given() ?? drawDataId(), incarnation: 1, bootNumber, format: FORMAT }
      : { ...found, incarnation: found.incarnation + 1, bootNumber };
    await write(documents, next);
    const { format: _, ...opened } = next;
    const identity = new KvIdentity(
      documents,
      next,
      found === null ? opened : {
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
  const identity = JSON.parse(found.json) as IdentityDocument;
  if (identity.format === FORMAT) return identity;
  throw new StorageError(
    "cannot-open",
    `The store was written by another version of this program: its format must be ${FORMAT}, current ` +
      `value is ${JSON.stringify(identity.format)}. Use that version, or an empty directory`,
  );
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
