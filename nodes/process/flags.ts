/**
 * The command line of a node. It is parsed with `node:util` and not with the library of the other
 * commands, because a cluster starts many nodes and that library takes time to load.
 */
import { parseArgs } from "node:util";
import { type ClusterConfig, ConfigError, requireInteger } from "../../lib/dynamo/types/config.ts";
import { WEIGHT_MAX } from "./cluster_config_file.ts";

const HOST_DEFAULT = "127.0.0.1";
export const PORT_DEFAULT = 9101;

export interface NodeFlags {
  readonly help: boolean;
  readonly id: string;
  readonly host: string;
  /** Undefined: the port in the node's URL in the initial configuration. */
  readonly port: number | undefined;
  readonly kv: string;
  readonly initialConfig: string | undefined;
  readonly join: string | undefined;
  /** Whether a node that is not a member joins by itself. */
  readonly admit: boolean;
  /** The URL at which others reach it, if host and port do not give it. */
  readonly url: string | undefined;
  readonly weight: number | undefined;
  readonly zone: string | undefined;
  readonly secretFile: string | undefined;
  readonly kvTokenFile: string | undefined;
  readonly latency: string | undefined;
  readonly allowFaults: boolean;
  readonly allowOrigins: readonly string[];
  readonly child: boolean;
  readonly seed: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly ca: string | undefined;
  /** The given part of the cluster's configuration. */
  readonly config: Partial<ClusterConfig>;
}

export const USAGE = `One node of a Dynamo cluster.

  deno task node --id n1 --port 9101 [--join URL | --initial-config FILE] [options]

Without --join and --initial-config it creates a cluster of one node. With --join and a new id it joins
the cluster: ranges of keys move to it while all nodes continue to serve requests.

  --id ID              the node's id in the cluster (default: n1)
  --host ADDR          the address to listen on (default: ${HOST_DEFAULT}); beyond loopback it needs a secret
  --port PORT          the port to listen on; 0 for any free port (default: the port of its URL in the
                       initial configuration, or ${PORT_DEFAULT})
  --kv PATH_OR_URL     its data: a file, or a KV Connect service (default: data/ID/node.sqlite3)
  --join URL           a running node of the cluster to join; it provides the initial configuration
  --no-admit           with --join: do not join, but wait until POST /membership/join adds the node
  --weight W           with --join: relative capacity, to which its share of the ring is proportional
                       (default: 1)
  --zone NAME          with --join: its zone; the replicas of a key are placed in different zones
  --url URL            the URL at which others reach it (default: http://HOST:PORT)
  --initial-config FILE  the initial configuration, from a file
  --secret-file FILE   the cluster's secret; alternatively the environment variable DYNAMO_SECRET
  --kv-token-file FILE a token that clients must send to /kv; alternatively DYNAMO_KV_TOKEN
  --cert FILE --key FILE   serve TLS with this certificate and key (PEM)
  --ca FILE            certificates to trust in addition to the system's (PEM)
  --allow-origin URL   a web origin that may read answers; can be given several times
  --latency SPEC       delay messages to replicas: 'uniform(0,20)', 'W=exp(1);A,R,S=0.5', 'LNKD-DISK'
  --allow-faults       allow /faults to inject faults
  --seed TEXT          seed of the random numbers (latencies and choices)
  --child              stop when standard input closes, and ignore Ctrl-C

The cluster's configuration. Fixed when the cluster is created:
  --cluster NAME  --n N  --partitioning NAME  --partitions Q  --tokens-per-node T  --mode NAME
Can change at every start:
  --r R  --w W  --pr PR  --pw PW  --strict  --timeout-ms MS  --patience-ms MS  --coordinator NAME
`;

const TEXT = { type: "string" } as const;
const SWITCH = { type: "boolean", default: false } as const;

const FLAGS = {
  "help": { ...SWITCH, short: "h" },
  "id": TEXT,
  "host": TEXT,
  "port": TEXT,
  "kv": TEXT,
  "initial-config": TEXT,
  "join": TEXT,
  "no-admit": SWITCH,
  "url": TEXT,
  "weight": TEXT,
  "zone": TEXT,
  "secret-file": TEXT,
  "kv-token-file": TEXT,
  "latency": TEXT,
  "allow-faults": SWITCH,
  "allow-origin": { ...TEXT, multiple: true },
  "child": SWITCH,
  "seed": TEXT,
  "cert": TEXT,
  "key": TEXT,
  "ca": TEXT,
  "cluster": TEXT,
  "partitioning": TEXT,
  "mode": TEXT,
  "coordinator": TEXT,
  "n": TEXT,
  "r": TEXT,
  "w": TEXT,
  "pr": TEXT,
  "pw": TEXT,
  "strict": SWITCH,
  "partitions": TEXT,
  "tokens-per-node": TEXT,
  "timeout-ms": TEXT,
  "patience-ms": TEXT,
} as const;

type Values = Partial<Record<keyof typeof FLAGS, string | boolean | (string | boolean)[]>>;

/** Throws {@link ConfigError} that names the flag, its value and what is allowed. */
export function readFlags(args: readonly string[]): NodeFlags {
  const values = parsed(args);
  const text = (name: keyof typeof FLAGS) => values[name] as string | undefined;
  const id = text("id") ?? "n1";
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) {
    throw new ConfigError(
      `--id must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: it is '${id}'`,
    );
  }
  if (text("join") !== undefined && text("initial-config") !== undefined) {
    throw new ConfigError(
      "--join and --initial-config cannot be combined: each one provides the initial configuration",
    );
  }
  if ((text("cert") === undefined) !== (text("key") === undefined)) {
    throw new ConfigError("--cert and --key must be given together: one of them is missing");
  }
  for (const name of ["no-admit", "weight", "zone"] as const) {
    const isGiven = values[name] !== undefined && values[name] !== false;
    if (!isGiven || text("join") !== undefined) continue;
    throw new ConfigError(`--${name} is for a node that joins: it needs --join`);
  }
  return {
    help: values.help === true,
    id,
    host: text("host") ?? HOST_DEFAULT,
    port: wholeNumber("port", text("port"), 0, 65_535),
    kv: text("kv") ?? `data/${id}/node.sqlite3`,
    initialConfig: text("initial-config"),
    join: urlOf("join", text("join")),
    admit: values["no-admit"] !== true,
    url: originOf("url", text("url")),
    weight: weightIn(text("weight")),
    zone: zoneIn(text("zone")),
    secretFile: text("secret-file"),
    kvTokenFile: text("kv-token-file"),
    latency: text("latency"),
    allowFaults: values["allow-faults"] === true,
    allowOrigins: ((values["allow-origin"] ?? []) as string[]).map((origin) =>
      originOf("allow-origin", origin) as string
    ),
    child: values.child === true,
    seed: text("seed"),
    cert: text("cert"),
    key: text("key"),
    ca: text("ca"),
    config: configIn(values),
  };
}

function parsed(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values as Values;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}. See --help`);
  }
}

function configIn(values: Values): Partial<ClusterConfig> {
  const number = (name: keyof typeof FLAGS, min: number) =>
    wholeNumber(name, values[name] as string | undefined, min, 1_000_000);
  const given = {
    cluster: values.cluster,
    partitioning: values.partitioning,
    mode: values.mode,
    coordinator: values.coordinator,
    n: number("n", 1),
    r: number("r", 1),
    w: number("w", 1),
    pr: number("pr", 0),
    pw: number("pw", 0),
    partitions: number("partitions", 1),
    tokensPerNode: number("tokens-per-node", 1),
    timeoutMs: number("timeout-ms", 1),
    patienceMs: number("patience-ms", 1),
    sloppy: values.strict === true ? false : undefined,
  };
  // `clusterConfig` checks the values of the names.
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Partial<ClusterConfig>;
}

function wholeNumber(
  name: string,
  value: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (Number.isNaN(number)) {
    throw new ConfigError(
      `--${name} must be a whole number from ${min} to ${max}: current value is '${value}'`,
    );
  }
  requireInteger(`--${name}`, number, min, max);
  return number;
}

function weightIn(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,4}(\.\d{1,9})?$/.test(value) ? Number(value) : NaN;
  if (number > 0 && number <= WEIGHT_MAX) return number;
  throw new ConfigError(
    `--weight must be a number above 0, at most ${WEIGHT_MAX}: current value is '${value}'`,
  );
}

function zoneIn(value: string | undefined): string | undefined {
  if (value === undefined || /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)) return value;
  throw new ConfigError(
    "--zone must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit: current value is " +
      `'${value}'`,
  );
}

function originOf(name: string, value: string | undefined): string | undefined {
  const url = urlOf(name, value);
  return url === undefined ? undefined : new URL(url).origin;
}

function urlOf(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new ConfigError(
      `--${name} must be a URL such as http://127.0.0.1:9101: current value is '${value}'`,
    );
  }
  return value;
}
