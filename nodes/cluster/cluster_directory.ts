/**
 * The directory of a cluster of local processes: the initial configuration and the secret that its nodes share,
 * and a directory a node. One launcher at a time: a lock that the system releases however the launcher
 * ends says who has it.
 *
 *     DIR/cluster.json   DIR/secret (0600)   DIR/launcher.lock   DIR/n1/node.sqlite3   DIR/n2/…
 *     DIR/n1/identity.json, until the node's first start: see `assigned_identity.ts`
 *     DIR/members.json, once a node has joined or gone
 *
 * A temporary one has a mark besides: see `temporary_directories.ts`.
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
  /** The initial configuration as found, null in a new directory. */
  readonly stored: InitialClusterConfig | null;
  /** As it was left. */
  readonly storedMemberList: MemberList;
  private readonly lock: Deno.FsFile;

  private constructor(
    readonly path: string,
    /** Made by this program for one run: removed at the end. */
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
   * Opens and locks the directory, making it when it is missing; without a path, a temporary one, and
   * those that dead launchers left are removed.
   * Throws {@link LaunchError} when it cannot be used, is another's, or neither empty nor a cluster's,
   * and `ConfigError` when its initial configuration cannot be read.
   */
  static async open(path?: string): Promise<ClusterDirectory> {
    return await inPlainWords(path, () => ClusterDirectory.opened(path));
  }

  private static async opened(path?: string): Promise<ClusterDirectory> {
    const temporary = path === undefined;
    const directory = temporary ? await makeTemporary() : await madeDirectory(resolve(path));
    const lock = locked(directory);
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
   * Writes the initial configuration, a secret where there is none, and a directory for each member. Throws
   * {@link LaunchError} when the disk does not take them.
   */
  async write(initialConfig: InitialClusterConfig): Promise<void> {
    await inPlainWords(this.path, () => this.writeFiles(initialConfig));
  }

  private async writeFiles(initialConfig: InitialClusterConfig): Promise<void> {
    try {
      const secret = randomBytes(SECRET_BYTES).toString("base64url");
      await Deno.writeTextFile(this.secretFile, secret, { createNew: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    for (const { id, dataId } of initialConfig.members) {
      const directory = await madeDirectory(this.nodeDirectory(id));
      // Once: a directory that is empty at a later start is not the one that was founded.
      if (this.stored !== null || dataId === undefined) continue;
      const { cluster } = initialConfig.config;
      await writeAssignedIdentity(directory, { cluster, node: id, dataId });
    }
    // The file comes last and whole: a directory with it has all that a start needs.
    await writeWhole(this.initialConfigFile, join(this.path, INITIAL_CONFIG_DRAFT), initialConfig);
  }

  /** Remembers who is to be started. */
  async writeMemberList(memberList: MemberList): Promise<void> {
    await writeWhole(join(this.path, MEMBER_LIST), join(this.path, MEMBER_LIST_DRAFT), memberList);
  }

  /** An empty directory for a node that is new; what an earlier try left there is removed. */
  async makeRoom(id: NodeId): Promise<void> {
    await removeAll(this.nodeDirectory(id));
    await madeDirectory(this.nodeDirectory(id));
  }

  /** Removes a node's directory. */
  async clear(id: NodeId): Promise<void> {
    await removeAll(this.nodeDirectory(id));
  }

  /** Takes back an initial configuration whose first start failed: the next try must not be held to it. */
  async unfound(initialConfig: InitialClusterConfig): Promise<void> {
    if (this.stored !== null) return;
    await removeAll(this.initialConfigFile);
    await removeAll(this.secretFile);
    for (const { id } of initialConfig.members) await removeAll(this.nodeDirectory(id));
  }

  /** Empties a node's directory: its disk is lost. */
  async wipe(id: NodeId): Promise<void> {
    for await (const entry of Deno.readDir(this.nodeDirectory(id))) {
      await removeAll(join(this.nodeDirectory(id), entry.name));
    }
  }

  /** Gives the lock back; a temporary directory is removed. */
  async close(): Promise<void> {
    // Before the lock is free: what is half removed must not be taken for what a dead launcher left.
    if (this.temporary) await unmark(this.path);
    // The lock file itself stays in a kept directory: removing it would let two launchers hold "the" lock.
    this.lock.truncateSync(0);
    this.lock.close();
    if (this.temporary) await removeAll(this.path);
  }
}

/** What a first start that was cut short may have left beside its members' directories. */
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
    `Cannot create a cluster in ${directory}: it must be empty, or hold a cluster of this version of ` +
      `the program, with ${INITIAL_CONFIG}; ` +
      `it holds ${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ", …" : ""}`,
  );
}

/** A first start that was cut short may have left this: writing the initial configuration again replaces it. */
function isUnfinished(directory: string, { name, isDirectory }: Deno.DirEntry): boolean {
  if (!isDirectory) return UNFINISHED.includes(name);
  return [...Deno.readDirSync(join(directory, name))].every((held) => held.name === IDENTITY_FILE);
}

async function readMemberList(path: string): Promise<MemberList> {
  try {
    return parseMemberList(await Deno.readTextFile(path), path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return INITIAL_MEMBER_LIST;
    throw error;
  }
}

/** A reader, and a start after a crash, see the old file or the new one. */
async function writeWhole(path: string, draft: string, document: unknown): Promise<void> {
  await Deno.writeTextFile(draft, `${JSON.stringify(document, null, 1)}\n`);
  await Deno.rename(draft, path);
}

/** Says what to do where the system refuses for a reason that is known. */
async function inPlainWords<T>(path: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LaunchError || error instanceof ConfigError) throw error;
    const directory = path ?? "the directory for temporary files";
    if (error instanceof Deno.errors.NotFound) {
      const advice = `Make it, or choose another directory: ${ELSEWHERE}`;
      const why = `${directory} does not exist`;
      throw new LaunchError("refused", `Cannot start a cluster: ${why}.\n${advice}`);
    }
    const known = explain((error as Error).message, { directory });
    if (known === null) throw error;
    const { why, advice, cause } = known;
    throw new LaunchError("refused", `Cannot start a cluster: ${why}.\n${advice}`, cause);
  }
}

async function madeDirectory(path: string): Promise<string> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (error) {
    const { message } = error as Error;
    if (explain(message) !== null) throw error;
    throw new LaunchError("refused", `Cannot make the directory ${path}: ${message}`);
  }
}

function locked(directory: string): Deno.FsFile {
  const path = join(directory, LOCK);
  const file = opened(path);
  if (!file.tryLockSync(true)) {
    file.close();
    const holder = Deno.readTextFileSync(path).trim();
    throw new LaunchError(
      "refused",
      `Cannot use ${directory}: ${
        holder === "" ? "another launcher" : `the launcher with pid ${holder}`
      } is running a cluster in it. Stop that one, or use another data directory`,
    );
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return file;
}

function opened(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    const { message } = error as Error;
    if (explain(message) !== null) throw error;
    throw new LaunchError("refused", `Cannot write in ${path}: ${message}`);
  }
}

async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
