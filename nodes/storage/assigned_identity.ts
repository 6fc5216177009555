/**
 * Which data directory is a member's: drawn by whoever founds a cluster, recorded in the initial configuration,
 * and left in each member's directory as `identity.json` for its first start.
 *
 * The store takes its data id from that file once, when it is created, and then removes the file. So an
 * empty directory in the place of a member's has no such file, and the node in it is recognised as one
 * whose disk was replaced.
 */
import { dirname, join } from "node:path";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { isNodeId, isObject } from "../rpc/validation.ts";
import { StorageError } from "./storage.ts";

interface AssignedIdentity {
  readonly cluster: string;
  readonly node: NodeId;
  readonly dataId: string;
}

export const IDENTITY_FILE = "identity.json";
/** It is part of every dot, so short; it need only differ from the same node's other lives. */
const DATA_ID_LENGTH = 8;
const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Names a data directory. */
export function drawDataId(): string {
  const random = crypto.getRandomValues(new Uint32Array(DATA_ID_LENGTH));
  return [...random].map((word) => ALPHABET[word % ALPHABET.length]).join("");
}

/** Leaves the identity in the member's directory, for its first start. */
export async function writeAssignedIdentity(
  directory: string,
  identity: AssignedIdentity,
): Promise<void> {
  await Deno.writeTextFile(join(directory, IDENTITY_FILE), `${JSON.stringify(identity)}\n`);
}

/** The identity file beside a store. */
export class IdentityFile {
  private readonly path: string;

  /** `node`: whose store it is; a file that names another node is left alone. */
  constructor(storePath: string, private readonly node: NodeId | undefined) {
    this.path = join(dirname(storePath), IDENTITY_FILE);
  }

  /** The data id that the founder drew; null when there is no file for this node. Throws {@link StorageError}. */
  async read(): Promise<string | null> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.path);
    } catch (error) {
      // A node that may read nothing but its database has no such file either.
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
        return null;
      }
      throw this.unreadable((error as Error).message);
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw this.unreadable((error as Error).message);
    }
    if (!isObject(json) || !isNodeId(json["node"]) || !isNodeId(json["dataId"])) {
      throw this.unreadable("it must name a node and its dataId");
    }
    const isMeant = this.node === undefined || this.node === json["node"];
    return isMeant ? json["dataId"] : null;
  }

  /** Removes the file, if it is there and meant for this node; one that cannot be read is meant for nobody. */
  async remove(): Promise<void> {
    const isThere = await this.read().then((dataId) => dataId !== null, () => true);
    if (isThere) await Deno.remove(this.path);
  }

  private unreadable(why: string): StorageError {
    return new StorageError(
      "cannot-open",
      `Cannot read ${this.path}, which says what the data directory is called: ${why}. Remove the ` +
        "file to start with a new name: the other nodes will fill the directory",
    );
  }
}
