/**
 * The data id that is assigned to a member when its cluster is created. It is recorded in the initial
 * configuration, and written to the member's directory as `identity.json` for the first start.
 *
 * A new store takes its data id from that file and then removes the file. So an empty directory in
 * place of a member's has no such file, and the node is recognised as one whose disk was replaced.
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
/** Short, because it is part of every dot. It must only differ from the same node's other data ids. */
const DATA_ID_LENGTH = 8;
const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A random id for a data directory. */
export function drawDataId(): string {
  const random = crypto.getRandomValues(new Uint32Array(DATA_ID_LENGTH));
  return [...random].map((number) => ALPHABET[number % ALPHABET.length]).join("");
}

/** Writes the identity file into the member's directory, for its first start. */
export async function writeAssignedIdentity(
  directory: string,
  identity: AssignedIdentity,
): Promise<void> {
  await Deno.writeTextFile(join(directory, IDENTITY_FILE), `${JSON.stringify(identity)}\n`);
}

/** The identity file beside a store. */
export class IdentityFile {
  private readonly path: string;

  /** `node`: the node of the store. A file that names another node is ignored. */
  constructor(storePath: string, private readonly node: NodeId | undefined) {
    this.path = join(dirname(storePath), IDENTITY_FILE);
  }

  /** The assigned data id; null if there is no file for this node. Throws {@link StorageError}. */
  async read(): Promise<string | null> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.path);
    } catch (error) {
      // A node may lack the permission to read anything but its database; it has no identity file.
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
      throw this.unreadable("it must have the fields node and dataId");
    }
    const isForThisNode = this.node === undefined || this.node === json["node"];
    return isForThisNode ? json["dataId"] : null;
  }

  /** Removes the file if it is for this node. A file that cannot be read is removed too. */
  async remove(): Promise<void> {
    const mustGo = await this.read().then((dataId) => dataId !== null, () => true);
    if (mustGo) await Deno.remove(this.path);
  }

  private unreadable(reason: string): StorageError {
    return new StorageError(
      "cannot-open",
      `Cannot read ${this.path}, which holds the id of the data directory: ${reason}. Remove the ` +
        "file to start with a new id; the node then recovers its data from the other nodes",
    );
  }
}
