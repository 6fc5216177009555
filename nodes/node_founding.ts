/**
 * Where a node learns what its cluster was founded with: from a file, from a running node, or, for a
 * node on its own, from its flags.
 */
import { clusterConfig, ConfigError, foundedPart } from "../lib/dynamo/config.ts";
import type { Founding } from "../lib/dynamo/events.ts";
import { foundRing } from "../lib/dynamo/founding.ts";
import { SeededRandom } from "../lib/random/seeded.ts";
import { parseFounding } from "./founding_file.ts";
import type { NodeFlags } from "./node_flags.ts";
import { RpcSession } from "./rpc_session.ts";

/** How long the node to join may take to answer, ms. */
const JOIN_MS = 5_000;

export interface FoundingSource {
  readonly flags: NodeFlags;
  readonly secret: string | null;
  readonly ca: string | undefined;
  /** Where this node listens, for the member list of a cluster of its own. */
  readonly ownUrl: () => string;
}

/** Throws {@link ConfigError} with what is wrong for the person who started the node. */
export async function foundingFor(source: FoundingSource): Promise<Founding> {
  const { flags } = source;
  if (flags.founding === undefined && flags.join === undefined) return foundAlone(source);
  const founding = flags.founding === undefined
    ? parseFounding(await askFounding(source, flags.join as string), flags.join as string)
    : parseFounding(await readFile(flags.founding), flags.founding);
  if (!founding.members.some((member) => member.id === flags.id)) {
    const ids = founding.members.map((member) => member.id).join(", ");
    throw new ConfigError(
      `--id must be one of the cluster's founding members, ${ids}: current value is '${flags.id}'`,
    );
  }
  return { ...founding, config: tuned(founding, flags) };
}

/** What may change at a start is as the flags say; what was founded must be as it was. */
function tuned(founding: Founding, flags: NodeFlags): Founding["config"] {
  const founded = foundedPart(founding.config);
  for (const name of Object.keys(founded) as (keyof typeof founded)[]) {
    const given = flags.config[name];
    if (given === undefined || given === founded[name]) continue;
    throw new ConfigError(
      `${name} was founded as '${founded[name]}' and cannot change: given is '${given}'`,
    );
  }
  return clusterConfig({ ...founding.config, ...flags.config });
}

/**
 * A cluster of this node alone. N is 1 unless it is given: with fewer nodes than N all are owners and
 * W is not lowered, so that N = 3 would refuse every write until others join.
 */
function foundAlone({ flags, ownUrl }: FoundingSource): Founding {
  const config = clusterConfig({ n: 1, ...flags.config });
  const members = [{ id: flags.id, url: ownUrl(), weight: 1 }];
  // From the name: a restart on the same data must find the same ring.
  const random = SeededRandom.from(`${config.cluster}/${flags.id}`).child("ring");
  return { config, members, ring: foundRing([{ id: flags.id, weight: 1 }], config, random) };
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(`Cannot read --founding ${path}: ${(error as Error).message}`);
  }
}

/** The `founding` method of a running node, as JSON text. */
async function askFounding({ secret, ca }: FoundingSource, url: string): Promise<string> {
  const refuse = (reason: string) =>
    new ConfigError(`Cannot learn the cluster from --join ${url}: ${reason}`);
  let session: RpcSession | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      timer = setTimeout(() => reject(refuse(`no answer within ${JOIN_MS} ms`)), JOIN_MS);
      const opened: RpcSession = new RpcSession({ url, secret, ca }, {
        onWritable: () => opened.write('{"jsonrpc":"2.0","id":1,"method":"founding"}\n'),
        onLines: ([text]) => resolve(text ?? ""),
        onClosing: () => {},
        onEnd: (reason) => reject(refuse(reason)),
      });
      session = opened;
    });
    const { result, error } = JSON.parse(answer);
    if (error !== undefined) throw refuse(error.message);
    return JSON.stringify(result?.founding ?? null);
  } finally {
    clearTimeout(timer);
    session?.drop("done");
  }
}
