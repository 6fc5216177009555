/**
 * A cluster's configuration. `FixedConfig` is set when the cluster is created and never changes.
 * The rest may differ from start to start, and a request may override some of it.
 */
import { type Partitioning, PARTITIONINGS } from "../ring/ring_state.ts";
import { VERSION_MODES, type VersionMode } from "../versions/versions.ts";

/** Fixed when the cluster is created, and stored on every node. */
interface FixedConfig {
  readonly cluster: string;
  /** N, the replicas of a key. */
  readonly n: number;
  readonly partitioning: Partitioning;
  /** Q, the equal partitions. */
  readonly partitions: number;
  /** Tokens of a node of weight 1, under the two random partitionings. */
  readonly tokensPerNode: number;
  readonly mode: VersionMode;
}

/** How a node outside a key's primaries chooses who coordinates (SOSP 2007, sections 4.5, 5 and 6.4). */
export type CoordinatorChoice = "first" | "random" | "fastest" | "least-loaded";
export const COORDINATOR_CHOICES: readonly CoordinatorChoice[] = [
  "first",
  "random",
  "fastest",
  "least-loaded",
];

/**
 * When a replica acknowledges a write: `commit`, once it is on the disk; `buffered`, once it is in
 * memory, while one replica still commits first (SOSP 2007, section 6.1).
 */
type Durability = "commit" | "buffered";
export const DURABILITIES: readonly Durability[] = ["commit", "buffered"];

/** May differ from start to start. */
export interface TunableConfig {
  readonly r: number;
  readonly w: number;
  readonly pr: number;
  readonly pw: number;
  readonly sloppy: boolean;
  readonly timeoutMs: number;
  /** How long a replica may be silent before it is passed over. */
  readonly patienceMs: number;
  readonly coordinator: CoordinatorChoice;
  readonly durability: Durability;
  readonly readRepair: boolean;
  /**
   * Off: a sloppy quorum still takes writes with hints, but they are not delivered (for
   * experiments).
   */
  readonly hintedHandoff: boolean;
  /** How often a node gossips with one peer; 0 turns gossip and failure detection off. */
  readonly gossipIntervalMs: number;
  /** Let the interval shrink while the view changes, and relax in calm. */
  readonly adaptiveGossip: boolean;
  readonly phiThreshold: number;
  readonly phiWindow: number;
  /** Hints that a node holds for others; past it, it refuses and the next fallback is asked. */
  readonly hintsMax: number;
  /** After this long a hint goes to the key's other owners instead of its target. */
  readonly hintTtlMs: number;
  /** How often undelivered hints are looked at. */
  readonly handoffIntervalMs: number;
  /** How often a node compares trees with one co-owner; 0 turns anti-entropy off. */
  readonly antiEntropyIntervalMs: number;
  /** How often one owned range is read from the disk and held against its tree; 0 never. */
  readonly scrubIntervalMs: number;
  /** How long a tombstone must have been there unchanged to be reaped: longer than any message is under way. */
  readonly tombstoneGraceMs: number;
  /** How often a node looks at a page of its disk for tombstones; 0 turns reaping off. */
  readonly reapIntervalMs: number;
  /** Keys repaired at once by one exchange. */
  readonly antiEntropyKeysMax: number;
  /** Background work waits while more than 1% of a minute's disk accesses take longer (section 6.5). */
  readonly storageSlowMs: number;
  /** Hints under way from one holder to one target, and into one receiver from all holders. */
  readonly handoffSendMax: number;
  readonly handoffReceiveMax: number;
  /** Ranges that a node takes over at once, and keys under way for each of them. */
  readonly transfersMax: number;
  readonly transferKeysMax: number;
  /** Client requests that a node coordinates or forwards at once; past it, 503. */
  readonly requestsMax: number;
  /** A put that would leave more siblings is refused (409). */
  readonly siblingsMax: number;
  /** From this many siblings on, `/status` warns. */
  readonly siblingsWarn: number;
  /** Likewise for the base64 bytes of all siblings of a key together. */
  readonly siblingBytesMax: number;
}

export interface ClusterConfig extends FixedConfig, TunableConfig {}

export const TIMEOUT_MS_MIN = 1;
export const TIMEOUT_MS_MAX = 600_000;
export const N_MAX = 20;
export const PARTITIONS_MAX = 65_536;
export const TOKENS_PER_NODE_MAX = 1_024;
export const KEY_BYTES_MAX = 1_024;
export const VALUE_BYTES_MAX = 1_048_576;

const DEFAULTS: ClusterConfig = {
  cluster: "dynamo",
  n: 3,
  partitioning: "equal-partitions",
  partitions: 128,
  tokensPerNode: 32,
  mode: "dvv",
  r: 2,
  w: 2,
  pr: 0,
  pw: 0,
  sloppy: true,
  timeoutMs: 2_000,
  patienceMs: 500,
  coordinator: "first",
  durability: "commit",
  readRepair: true,
  hintedHandoff: true,
  gossipIntervalMs: 1_000,
  adaptiveGossip: false,
  phiThreshold: 8,
  phiWindow: 100,
  hintsMax: 100_000,
  hintTtlMs: 3 * 3_600_000,
  handoffIntervalMs: 1_000,
  antiEntropyIntervalMs: 5_000,
  scrubIntervalMs: 10_000,
  tombstoneGraceMs: 24 * 3_600_000,
  reapIntervalMs: 60_000,
  antiEntropyKeysMax: 16,
  storageSlowMs: 50,
  handoffSendMax: 16,
  handoffReceiveMax: 64,
  transfersMax: 4,
  transferKeysMax: 16,
  requestsMax: 4_096,
  siblingsMax: 100,
  siblingsWarn: 25,
  siblingBytesMax: 32 * 1_048_576,
};

/** Thrown for an invalid configuration or option; the message is for the person who gave it. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/** The configuration with defaults filled in. Throws {@link ConfigError} naming field, value and what is allowed. */
export function clusterConfig(given: Partial<ClusterConfig> = {}): ClusterConfig {
  const timeoutMs = given.timeoutMs ?? DEFAULTS.timeoutMs;
  const n = given.n ?? DEFAULTS.n;
  const config: ClusterConfig = {
    ...DEFAULTS,
    r: Math.min(DEFAULTS.r, n),
    w: Math.min(DEFAULTS.w, n),
    patienceMs: Math.max(1, Math.round(timeoutMs / 4)),
    ...given,
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(config.cluster)) {
    throw new ConfigError(
      `cluster must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: current value is '${config.cluster}'`,
    );
  }
  requireInteger("n", config.n, 1, N_MAX);
  requireInteger("r", config.r, 1, config.n);
  requireInteger("w", config.w, 1, config.n);
  requireInteger("pr", config.pr, 0, config.n);
  requireInteger("pw", config.pw, 0, config.n);
  requireInteger("partitions", config.partitions, 1, PARTITIONS_MAX);
  requireInteger("tokensPerNode", config.tokensPerNode, 1, TOKENS_PER_NODE_MAX);
  requireInteger("timeoutMs", config.timeoutMs, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
  requireInteger("patienceMs", config.patienceMs, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
  requireInteger("requestsMax", config.requestsMax, 1, 1_000_000);
  requireInteger("siblingsMax", config.siblingsMax, 1, 10_000);
  requireInteger("siblingsWarn", config.siblingsWarn, 1, 10_000);
  requireInteger("siblingBytesMax", config.siblingBytesMax, 1, 1_073_741_824);
  requireInteger("gossipIntervalMs", config.gossipIntervalMs, 0, TIMEOUT_MS_MAX);
  requireInteger("phiWindow", config.phiWindow, 1, 10_000);
  requireInteger("hintsMax", config.hintsMax, 0, 100_000_000);
  requireInteger("hintTtlMs", config.hintTtlMs, 1, 365 * 24 * 3_600_000);
  requireInteger("handoffIntervalMs", config.handoffIntervalMs, 1, TIMEOUT_MS_MAX);
  requireInteger("antiEntropyIntervalMs", config.antiEntropyIntervalMs, 0, TIMEOUT_MS_MAX);
  requireInteger("scrubIntervalMs", config.scrubIntervalMs, 0, 24 * 3_600_000);
  requireInteger("tombstoneGraceMs", config.tombstoneGraceMs, 0, 365 * 24 * 3_600_000);
  requireInteger("reapIntervalMs", config.reapIntervalMs, 0, 24 * 3_600_000);
  requireInteger("antiEntropyKeysMax", config.antiEntropyKeysMax, 1, 10_000);
  requireInteger("storageSlowMs", config.storageSlowMs, 1, TIMEOUT_MS_MAX);
  requireInteger("handoffSendMax", config.handoffSendMax, 1, 10_000);
  requireInteger("handoffReceiveMax", config.handoffReceiveMax, 1, 10_000);
  requireInteger("transfersMax", config.transfersMax, 1, 10_000);
  requireInteger("transferKeysMax", config.transferKeysMax, 1, 10_000);
  if (!(config.phiThreshold > 0 && config.phiThreshold <= 100)) {
    throw new ConfigError(
      `phiThreshold must be above 0 and at most 100: current value is ${config.phiThreshold}`,
    );
  }
  requireOneOf("partitioning", config.partitioning, PARTITIONINGS);
  requireOneOf("mode", config.mode, VERSION_MODES);
  requireOneOf("durability", config.durability, DURABILITIES);
  requireOneOf("coordinator", config.coordinator, COORDINATOR_CHOICES);
  return config;
}

/** The fields a node checks against what it has stored: starting with others is refused. */
export function fixedPart(config: ClusterConfig): FixedConfig {
  const { cluster, n, partitioning, partitions, tokensPerNode, mode } = config;
  return { cluster, n, partitioning, partitions, tokensPerNode, mode };
}

export function requireInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new ConfigError(
      `${name} must be a whole number from ${least} to ${most}: current value is ${value}`,
    );
  }
}

export function requireOneOf<T extends string>(
  name: string,
  value: T,
  allowed: readonly T[],
): void {
  if (!allowed.includes(value)) {
    throw new ConfigError(
      `${name} must be one of ${allowed.join(", ")}: current value is '${value}'`,
    );
  }
}
