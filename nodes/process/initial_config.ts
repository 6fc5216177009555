/**
 * Where a node learns what its cluster was founded with, and what its own part in it is: from a file,
 * from a running node, from what its disk remembers, or, for a node on its own, from its flags.
 *
 * An id that belongs to no member is that of a *joining node*: it serves by forwarding and holds nothing
 * until an act of membership lets it join.
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

/** How long an earlier node of the same id may take to show that it lives, ms. */
const ALIVE_MS = 1_000;

/** What a node's disk remembers of its cluster. */
export interface StoredState {
  readonly dataId: string;
  /** Undefined: the directory was never a member's. */
  readonly condition: DiskCondition | undefined;
  /** Only nodes that asked for it remember it; null: nothing is remembered. */
  readonly initialConfig: InitialClusterConfig | null;
  /** Null as long as all is as founded. */
  readonly membership: MembershipDocument | null;
}

/** A node's part in its cluster, at this start. */
export interface NodeSetup {
  readonly initialConfig: InitialClusterConfig;
  readonly membership: MembershipDocument | undefined;
  /** The membership is another than the disk remembers: nothing of it may be told before it is durable. */
  readonly hasNews: boolean;
  readonly self: Member;
  readonly memberStatus: MemberStatus | null;
  readonly port: number;
  /** To be remembered, as the next start may find nobody to ask. */
  readonly keepsInitialConfig: boolean;
}

interface InitialConfigSource {
  readonly flags: NodeFlags;
  readonly secret: string | null;
  readonly ca: string | undefined;
  /** Where a node that no initial configuration names would listen. */
  readonly ownUrl: (port: number) => string;
  /** One that is free. */
  readonly anyPort: () => number;
  readonly portDefault: number;
  readonly warn: (message: string) => void;
}

interface Learnt {
  readonly initialConfig: InitialClusterConfig;
  readonly state: MembershipState | null;
}

/** Throws {@link ConfigError} with what is wrong for the person who started the node. */
export async function resolveSetup(
  source: InitialConfigSource,
  home: StoredState,
): Promise<NodeSetup> {
  const { flags } = source;
  const learnt = await learn(source, home);
  const initialConfig = { ...learnt.initialConfig, config: tuned(learnt.initialConfig, flags) };
  const membership = new Membership(initialConfig, flags.id, home.membership ?? undefined);
  const hasNews = learnt.state !== null && membership.merge(learnt.state);
  const entry = membership.entry(flags.id);
  if (entry?.memberStatus === "removed" && isOldDirectory(entry, home)) {
    throw new ConfigError(
      `Cannot start '${flags.id}' with this data: it was removed from the cluster, and may hold what ` +
        "was deleted since. Give it an empty data directory (--kv), and let it join",
    );
  }
  const isMember = entry !== undefined && membership.isActive(flags.id);
  if (isMember) await requireAbsence(source, home, entry.member);
  const self = isMember ? entry.member : joiningNode(source, initialConfig, home);
  return {
    initialConfig,
    membership: documentOf(membership, home),
    hasNews,
    self,
    memberStatus: entry?.memberStatus ?? null,
    port: portOf(source, initialConfig, self),
    keepsInitialConfig: flags.join !== undefined,
  };
}

/** Whether it was a member's, so that it may hold what was deleted since. */
function isOldDirectory({ member, removedData }: MemberEntry, home: StoredState): boolean {
  return home.condition !== undefined || member.dataId === home.dataId ||
    removedData?.includes(home.dataId) === true;
}

/** Undefined as long as all is as founded and nothing is remembered beside it. */
function documentOf(membership: Membership, home: StoredState): MembershipDocument | undefined {
  const document = membership.document();
  const { peers } = home.membership ?? {};
  if (membership.version === "" && document.marks.length === 0 && peers === undefined) {
    return undefined;
  }
  return peers === undefined ? document : { ...document, peers };
}

async function learn(source: InitialConfigSource, home: StoredState): Promise<Learnt> {
  const { flags: { initialConfig, join }, warn } = source;
  if (initialConfig !== undefined) {
    return {
      initialConfig: parseInitialConfig(await readFile(initialConfig), initialConfig),
      state: null,
    };
  }
  if (join === undefined) return { initialConfig: createAlone(source, home), state: null };
  let learnt: Learnt;
  try {
    learnt = await askInitialConfig(source, join);
  } catch (error) {
    if (!(error instanceof ConfigError) || home.initialConfig === null) throw error;
    warn(`${error.message}; going by what the disk remembers`);
    return { initialConfig: home.initialConfig, state: null };
  }
  if (
    home.initialConfig !== null &&
    initialConfigIdOf(home.initialConfig) !== initialConfigIdOf(learnt.initialConfig)
  ) {
    throw new ConfigError(
      `Cannot join the cluster of ${join} with this data, which is another cluster's, founded as ` +
        `'${home.initialConfig.config.cluster}': give another --kv`,
    );
  }
  return learnt;
}

/** What may change at a start is as the flags say; what was founded must be as it was. */
function tuned(
  initialConfig: InitialClusterConfig,
  flags: NodeFlags,
): InitialClusterConfig["config"] {
  const founded = fixedPart(initialConfig.config);
  for (const name of Object.keys(founded) as (keyof typeof founded)[]) {
    const given = flags.config[name];
    if (given === undefined || given === founded[name]) continue;
    throw new ConfigError(
      `${name} was founded as '${founded[name]}' and cannot change: given is '${given}'`,
    );
  }
  return clusterConfig({ ...initialConfig.config, ...flags.config });
}

/**
 * A cluster of this node alone. N is 1 unless it is given: with fewer nodes than N all are owners and
 * W is not lowered, so that N = 3 would refuse every write until others join.
 */
function createAlone(
  { flags, ownUrl, anyPort, portDefault }: InitialConfigSource,
  { dataId }: StoredState,
): InitialClusterConfig {
  const config = clusterConfig({ n: 1, ...flags.config });
  const port = flags.port === 0 ? anyPort() : flags.port ?? portDefault;
  const members = [{ id: flags.id, url: flags.url ?? ownUrl(port), weight: 1, dataId }];
  // From the name: a restart on the same data must find the same ring.
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

/** The `initialConfig` method of a running node. */
async function askInitialConfig({ secret, ca }: InitialConfigSource, url: string): Promise<Learnt> {
  const refuse = (why: string) =>
    new ConfigError(`Cannot learn the cluster from --join ${url}: ${why}`);
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
 * A member of this id may be running with other data. To be told apart from its own restart on an
 * empty disk, which is refused only while the other answers.
 */
async function requireAbsence(source: InitialConfigSource, home: StoredState, member: Member) {
  const { flags: { join }, secret, ca } = source;
  if (join === undefined) return;
  const options = { secret, ca, timeoutMs: ALIVE_MS };
  const answer = await askNode(member.url, "identify", options).catch((error) => {
    if (error instanceof OneShotCallError) return null;
    throw error;
  });
  const other = parseIdentity(answer);
  if (other === null || other.id !== member.id || other.dataId === home.dataId) return;
  throw new ConfigError(
    `Cannot start '${member.id}': a node with this id is a member already and answers at ` +
      `${member.url}. Give another --id`,
  );
}

function joiningNode(
  source: InitialConfigSource,
  initialConfig: InitialClusterConfig,
  home: StoredState,
): Member {
  const { flags, ownUrl, anyPort } = source;
  if (flags.join !== undefined && flags.url === undefined && isEverywhere(flags.host)) {
    throw new ConfigError(
      `--url is needed beside --host ${flags.host}: the other members must know where to call ` +
        `'${flags.id}'`,
    );
  }
  const before = initialConfig.members.find(({ id }) => id === flags.id)?.url ??
    home.membership?.state.members.find(({ member }) => member.id === flags.id)?.member.url;
  const known = before === undefined ? undefined : Number(new URL(before).port);
  const port = flags.port === 0 ? anyPort() : flags.port ?? known ?? source.portDefault;
  const { weight = 1, zone } = flags;
  const url = flags.url ?? ownUrl(port);
  return { id: flags.id, url, weight, ...(zone === undefined ? {} : { zone }) };
}

/** An address to listen on, and none to call. */
function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** A member listens where the others call it, unless something in between forwards to another port. */
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
      `${flags.port}. To move it, let it leave and join again`,
  );
}
