/**
 * Command lines: one way to declare flags, to check their values and to say what is wrong with them.
 *
 * A wrong value is answered with the flag, the value and what is allowed, on stderr, and exit code 2,
 * before anything is started. The flags that describe a cluster are declared once for all commands
 * that start or simulate one.
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

/** The exit code of a command that was asked for what cannot be. */
export const EXIT_REFUSED = 2;

// Values ------------------------------------------------------------------------------------------

/** A flag's value as a whole number within bounds. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** A list such as `1,2,0.5`: numbers above 0 and at most `most`. */
export function positives(most: number): (text: string) => number[] {
  return (text) =>
    items(text).map((item) => {
      const value = item === "" ? NaN : Number(item);
      if (value > 0 && value <= most) return value;
      throw new InvalidArgumentError(
        `It must be numbers above 0, at most ${most}, separated by commas: '${item}' is none.`,
      );
    });
}

/** A list such as `a,b,b`. */
export function items(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

/** A latency spec, checked here so that a mistake is found before anything is started. */
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

/** What {@link clusterFlags} declares, as commander gives it. */
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

/** Declares the flags that say what a cluster is founded with and what its defaults are. */
export function clusterFlags(
  command: Command,
  seedMeans = "where the ring's tokens are drawn from (default: drawn)",
): Command {
  const count = (flags: string, description: string, least: number, most: number) =>
    new Option(flags, description).argParser(integer(least, most));
  return command
    .addOption(count("--nodes <count>", `nodes (default: ${NODES_DEFAULT})`, 1, NODES_MAX))
    .option("--name <name>", "the cluster's name (default: drawn)")
    .addOption(count("--n <count>", "replicas of a key, N (default: 3)", 1, N_MAX))
    .addOption(count("--r <count>", "replies a get waits for, R (default: 2)", 1, N_MAX))
    .addOption(count("--w <count>", "acknowledgements a put waits for, W (default: 2)", 1, N_MAX))
    .addOption(count("--pr <count>", "how many of R must be primaries (default: 0)", 0, N_MAX))
    .addOption(count("--pw <count>", "how many of W must be primaries (default: 0)", 0, N_MAX))
    .addOption(choice("--partitioning <how>", "how the ring is cut", PARTITIONINGS))
    .addOption(
      count("--partitions <count>", "equal partitions, Q (default: 128)", 1, PARTITIONS_MAX),
    )
    .addOption(
      count(
        "--tokens <count>",
        "tokens a node, drawn at random (default: 32)",
        1,
        TOKENS_PER_NODE_MAX,
      ),
    )
    .addOption(choice("--mode <mode>", "how versions are told apart", VERSION_MODES))
    .addOption(
      count("--timeout-ms <ms>", "for a request (default: 2000)", TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
    )
    .addOption(choice("--coordinator <choice>", "who coordinates", COORDINATOR_CHOICES))
    .addOption(
      choice("--sloppy [yes]", "whether fallbacks stand in for primaries that are down", [
        "true",
        "false",
      ]).preset("true"),
    )
    .addOption(
      new Option("--weights <list>", "relative capacities, one a node: 1,1,2")
        .argParser(positives(WEIGHT_MAX)),
    )
    .addOption(
      new Option("--zones <list>", "one a node, spanned by replicas: a,a,b").argParser(items),
    )
    .option("--seed <seed>", seedMeans);
}

/** What the flags of {@link clusterFlags} ask for; only what was given is set. */
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

/** Fields of a configuration whose flag is not the field's own name. */
const FLAG_OF: { readonly [field: string]: string } = {
  cluster: "--name",
  tokensPerNode: "--tokens",
  timeoutMs: "--timeout-ms",
};

/** What a `ConfigError` says, with the flag in place of the field that it opens with. */
export function flagged(error: ConfigError): string {
  return error.message.replace(
    /^(\w+)(?= must )/,
    (field) => FLAG_OF[field] ?? `--${field}`,
  );
}

// Running -----------------------------------------------------------------------------------------

/** A command that explains itself. */
export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .configureHelp({ helpWidth: 100 })
    .showHelpAfterError("(--help lists every flag)");
}

/** Reads the command line into the command, or says what is wrong with it and exits with 2. */
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

/** Says why the command ends and ends it. */
export function fail(message: string, code: number): never {
  writeAll(Deno.stderr, `error: ${message}\n`);
  Deno.exit(code);
}

/** Writes at once: what is said before an exit must not be lost. */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(to.writeSync(bytes));
}
