/**
 * One node as a process: `deno task node --id n1 --port 9101`. See `nodes/process/flags.ts` for its
 * flags.
 *
 * It prints one line of JSON on standard output when it is ready, and everything else on standard
 * error. It exits with 0 when told to stop, with 2 when it cannot start as requested, and with 70
 * after an internal error.
 */
import { ConfigError } from "../lib/dynamo/types/config.ts";
import { type Legs, parseLegs, SpecError } from "../lib/random/latency.ts";
import { type NodeFlags, PORT_DEFAULT, readFlags, USAGE } from "../nodes/process/flags.ts";
import { resolveSetup } from "../nodes/process/initial_config.ts";
import { admit, JoinError } from "../nodes/process/join.ts";
import { openLog } from "../nodes/process/log.ts";
import { type NodeLog, type RunningNode, StartError, startNode } from "../nodes/process/node.ts";
import { validateSecret } from "../nodes/process/secret.ts";

const EXIT_USAGE = 2;
const EXIT_DEFECT = 70;

async function main(): Promise<void> {
  const flags = readFlags(Deno.args);
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  const log = openLog(flags.id);
  const secret = await secretFrom("--secret-file", flags.secretFile, "DYNAMO_SECRET");
  const ca = await readIfGiven("--ca", flags.ca);
  const node = await start(flags, { log, secret, ca });
  const stop = stopper(node);
  Deno.addSignalListener("SIGTERM", stop);
  // Ctrl-C reaches every process on the terminal. A child leaves the reaction to its parent.
  Deno.addSignalListener("SIGINT", flags.child ? () => {} : stop);
  if (flags.child) untilStdinCloses().then(stop);
  await node.settled;
  await findPart(node, flags, { log, secret, ca });
  const { url, service: { boot: { self: id } } } = node;
  console.log(JSON.stringify({ ready: true, id, url, pid: Deno.pid }));
}

interface Means {
  readonly log: NodeLog;
  readonly secret: string | null;
  readonly ca: string | undefined;
}

/** Joins the cluster if the node was started for that. A member stays one. */
async function findPart(node: RunningNode, flags: NodeFlags, means: Means): Promise<void> {
  const { service } = node;
  const id = service.boot.self;
  const tellOfEnd = () => {
    if (service.memberStatus === "left") {
      means.log.info(`'${id}' has left the cluster and can be stopped`);
    }
    if (service.memberStatus === "removed") {
      means.log.error(`'${id}' was removed from the cluster and serves no requests: stop it`);
    }
  };
  service.onMemberStatus(tellOfEnd);
  if (service.memberStatus === "member" || service.memberStatus === "leaving") return;
  if (flags.join === undefined || !flags.admit) {
    if (service.memberStatus === "removed") return tellOfEnd();
    const what = service.memberStatus === "left" ? "has left the cluster" : "is not a member yet";
    means.log.info(`'${id}' ${what} and stores nothing: POST /membership/join adds it`);
    return;
  }
  const { weight, zone } = flags;
  try {
    await admit(node, { ...means, join: flags.join, joinAttributes: { weight, zone } });
  } catch (error) {
    await node.stop();
    throw error;
  }
}

async function start(flags: NodeFlags, { log, secret, ca }: Means): Promise<RunningNode> {
  const kvToken = await secretFrom("--kv-token-file", flags.kvTokenFile, "DYNAMO_KV_TOKEN");
  const cert = await readIfGiven("--cert", flags.cert);
  const key = await readIfGiven("--key", flags.key);
  const tls = cert === undefined || key === undefined ? undefined : { cert, key };
  const scheme = tls === undefined ? "http" : "https";
  const { weight, zone } = flags;
  return await startNode({
    self: flags.id,
    host: flags.host,
    kv: flags.kv,
    setup: (stored) =>
      resolveSetup({
        flags,
        secret,
        ca,
        portDefault: PORT_DEFAULT,
        ownUrl: (port) => `${scheme}://${urlHost(flags.host)}:${port}`,
        anyPort: () => freePort(flags.host),
        warn: (message) => log.warn(message),
      }, stored),
    joinAttributes: { weight, zone },
    secret,
    kvToken,
    allowOrigins: flags.allowOrigins,
    legs: legsFrom(flags.latency),
    allowFaults: flags.allowFaults,
    seed: flags.seed,
    tls,
    ca,
    log,
    onDefect: (error) => {
      // The state may be wrong. Everything that was acknowledged is on disk.
      console.error("Internal error, the node stops:", error);
      Deno.exit(EXIT_DEFECT);
    },
  });
}

function legsFrom(spec: string | undefined): Legs | undefined {
  if (spec === undefined) return undefined;
  try {
    return parseLegs(spec);
  } catch (error) {
    if (error instanceof SpecError) throw new ConfigError(`--latency: ${error.message}`);
    throw error;
  }
}

/** A secret from its file or from the environment; null without both. It is never printed. */
async function secretFrom(
  flag: string,
  path: string | undefined,
  variable: string,
): Promise<string | null> {
  const given = path === undefined
    ? await environment(variable)
    : (await readFile(flag, path)).trim();
  if (given === null) return null;
  const invalid = validateSecret(given);
  if (invalid !== null) {
    throw new ConfigError(`${path ?? variable} must contain a valid secret: ${invalid}`);
  }
  return given;
}

/** Children get files and have no permission to read the environment. */
async function environment(variable: string): Promise<string | null> {
  const { state } = await Deno.permissions.query({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) ?? null : null;
}

async function readIfGiven(flag: string, path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : await readFile(flag, path);
}

async function readFile(flag: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(`Cannot read ${flag} ${path}: ${(error as Error).message}`);
  }
}

function freePort(hostname: string): number {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function stopper(node: RunningNode): () => void {
  return () => {
    node.stop().then(() => Deno.exit(0), (error) => {
      console.error("The node could not stop cleanly:", error);
      Deno.exit(EXIT_DEFECT);
    });
  };
}

/** Resolves when the parent ends: then the pipe closes. */
async function untilStdinCloses(): Promise<void> {
  try {
    for await (const _ of Deno.stdin.readable);
  } catch {
    // A broken pipe is closed too.
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    const expected = error instanceof ConfigError || error instanceof StartError ||
      error instanceof JoinError;
    console.error(expected ? error.message : error);
    Deno.exit(expected ? EXIT_USAGE : EXIT_DEFECT);
  }
}
