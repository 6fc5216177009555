/** Chooses the ports of a cluster's nodes and checks that they are free. */
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { NODES_DEFAULT } from "../process/cluster_config_file.ts";
import { freePorts, PORT_MAX, takenPorts } from "../process/ports.ts";
import { LaunchError } from "./launch_error.ts";
import type { MemberList } from "./member_list.ts";

export const HOST = "127.0.0.1";
export const PORT_DEFAULT = 9_100;

interface WantedPorts {
  /** 0: any free ports; left out: those that the cluster used last. */
  readonly port?: number;
  readonly nodes?: number;
}

/** The ports of the initial members. Throws {@link ConfigError} for a port that is not allowed. */
export function portsFor(
  stored: InitialClusterConfig | null,
  { joined, leaving, gone }: MemberList,
  wanted: WantedPorts,
): number[] {
  const count = stored?.members.length ?? wanted.nodes ?? NODES_DEFAULT;
  if (wanted.port === undefined && stored !== null) return portsOf(stored.members);
  const port = wanted.port ?? PORT_DEFAULT;
  if (joined.length + leaving.length + gone.length > 0) {
    throw new ConfigError(
      "port must be left out, as the membership has changed since the cluster was created and the " +
        `nodes know each other by their addresses: current value is ${port}`,
    );
  }
  if (port === 0) return freePorts(HOST, count);
  const most = PORT_MAX + 1 - count;
  if (!Number.isInteger(port) || port < 1 || port > most) {
    throw new ConfigError(
      `port must be 0 (any free ports) or, for ${count} nodes, from 1 to ${most}: current value is ${port}`,
    );
  }
  return Array.from({ length: count }, (_, i) => port + i);
}

/** Spare nodes, on free ports other than those of the members. */
export function sparesAt(ids: readonly NodeId[], members: readonly number[]): Member[] {
  const ports = freePorts(HOST, members.length + ids.length)
    .filter((port) => !members.includes(port));
  return ids.map((id, i) => ({ id, url: `http://${HOST}:${ports[i]}`, weight: 1 }));
}

export function portsOf(members: readonly Member[]): number[] {
  return members.map(({ url }) => Number(new URL(url).port));
}

/** Throws {@link LaunchError} that names the processes that use the ports. */
export async function requireFree(ports: readonly number[]): Promise<void> {
  const taken = await takenPorts(HOST, ports);
  if (taken.length === 0) return;
  const list = taken.map(({ port, reason }) => `\n  port ${port} is taken by ${reason}`).join("");
  const [first, last] = [ports[0], ports.at(-1)];
  const where = first === last ? `a node on port ${first}` : `nodes on ports ${first} to ${last}`;
  throw new LaunchError(
    "refused",
    `Cannot start ${where} of ${HOST}:${list}\n` +
      "Stop the programs that listen there, or choose another first port (0: any free ports)",
  );
}
