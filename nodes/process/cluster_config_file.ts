/**
 * The initial configuration of a cluster of local processes: made once, kept in `cluster.json`, and read
 * again when the cluster is started on the same directory.
 *
 * What was founded (name, N, partitioning, Q, tokens, mode, members, their weights and zones, the ring)
 * stays for good: the objects on disk lie where that ring says. Defaults such as R, W and timeouts, and
 * where the members listen, may change from start to start. The data ids of the members' directories are
 * drawn here as well: see `assigned_identity.ts`.
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

/** What a cluster is to be founded with; whatever is left out has a default, or is as it was founded. */
export interface InitialConfigOptions {
  readonly nodes?: number;
  readonly config?: Partial<ClusterConfig>;
  /** Relative capacities, one a node in order of ids: tokens follow them. All 1 when left out. */
  readonly weights?: readonly number[];
  /** One a node: replicas span zones. */
  readonly zones?: readonly string[];
  /** Where the ring's tokens are drawn from; drawn itself when left out. */
  readonly seed?: number | string;
  /** A ring that was drawn elsewhere and its members, in place of weights, zones and seed. */
  readonly drawn?: { readonly members: readonly RingMember[]; readonly ring: RingState };
}

export const NODES_DEFAULT = 5;
export const NODES_MAX = 64;
export const WEIGHT_MAX = 100;

/** Founds a cluster with the members at `urls`, whose ids are n1, n2, …. Throws {@link ConfigError}. */
export function makeInitialConfig(
  options: InitialConfigOptions,
  urls: readonly string[],
): InitialClusterConfig {
  const config = clusterConfig({
    ...options.config,
    cluster: options.config?.cluster ?? drawnName(),
  });
  const { drawn } = options;
  if (drawn !== undefined) {
    // By name: whatever else comes with a drawn member says nothing of the directories made here.
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
  if (config.partitioning === "equal-partitions" && config.partitions < members.length) {
    throw new ConfigError(
      `partitions must be at least the number of nodes, ${members.length}, so that each has one: ` +
        `current value is ${config.partitions}`,
    );
  }
  return { config, members, ring: ringOf(config, members, options.seed ?? drawnSeed()) };
}

/**
 * The stored initial configuration as this start wants it: members at `urls`, changeable defaults as given now.
 * Throws {@link ConfigError} when `options` name something that was founded otherwise.
 */
export function reopenedConfig(
  stored: InitialClusterConfig,
  options: InitialConfigOptions,
  urls: readonly string[],
): InitialClusterConfig {
  const differences = differencesOf(stored, options);
  if (differences.length > 0) {
    const founded = differences.map((each) => `${each.name} ${each.founded}`).join(", ");
    const given = differences.map((each) => `${each.name} ${each.given}`).join(", ");
    throw new ConfigError(
      `this cluster was founded with ${founded}, which cannot change: given now is ${given}. ` +
        "Leave it out, or use another data directory",
    );
  }
  const { patienceMs, ...kept } = stored.config;
  // Patience follows the timeout unless it is given itself.
  const patience = options.config?.timeoutMs === undefined ? { patienceMs } : {};
  const config = clusterConfig({ ...kept, ...patience, ...options.config });
  const members = stored.members.map((member, i) => ({ ...member, url: urls[i] ?? member.url }));
  return { config, members, ring: stored.ring };
}

interface Difference {
  readonly name: string;
  readonly founded: string;
  readonly given: string;
}

function differencesOf(stored: InitialClusterConfig, options: InitialConfigOptions): Difference[] {
  const found: Difference[] = [];
  const compare = (name: string, founded: unknown, given: unknown) => {
    if (given === undefined || JSON.stringify(founded) === JSON.stringify(given)) return;
    found.push({ name, founded: written(founded), given: written(given) });
  };
  const founded = fixedPart(stored.config);
  for (const name of Object.keys(founded) as (keyof typeof founded)[]) {
    compare(name, founded[name], options.config?.[name]);
  }
  compare("nodes", stored.members.length, options.nodes);
  compare("weights", stored.members.map((member) => member.weight), options.weights);
  compare("zones", stored.members.map((member) => member.zone ?? ""), options.zones);
  if (found.length === 0 && options.seed !== undefined) {
    const same = JSON.stringify(ringOf(stored.config, stored.members, options.seed)) ===
      JSON.stringify(stored.ring);
    if (!same) found.push({ name: "seed", founded: "another", given: `${options.seed}` });
  }
  return found;
}

function written(value: unknown): string {
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

/** The weight, if it can be one. Throws {@link ConfigError}. */
export function requireWeight(weight: unknown): number {
  if (typeof weight === "number" && weight > 0 && weight <= WEIGHT_MAX) return weight;
  throw new ConfigError(
    `a weight must be a number above 0, at most ${WEIGHT_MAX}: current value is ${
      typeof weight === "number" ? weight : JSON.stringify(weight)
    }`,
  );
}

/** The zone, if it can be one. Throws {@link ConfigError}. */
export function requireZone(zone: unknown): string {
  if (typeof zone === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(zone)) return zone;
  throw new ConfigError(
    "a zone must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: current value is " +
      `'${zone}'`,
  );
}

/** Throws {@link ConfigError} unless that many nodes can be started on one machine. */
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

/** Two clusters on one machine should not be taken for each other. */
function drawnName(): string {
  return `dynamo-${crypto.randomUUID().slice(0, 6)}`;
}

function drawnSeed(): string {
  return crypto.randomUUID();
}

/**
 * Reads `cluster.json`. What is in it was written by this program; a file that is damaged or of
 * another make is refused with what is wrong with it, since guessing would misplace every key.
 */
export function parseInitialConfig(text: string, path: string): InitialClusterConfig {
  const refuse = (why: string): never => {
    throw new ConfigError(`${path} is not a cluster's initial configuration: ${why}`);
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
