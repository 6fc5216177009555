/**
 * The directory of a cluster of local processes. It has the initial configuration and the secret that
 * the nodes share, and a subdirectory for each node. A lock lets one launcher use it at a time. The
 * system releases the lock however the launcher ends.
 *
 *     DIR/cluster.json   DIR/secret (0600)   DIR/launcher.lock   DIR/n1/node.sqlite3   DIR/n2/…
 *     DIR/n1/identity.json, until the node's first start: see `assigned_identity.ts`
 *     DIR/members.json, once a node has joined or is gone
 *
 * A temporary directory also contains a mark: see `temporary_directories.ts`.
 */
import { randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { parseInitialConfig } from "../process/cluster_config_file.ts";
import { IDENTITY_FILE, writeAssignedIdentity } from "../storage/assigned_identity.ts";
import { LaunchError } from "./launch_error.ts";
import { INITIAL_MEMBER_LIST, type MemberList, parseMemberList } from "./member_list.ts";
import { ELSEWHERE, explain } from "./start_failures.ts";
import { LOCK, makeTemporary, MARK, mark, sweep, unmark } from "./temporary_directories.ts";

const INITIAL_CONFIG = "cluster.json";
const INITIAL_CONFIG_DRAFT = "cluster.json.draft";
const MEMBER_LIST = "members.json";
const MEMBER_LIST_DRAFT = "members.json.draft";
const SECRET = "secret";
const SECRET_BYTES = 32;

export class ClusterDirectory {
  /** The initial configuration that was found; null in a new directory. */
  readonly stored: InitialClusterConfig | null;
  /** The member list that was found. */
  readonly storedMemberList: MemberList;
  private readonly lock: Deno.FsFile;

  private constructor(
    readonly path: string,
    /** Created for this run, and removed at its end. */
    readonly temporary: boolean,
    stored: InitialClusterConfig | null,
    memberList: MemberList,
    lock: Deno.FsFile,
  ) {
    this.stored = stored;
    this.storedMemberList = memberList;
    this.lock = lock;
  }

  /**
   * Opens and locks the directory, and creates it if it is missing. Without a path it creates a
   * temporary one, and removes those that dead launchers left.
   * Throws {@link LaunchError} if the directory cannot be used, is in use, or is neither empty nor a
   * cluster's; `ConfigError` if its initial configuration cannot be read.
   */
  static async open(path?: string): Promise<ClusterDirectory> {
    return await explainingErrors(path, () => ClusterDirectory.openLocked(path));
  }

  private static async openLocked(path?: string): Promise<ClusterDirectory> {
    const temporary = path === undefined;
    const directory = temporary ? await makeTemporary() : await makeDirectory(resolve(path));
    const lock = lockDirectory(directory);
    try {
      const stored = await readStored(directory);
      const memberList = stored === null
        ? INITIAL_MEMBER_LIST
        : await readMemberList(join(directory, MEMBER_LIST));
      if (temporary) {
        await mark(directory);
        await sweep(dirname(directory));
      } else await unmark(directory);
      return new ClusterDirectory(directory, temporary, stored, memberList, lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  get initialConfigFile(): string {
    return join(this.path, INITIAL_CONFIG);
  }

  get secretFile(): string {
    return join(this.path, SECRET);
  }

  nodeDirectory(id: NodeId): string {
    return join(this.path, id);
  }

  /**
   * Writes the initial configuration, a secret if there is none, and a directory for each member. Throws
   * {@link LaunchError} if the disk fails.
   */
  async write(initialConfig: InitialClusterConfig): Promise<void> {
    await explainingErrors(this.path, () => this.writeFiles(initialConfig));
  }

  private async writeFiles(initialConfig: InitialClusterConfig): Promise<void> {
    try {
      const secret = randomBytes(SECRET_BYTES).toString("base64url");
      await Deno.writeTextFile(this.secretFile, secret, { createNew: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    for (const { id, dataId } of initialConfig.members) {
      const directory = await makeDirectory(this.nodeDirectory(id));
      // Only for a new cluster: a directory that is empty at a later start was replaced.
      if (this.stored !== null || dataId === undefined) continue;
      const { cluster } = initialConfig.config;
      await writeAssignedIdentity(directory, { cluster, node: id, dataId });
    }
    // Written last and atomically: a directory that has this file is complete.
    await writeAtomically(
      this.initialConfigFile,
      join(this.path, INITIAL_CONFIG_DRAFT),
      initialConfig,
    );
  }

  /** Stores which nodes to start. */
  async writeMemberList(memberList: MemberList): Promise<void> {
    const [path, draft] = [join(this.path, MEMBER_LIST), join(this.path, MEMBER_LIST_DRAFT)];
    await writeAtomically(path, draft, memberList);
  }

  /** Creates an empty directory for a new node, and removes what an earlier attempt left there. */
  async createNodeDirectory(id: NodeId): Promise<void> {
    await removeAll(this.nodeDirectory(id));
    await makeDirectory(this.nodeDirectory(id));
  }

  /** Removes a node's directory. */
  async removeNodeDirectory(id: NodeId): Promise<void> {
    await removeAll(this.nodeDirectory(id));
  }

  /** Undoes {@link write} for a new cluster that failed to start, so that other options can be tried. */
  async undoWrite(initialConfig: InitialClusterConfig): Promise<void> {
    if (this.stored !== null) return;
    await removeAll(this.initialConfigFile);
    await removeAll(this.secretFile);
    for (const { id } of initialConfig.members) await removeAll(this.nodeDirectory(id));
  }

  /** Empties a node's directory, as if its disk were replaced. */
  async wipe(id: NodeId): Promise<void> {
    for await (const entry of Deno.readDir(this.nodeDirectory(id))) {
      await removeAll(join(this.nodeDirectory(id), entry.name));
    }
  }

  /** Releases the lock, and removes a temporary directory. */
  async close(): Promise<void> {
    // Before the lock is free, so that no other launcher removes the directory at the same time.
    if (this.temporary) await unmark(this.path);
    // The lock file stays. If it were removed, two launchers could each lock a file of that name.
    this.lock.truncateSync(0);
    this.lock.close();
    if (this.temporary) await removeAll(this.path);
  }
}

/** What an interrupted first start may have left beside its members' directories. */
const UNFINISHED: readonly string[] = [LOCK, MARK, SECRET, INITIAL_CONFIG_DRAFT];

async function readStored(directory: string): Promise<InitialClusterConfig | null> {
  const path = join(directory, INITIAL_CONFIG);
  const entries = [...Deno.readDirSync(directory)];
  if (entries.some(({ name }) => name === INITIAL_CONFIG)) {
    return parseInitialConfig(await Deno.readTextFile(path), path);
  }
  const foreign = entries.filter((entry) => !isUnfinished(directory, entry))
    .map(({ name }) => name);
  if (foreign.length === 0) return null;
  throw new LaunchError(
    "refused",
    `Cannot create a cluster in ${directory}: it must be empty, or contain a cluster of this version ` +
      `of the program, with ${INITIAL_CONFIG}; ` +
      `it contains ${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ", …" : ""}`,
  );
}

/** Whether an interrupted first start may have left this entry. The next start overwrites it. */
function isUnfinished(directory: string, { name, isDirectory }: Deno.DirEntry): boolean {
  if (!isDirectory) return UNFINISHED.includes(name);
  return [...Deno.readDirSync(join(directory, name))].every((held) => held.name === IDENTITY_FILE);
}

async function readMemberList(path: string): Promise<MemberList> {
  const text = await readIfThere(path);
  return text === null ? INITIAL_MEMBER_LIST : parseMemberList(text, path);
}

/**
 * A reader, even after a crash, sees either the old file or the new one. A file that would stay the same
 * is not written, so that a cluster starts from its data on a full disk.
 */
async function writeAtomically(path: string, draft: string, document: unknown): Promise<void> {
  const text = `${JSON.stringify(document, null, 1)}\n`;
  if (await readIfThere(path) === text) return;
  await Deno.writeTextFile(draft, text);
  await Deno.rename(draft, path);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Turns known errors of the system into {@link LaunchError}s that say what to do. */
async function explainingErrors<T>(path: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LaunchError || error instanceof ConfigError) throw error;
    const directory = path ?? "the directory for temporary files";
    if (error instanceof Deno.errors.NotFound) {
      const advice = `Create it, or choose another directory: ${ELSEWHERE}`;
      const why = `${directory} does not exist`;
      throw new LaunchError("refused", `Cannot start a cluster: ${why}.\n${advice}`);
    }
    const known = explain((error as Error).message, { directory });
    if (known === null) throw error;
    const { why, advice, cause } = known;
    throw new LaunchError("refused", `Cannot start a cluster: ${why}.\n${advice}`, cause);
  }
}

async function makeDirectory(path: string): Promise<string> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (error) {
    const { message } = error as Error;
    if (explain(message) !== null) throw error;
    throw new LaunchError("refused", `Cannot create the directory ${path}: ${message}`);
  }
}

function lockDirectory(directory: string): Deno.FsFile {
  const path = join(directory, LOCK);
  const file = openLockFile(path);
  if (!file.tryLockSync(true)) {
    file.close();
    const holder = Deno.readTextFileSync(path).trim();
    throw new LaunchError(
      "refused",
      `Cannot use ${directory}: ${
        holder === "" ? "another launcher" : `the launcher with pid ${holder}`
      } is running a cluster in it. Stop that cluster, or use another data directory`,
    );
  }
  file.truncateSync(0);
  try {
    file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch {
    // On a full disk the lock holds all the same; the process id is there for people.
  }
  return file;
}

function openLockFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    const { message } = error as Error;
    if (explain(message) !== null) throw error;
    throw new LaunchError("refused", `Cannot open the lock ${path}: ${message}`);
  }
}

async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
