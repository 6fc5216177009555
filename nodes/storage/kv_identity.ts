/**
 * The identity of a store: a data id from its creation, an incarnation that increases at every opening,
 * and a random number for each opening. A node's dots and messages carry them, so data from an earlier
 * opening is not mistaken for data of this one. The document also holds the condition of the disk (see
 * `lib/dynamo/recovery/recovery.ts`).
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

/** The version of the format on the disk. Stores with another format are refused. */
const FORMAT = 3;

/** The identity as it is stored. */
interface IdentityDocument {
  readonly dataId: string;
  /** The highest incarnation of this node that is known, from its own openings or from its peers. */
  readonly incarnation: number;
  readonly bootNumber: number;
  readonly condition?: DiskCondition;
  readonly format: typeof FORMAT;
}

/** The identity of this opening: the part of a boot that comes from this document. */
type OpenedAs = Omit<Boot, "self" | "membership" | "hints" | "writes">;

const NAME = "identity";

export class KvIdentity {
  private constructor(
    private readonly documents: KvDocuments,
    private current: IdentityDocument,
    readonly opened: OpenedAs,
  ) {}

  /**
   * Makes the identity for this opening and stores it durably. `assignedId` gives the data id for a new
   * store; null means a random one. Throws `UnreadableFrame` and {@link StorageError}.
   */
  static async open(
    kv: Deno.Kv,
    documents: KvDocuments,
    assignedId: () => Promise<string | null>,
  ): Promise<KvIdentity> {
    const found = await read(documents);
    if (found === null) await requireEmpty(kv);
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    const bootNumber = 1 + random % (BOOT_NUMBERS - 1);
    const next: IdentityDocument = found === null
      ? { dataId: await assignedId() ?? drawDataId(), incarnation: 1, bootNumber, format: FORMAT }
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

  /** Undefined if the store has never belonged to a member. */
  get condition(): DiskCondition | undefined {
    return this.current.condition;
  }

  /** Resolves once durable. The next opening gets a higher incarnation than the one that is saved. */
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
      `value is ${JSON.stringify(identity.format)}. Use that version or an empty directory`,
  );
}

async function write(documents: KvDocuments, identity: IdentityDocument): Promise<void> {
  await documents.write(metaAddress(NAME), NAME, JSON.stringify(identity));
}

async function requireEmpty(kv: Deno.Kv): Promise<void> {
  for await (const { key } of kv.list({ prefix: [] }, { limit: 1 })) {
    throw new StorageError(
      "cannot-open",
      `The database belongs to another program: it has a key ${Deno.inspect(key)} and no identity`,
    );
  }
}
