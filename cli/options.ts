/**
 * Declares and checks command-line flags, in the same way for all commands.
 *
 * For a wrong value, a command prints the flag, the value and what is allowed on stderr and exits
 * with code 2, before it starts anything. The flags that describe a cluster are declared once, for
 * all commands that start or simulate one.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Partitioning, PARTITIONINGS } from "../lib/dynamo/ring/ring_state.ts";
import {
  type ClusterConfig,
  ConfigError,
  COORDINATOR_CHOICES,
  type CoordinatorChoice,
  N_MAX,
  PARTITIONS_MAX,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  TOKENS_PER_NODE_MAX,
} from "../lib/dynamo/types/config.ts";
import { VERSION_MODES, type VersionMode } from "../lib/dynamo/versions/versions.ts";
import { parseLegs, SpecError } from "../lib/random/latency.ts";
import {
  type InitialConfigOptions,
  NODES_DEFAULT,
  NODES_MAX,
  WEIGHT_MAX,
} from "../nodes/process/cluster_config_file.ts";

/** The exit code for invalid input. */
export const EXIT_REFUSED = 2;

// Values ------------------------------------------------------------------------------------------

/** Parses a flag's value as a whole number within bounds. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Parses a list such as `1,2,0.5`: numbers above 0 and at most `most`. */
export function positives(most: number): (text: string) => number[] {
  return (text) =>
    items(text).map((item) => {
      const value = item === "" ? NaN : Number(item);
      if (value > 0 && value <= most) return value;
      throw new InvalidArgumentError(
        `It must be numbers above 0, at most ${most}, separated by commas: '${item}' is not.`,
      );
    });
}

/** Parses a list such as `a,b,b`. */
export function items(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

/** Checks a latency spec, so that a mistake is found before anything starts. */
export function latencySpec(text: string): string {
  try {
    parseLegs(text);
    return text;
  } catch (error) {
    if (error instanceof SpecError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function choice(flags: string, description: string, allowed: readonly string[]): Option {
  return new Option(flags, description).choices(allowed);
}

// A cluster's flags -------------------------------------------------------------------------------

/** The flags of {@link clusterFlags}, as commander returns them. */
interface ClusterFlags {
  readonly nodes?: number;
  readonly name?: string;
  readonly n?: number;
  readonly r?: number;
  readonly w?: number;
  readonly pr?: number;
  readonly pw?: number;
  readonly partitioning?: Partitioning;
  readonly partitions?: number;
  readonly tokens?: number;
  readonly mode?: VersionMode;
  readonly timeoutMs?: number;
  readonly coordinator?: CoordinatorChoice;
  readonly sloppy?: "true" | "false";
  readonly weights?: number[];
  readonly zones?: string[];
  readonly seed?: string;
}

/** Declares the flags for a cluster's initial configuration and its defaults. */
export function clusterFlags(
  command: Command,
  seedMeans = "seed for the ring's tokens (default: random)",
): Command {
  const count = (flags: string, description: string, least: number, most: number) =>
    new Option(flags, description).argParser(integer(least, most));
  return command
    .addOption(
      count("--nodes <count>", `number of nodes (default: ${NODES_DEFAULT})`, 1, NODES_MAX),
    )
    .option("--name <name>", "the cluster's name (default: random)")
    .addOption(count("--n <count>", "replicas of a key, N (default: 3)", 1, N_MAX))
    .addOption(count("--r <count>", "replies a get waits for, R (default: 2)", 1, N_MAX))
    .addOption(count("--w <count>", "acknowledgements a put waits for, W (default: 2)", 1, N_MAX))
    .addOption(count("--pr <count>", "how many of R must be primaries (default: 0)", 0, N_MAX))
    .addOption(count("--pw <count>", "how many of W must be primaries (default: 0)", 0, N_MAX))
    .addOption(choice("--partitioning <how>", "how the ring is partitioned", PARTITIONINGS))
    .addOption(
      count("--partitions <count>", "equal partitions, Q (default: 128)", 1, PARTITIONS_MAX),
    )
    .addOption(
      count(
        "--tokens <count>",
        "tokens per node, drawn at random (default: 32)",
        1,
        TOKENS_PER_NODE_MAX,
      ),
    )
    .addOption(choice("--mode <mode>", "how versions are tracked", VERSION_MODES))
    .addOption(
      count(
        "--timeout-ms <ms>",
        "timeout of a request (default: 2000)",
        TIMEOUT_MS_MIN,
        TIMEOUT_MS_MAX,
      ),
    )
    .addOption(
      choice("--coordinator <choice>", "which node coordinates a request", COORDINATOR_CHOICES),
    )
    .addOption(
      choice("--sloppy [yes]", "whether fallbacks replace primaries that are down", [
        "true",
        "false",
      ]).preset("true"),
    )
    .addOption(
      new Option("--weights <list>", "relative capacities, one for each node: 1,1,2")
        .argParser(positives(WEIGHT_MAX)),
    )
    .addOption(
      new Option("--zones <list>", "one for each node; replicas span zones: a,a,b").argParser(
        items,
      ),
    )
    .option("--seed <seed>", seedMeans);
}

/** The options from the flags of {@link clusterFlags}. Only flags that were given are set. */
export function initialConfigOptions(flags: ClusterFlags): InitialConfigOptions {
  const { n, r, w, pr, pw, partitioning, partitions, mode, timeoutMs, coordinator } = flags;
  const config: { [field in keyof ClusterConfig]?: ClusterConfig[field] | undefined } = {
    n,
    r,
    w,
    pr,
    pw,
    partitioning,
    partitions,
    mode,
    timeoutMs,
    coordinator,
    cluster: flags.name,
    tokensPerNode: flags.tokens,
    sloppy: flags.sloppy === undefined ? undefined : flags.sloppy === "true",
  };
  const { nodes, weights, zones, seed } = flags;
  return given({ nodes, weights, zones, seed, config: given(config) });
}

/** The object without the fields that are undefined. */
export function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Flags whose name differs from the field of the configuration. */
const FLAG_OF: { readonly [field: string]: string } = {
  cluster: "--name",
  tokensPerNode: "--tokens",
  timeoutMs: "--timeout-ms",
};

/** The message of a `ConfigError`, with the flag instead of the field at its start. */
export function flagged(error: ConfigError): string {
  return error.message.replace(
    /^(\w+)(?= must )/,
    (field) => FLAG_OF[field] ?? `--${field}`,
  );
}

// Running -----------------------------------------------------------------------------------------

/** A command with help. */
export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .configureHelp({ helpWidth: 100 })
    .showHelpAfterError("(--help lists all flags)");
}

/** Parses the command line. For invalid input it prints an error and exits with 2. */
export function readArguments(command: Command, args: readonly string[] = Deno.args): void {
  command.exitOverride().allowExcessArguments(false).configureOutput({
    writeOut: (text) => writeAll(Deno.stdout, text),
    writeErr: (text) => writeAll(Deno.stderr, text),
  });
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    Deno.exit(error.exitCode === 0 ? 0 : EXIT_REFUSED);
  }
}

/** Prints an error and exits. */
export function fail(message: string, code: number): never {
  writeAll(Deno.stderr, `error: ${message}\n`);
  Deno.exit(code);
}

/** Writes synchronously, so that nothing is lost when the process exits right afterwards. */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(to.writeSync(bytes));
}
