/**
 * How a node gets its cluster's initial configuration at a start, and its own role: from a file, from a
 * running node, from its disk, or, for a cluster of one node, from its flags.
 *
 * A node whose id is not a member's starts as a *non-member*: it stores nothing and forwards requests
 * until a membership change lets it join.
 */
import { Membership } from "../../lib/dynamo/membership/membership.ts";
import type {
  MemberEntry,
  MembershipDocument,
  MembershipState,
} from "../../lib/dynamo/membership/membership_state.ts";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import type { DiskCondition } from "../../lib/dynamo/types/boot.ts";
import { clusterConfig, ConfigError, fixedPart } from "../../lib/dynamo/types/config.ts";
import type { Member, MemberStatus } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { initialConfigIdOf, parseIdentity } from "../host/node_identity.ts";
import { askNode, OneShotCallError } from "../rpc/one_shot_call.ts";
import { validateMembership } from "../rpc/validate_membership.ts";
import { parseInitialConfig } from "./cluster_config_file.ts";
import type { NodeFlags } from "./flags.ts";

/** How long to wait for an answer of another running node with the same id, in ms. */
const ALIVE_MS = 1_000;

/** The part of a node's stored data that describes its cluster. */
export interface StoredState {
  readonly dataId: string;
  /** Undefined if the directory never belonged to a member. */
  readonly condition: DiskCondition | undefined;
  /** Null if it is not stored. Only nodes that were started with `--join` store it. */
  readonly initialConfig: InitialClusterConfig | null;
  /** Null if nothing has changed since the initial configuration. */
  readonly membership: MembershipDocument | null;
}

/** The cluster and the node's role in it, for this start. */
export interface NodeSetup {
  readonly initialConfig: InitialClusterConfig;
  readonly membership: MembershipDocument | undefined;
  /** Whether the membership differs from the stored one. It must be stored before others are told. */
  readonly isMembershipNew: boolean;
  readonly self: Member;
  readonly memberStatus: MemberStatus | null;
  readonly port: number;
  /** Whether to store the initial configuration, in case no node answers at the next start. */
  readonly storesInitialConfig: boolean;
}

interface InitialConfigSource {
  readonly flags: NodeFlags;
  readonly secret: string | null;
  readonly ca: string | undefined;
  /** The default URL of a node that is not in the initial configuration. */
  readonly ownUrl: (port: number) => string;
  /** Finds a free port. */
  readonly anyPort: () => number;
  readonly portDefault: number;
  readonly warn: (message: string) => void;
}

interface ClusterInfo {
  readonly initialConfig: InitialClusterConfig;
  /** The membership that a running node sent; null if none was asked. */
  readonly state: MembershipState | null;
}

/** Throws {@link ConfigError} with a message for the person who started the node. */
export async function resolveSetup(
  source: InitialConfigSource,
  stored: StoredState,
): Promise<NodeSetup> {
  const { flags } = source;
  const info = await findCluster(source, stored);
  const initialConfig = {
    ...info.initialConfig,
    config: configForStart(info.initialConfig, flags),
  };
  const membership = new Membership(initialConfig, flags.id, stored.membership ?? undefined);
  const isMembershipNew = info.state !== null && membership.merge(info.state);
  const entry = membership.entry(flags.id);
  if (entry?.memberStatus === "removed" && isOldDirectory(entry, stored)) {
    throw new ConfigError(
      `Cannot start '${flags.id}' with this data: it was removed from the cluster, so its data may ` +
        "include keys that were deleted since. Use an empty data directory (--kv), and join again",
    );
  }
  const isMember = entry !== undefined && membership.isActive(flags.id);
  if (isMember) await requireNoOther(source, stored, entry.member);
  const self = isMember ? entry.member : nonMember(source, initialConfig, stored);
  return {
    initialConfig,
    membership: documentOf(membership, stored),
    isMembershipNew,
    self,
    memberStatus: entry?.memberStatus ?? null,
    port: portOf(source, initialConfig, self),
    storesInitialConfig: flags.join !== undefined,
  };
}

/** Whether the directory belonged to a member, so that it may hold keys that were deleted since. */
function isOldDirectory({ member, removedData }: MemberEntry, stored: StoredState): boolean {
  return stored.condition !== undefined || member.dataId === stored.dataId ||
    removedData?.includes(stored.dataId) === true;
}

/** Undefined if nothing differs from the initial configuration and there is nothing else to store. */
function documentOf(membership: Membership, stored: StoredState): MembershipDocument | undefined {
  const document = membership.document();
  const { peers } = stored.membership ?? {};
  if (membership.version === "" && document.marks.length === 0 && peers === undefined) {
    return undefined;
  }
  return peers === undefined ? document : { ...document, peers };
}

async function findCluster(source: InitialConfigSource, stored: StoredState): Promise<ClusterInfo> {
  const { flags: { initialConfig, join }, warn } = source;
  if (initialConfig !== undefined) {
    return {
      initialConfig: parseInitialConfig(await readFile(initialConfig), initialConfig),
      state: null,
    };
  }
  if (join === undefined) {
    return { initialConfig: createSingleNodeCluster(source, stored), state: null };
  }
  let info: ClusterInfo;
  try {
    info = await askInitialConfig(source, join);
  } catch (error) {
    if (!(error instanceof ConfigError) || stored.initialConfig === null) throw error;
    warn(`${error.message}; using the stored configuration`);
    return { initialConfig: stored.initialConfig, state: null };
  }
  if (
    stored.initialConfig !== null &&
    initialConfigIdOf(stored.initialConfig) !== initialConfigIdOf(info.initialConfig)
  ) {
    throw new ConfigError(
      `Cannot join the cluster of ${join} with this data: it belongs to another cluster, ` +
        `'${stored.initialConfig.config.cluster}'. Use another --kv`,
    );
  }
  return info;
}

/** The configuration with the given flags. Throws {@link ConfigError} if they change the fixed part. */
function configForStart(
  initialConfig: InitialClusterConfig,
  flags: NodeFlags,
): InitialClusterConfig["config"] {
  const fixed = fixedPart(initialConfig.config);
  for (const name of Object.keys(fixed) as (keyof typeof fixed)[]) {
    const given = flags.config[name];
    if (given === undefined || given === fixed[name]) continue;
    throw new ConfigError(
      `${name} must stay '${fixed[name]}', as the cluster was created with it: current value is ` +
        `'${given}'`,
    );
  }
  return clusterConfig({ ...initialConfig.config, ...flags.config });
}

/**
 * A cluster of this node alone. The default for N is 1: W is not lowered when there are fewer nodes
 * than N, so N = 3 would refuse every write until other nodes join.
 */
function createSingleNodeCluster(
  { flags, ownUrl, anyPort, portDefault }: InitialConfigSource,
  { dataId }: StoredState,
): InitialClusterConfig {
  const config = clusterConfig({ n: 1, ...flags.config });
  const port = flags.port === 0 ? anyPort() : flags.port ?? portDefault;
  const members = [{ id: flags.id, url: flags.url ?? ownUrl(port), weight: 1, dataId }];
  // The seed is the name, so that a restart on the same data makes the same ring.
  const random = SeededRandom.from(`${config.cluster}/${flags.id}`).child("ring");
  return { config, members, ring: makeInitialRing([{ id: flags.id, weight: 1 }], config, random) };
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(`Cannot read --initial-config ${path}: ${(error as Error).message}`);
  }
}

/** Calls the `initial-config` method of a running node. */
async function askInitialConfig(
  { secret, ca }: InitialConfigSource,
  url: string,
): Promise<ClusterInfo> {
  const refuse = (reason: string) =>
    new ConfigError(`Cannot get the initial configuration from --join ${url}: ${reason}`);
  try {
    const { initialConfig, membership } = await askNode(url, "initial-config", { secret, ca });
    const invalid = validateMembership(membership);
    if (invalid !== null) throw refuse(invalid);
    return {
      initialConfig: parseInitialConfig(JSON.stringify(initialConfig ?? null), url),
      state: membership as MembershipState,
    };
  } catch (error) {
    if (error instanceof OneShotCallError) throw refuse(error.message);
    throw error;
  }
}

/**
 * Throws {@link ConfigError} if another node with this id and other data is running. If that node does
 * not answer, this is taken for the same node with an empty disk.
 */
async function requireNoOther(source: InitialConfigSource, stored: StoredState, member: Member) {
  const { flags: { join }, secret, ca } = source;
  if (join === undefined) return;
  const options = { secret, ca, timeoutMs: ALIVE_MS };
  const answer = await askNode(member.url, "identify", options).catch((error) => {
    if (error instanceof OneShotCallError) return null;
    throw error;
  });
  const other = parseIdentity(answer);
  if (other === null || other.id !== member.id || other.dataId === stored.dataId) return;
  throw new ConfigError(
    `Cannot start '${member.id}': a node with this id is a member already and answers at ` +
      `${member.url}. Use another --id`,
  );
}

/** This node as a non-member, with the attributes that it would join with. */
function nonMember(
  source: InitialConfigSource,
  initialConfig: InitialClusterConfig,
  stored: StoredState,
): Member {
  const { flags, ownUrl, anyPort } = source;
  if (flags.join !== undefined && flags.url === undefined && isWildcard(flags.host)) {
    throw new ConfigError(
      `--url is required with --host ${flags.host}: the other members need an address for ` +
        `'${flags.id}'`,
    );
  }
  const before = initialConfig.members.find(({ id }) => id === flags.id)?.url ??
    stored.membership?.state.members.find(({ member }) => member.id === flags.id)?.member.url;
  const known = before === undefined ? undefined : Number(new URL(before).port);
  const port = flags.port === 0 ? anyPort() : flags.port ?? known ?? source.portDefault;
  const { weight = 1, zone } = flags;
  const url = flags.url ?? ownUrl(port);
  return { id: flags.id, url, weight, ...(zone === undefined ? {} : { zone }) };
}

/** An address that listens on all interfaces and cannot be called. */
function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** A member listens on the port of its URL, unless `--url` names a proxy with another port. */
function portOf(
  { flags }: InitialConfigSource,
  initialConfig: InitialClusterConfig,
  { id, url }: Member,
): number {
  const known = Number(new URL(url).port) || (url.startsWith("https:") ? 443 : 80);
  if (flags.port === undefined || flags.port === 0 || flags.port === known) return known;
  const isInitial = initialConfig.members.some((member) => member.id === id && member.url === url);
  if (isInitial || flags.url !== undefined) return flags.port;
  throw new ConfigError(
    `--port must be ${known}, as the other members call '${id}' at ${url}: current value is ` +
      `${flags.port}. To change the port, let the node leave and join again`,
  );
}
