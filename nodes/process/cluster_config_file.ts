/**
 * The initial configuration of a cluster of local processes. It is made once, stored in `cluster.json`,
 * and read again when the cluster is restarted on the same directory.
 *
 * Its fixed part never changes (name, N, partitioning, Q, tokens, mode, members with their weights and
 * zones, the ring), because it determines where the objects are stored. Defaults such as R, W and
 * timeouts, and the members' addresses, can change at every start. The data ids of the members'
 * directories are assigned here too; see `assigned_identity.ts`.
 */
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import type { RingMember, RingState } from "../../lib/dynamo/ring/ring_state.ts";
import {
  type ClusterConfig,
  clusterConfig,
  ConfigError,
  fixedPart,
} from "../../lib/dynamo/types/config.ts";
import type { Member } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { isNodeId } from "../rpc/validation.ts";
import { drawDataId } from "../storage/assigned_identity.ts";

/** The options of a new or restarted cluster. Omitted ones have a default or the stored value. */
export interface InitialConfigOptions {
  readonly nodes?: number;
  readonly config?: Partial<ClusterConfig>;
  /** Relative capacities, one for each node in order of ids. Default: 1 for each. */
  readonly weights?: readonly number[];
  /** One for each node; the replicas of a key are placed in different zones. */
  readonly zones?: readonly string[];
  /** The seed of the ring's tokens. Default: random. */
  readonly seed?: number | string;
  /** A ring from elsewhere, with its members, in place of weights, zones and seed. */
  readonly drawn?: { readonly members: readonly RingMember[]; readonly ring: RingState };
}

export const NODES_DEFAULT = 5;
export const NODES_MAX = 64;
export const WEIGHT_MAX = 100;

/**
 * Makes the configuration of a new cluster, with members n1, n2, … at `urls`. Throws
 * {@link ConfigError}.
 */
export function makeInitialConfig(
  options: InitialConfigOptions,
  urls: readonly string[],
): InitialClusterConfig {
  const config = clusterConfig({
    ...options.config,
    cluster: options.config?.cluster ?? randomName(),
  });
  const { drawn } = options;
  if (drawn !== undefined) {
    // Other fields of these members, such as data ids, do not apply to the new directories.
    const members = drawn.members.map(({ id, weight, zone }, i) => ({
      id,
      url: urls[i] as string,
      weight,
      ...(zone === undefined ? {} : { zone }),
      dataId: drawDataId(),
    }));
    return { config, members, ring: drawn.ring };
  }
  const members = membersOf(options, urls);
  requireFits(config, members.length);
  return { config, members, ring: ringOf(config, members, options.seed ?? randomSeed()) };
}

/**
 * Throws {@link ConfigError} unless a new cluster of this many nodes can serve requests. The message
 * begins with the name of the field.
 */
export function requireFits(config: ClusterConfig, nodes: number): void {
  const { partitioning, partitions, r, w } = config;
  if (nodes < Math.max(r, w)) {
    throw new ConfigError(
      `nodes must be at least ${
        Math.max(r, w)
      }, because a get needs R=${r} of them and a put W=${w}: ` +
        `current value is ${nodes}. Start more nodes, or lower R and W`,
    );
  }
  if (partitioning === "equal-partitions" && partitions < nodes) {
    throw new ConfigError(
      `partitions must be at least the number of nodes, ${nodes}, so that each has one: ` +
        `current value is ${partitions}`,
    );
  }
}

/**
 * The stored configuration, updated for this start: members at `urls`, and the given values for what
 * may change. Throws {@link ConfigError} if `options` differ from the fixed part.
 */
export function reopenedConfig(
  stored: InitialClusterConfig,
  options: InitialConfigOptions,
  urls: readonly string[],
): InitialClusterConfig {
  const differences = differencesOf(stored, options);
  if (differences.length > 0) {
    const fixed = differences.map((each) => `${each.name} ${each.stored}`).join(", ");
    const given = differences.map((each) => `${each.name} ${each.given}`).join(", ");
    throw new ConfigError(
      `this cluster was created with ${fixed}, which cannot change: current value is ${given}. ` +
        "Omit it, or use another data directory",
    );
  }
  const { patienceMs, ...kept } = stored.config;
  // The default patience depends on the timeout, so a new timeout replaces the stored patience.
  const patience = options.config?.timeoutMs === undefined ? { patienceMs } : {};
  const config = clusterConfig({ ...kept, ...patience, ...options.config });
  const members = stored.members.map((member, i) => ({ ...member, url: urls[i] ?? member.url }));
  return { config, members, ring: stored.ring };
}

interface Difference {
  readonly name: string;
  readonly stored: string;
  readonly given: string;
}

function differencesOf(stored: InitialClusterConfig, options: InitialConfigOptions): Difference[] {
  const found: Difference[] = [];
  const compare = (name: string, before: unknown, given: unknown) => {
    if (given === undefined || JSON.stringify(before) === JSON.stringify(given)) return;
    found.push({ name, stored: asText(before), given: asText(given) });
  };
  const fixed = fixedPart(stored.config);
  for (const name of Object.keys(fixed) as (keyof typeof fixed)[]) {
    compare(name, fixed[name], options.config?.[name]);
  }
  compare("nodes", stored.members.length, options.nodes);
  compare("weights", stored.members.map((member) => member.weight), options.weights);
  compare("zones", stored.members.map((member) => member.zone ?? ""), options.zones);
  if (found.length === 0 && options.seed !== undefined) {
    const same = JSON.stringify(ringOf(stored.config, stored.members, options.seed)) ===
      JSON.stringify(stored.ring);
    if (!same) found.push({ name: "seed", stored: "another", given: `${options.seed}` });
  }
  return found;
}

function asText(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

function ringOf(
  config: ClusterConfig,
  members: readonly Member[],
  seed: number | string,
): RingState {
  const ringMembers = members.map(({ id, weight, zone }) =>
    zone === undefined ? { id, weight } : { id, weight, zone }
  );
  return makeInitialRing(ringMembers, config, SeededRandom.from(seed).child("ring"));
}

function membersOf(options: InitialConfigOptions, urls: readonly string[]): Member[] {
  const { weights, zones } = options;
  requireCount("nodes", urls.length, urls.length >= 1 && urls.length <= NODES_MAX);
  if (weights !== undefined) requireOneEach("weights", weights, urls.length);
  if (zones !== undefined) requireOneEach("zones", zones, urls.length);
  for (const weight of weights ?? []) requireWeight(weight);
  for (const zone of zones ?? []) requireZone(zone);
  return urls.map((url, i) => {
    const member = { id: `n${i + 1}`, url, weight: weights?.[i] ?? 1, dataId: drawDataId() };
    const zone = zones?.[i];
    return zone === undefined ? member : { ...member, zone };
  });
}

/** The weight, if it is valid. Throws {@link ConfigError}. */
export function requireWeight(weight: unknown): number {
  if (typeof weight === "number" && weight > 0 && weight <= WEIGHT_MAX) return weight;
  throw new ConfigError(
    `a weight must be a number above 0, at most ${WEIGHT_MAX}: current value is ${
      typeof weight === "number" ? weight : JSON.stringify(weight)
    }`,
  );
}

/** The zone, if it is valid. Throws {@link ConfigError}. */
export function requireZone(zone: unknown): string {
  if (typeof zone === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(zone)) return zone;
  throw new ConfigError(
    "a zone must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: current value is " +
      `'${zone}'`,
  );
}

/** Throws {@link ConfigError} unless this is a valid number of nodes for one machine. */
export function requireNodes(nodes: number): void {
  requireCount("nodes", nodes, Number.isInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX);
}

function requireCount(name: string, value: number, fits: boolean): void {
  if (fits) return;
  throw new ConfigError(
    `${name} must be a whole number from 1 to ${NODES_MAX}: current value is ${value}`,
  );
}

function requireOneEach(name: string, values: readonly unknown[], nodes: number): void {
  if (values.length === nodes) return;
  throw new ConfigError(
    `${name} must name one for each of the ${nodes} nodes: ${values.length} are given`,
  );
}

/** Random, so that two clusters on one machine have different names. */
function randomName(): string {
  return `dynamo-${crypto.randomUUID().slice(0, 6)}`;
}

function randomSeed(): string {
  return crypto.randomUUID();
}

/**
 * Parses `cluster.json`, which this program wrote. Throws {@link ConfigError} for a damaged file or one
 * of another program, because a wrong guess would misplace every key.
 */
export function parseInitialConfig(text: string, path: string): InitialClusterConfig {
  const refuse = (reason: string): never => {
    throw new ConfigError(`${path} is not a cluster's initial configuration: ${reason}`);
  };
  let json: Partial<InitialClusterConfig> | null = null;
  try {
    json = JSON.parse(text);
  } catch (error) {
    refuse((error as Error).message);
  }
  const { config, members, ring } = json ?? {};
  if (typeof config !== "object" || config === null) return refuse("it has no 'config'");
  if (!Array.isArray(members) || members.length === 0) return refuse("it has no 'members'");
  if (!Array.isArray(ring?.tokens) || ring.tokens.length === 0) return refuse("it has no 'ring'");
  for (const member of members) {
    if (typeof member?.id !== "string" || !URL.canParse(member?.url)) {
      refuse("a member lacks its id or url");
    }
    if (member.dataId !== undefined && !isNodeId(member.dataId)) {
      refuse(`the dataId of member '${member.id}' must be text`);
    }
  }
  return { config: clusterConfig(config), members, ring };
}
