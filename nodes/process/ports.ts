/**
 * Ports for a cluster's nodes: finds free ones, and the processes on taken ones.
 *
 * Free ports are chosen below the ephemeral range, from which the operating system takes the source
 * ports of outgoing connections. While a node is down, any connection on the machine can take a port of
 * that range. Worse, a peer that keeps trying to connect to such a port can get the same port as its
 * source and connect to itself.
 */
import { holderOf } from "./port_holder.ts";

/** Ports for `port: 0`: above those of common services, below the ephemeral ranges of Linux and macOS. */
const FREE_PORT_MIN = 12_000;
const FREE_PORT_MAX = 31_999;
export const PORT_MAX = 65_535;
const ATTEMPTS_MAX = 2_000;

interface TakenPort {
  readonly port: number;
  /** The process that has it if known, or the system's error. */
  readonly reason: string;
}

/** `count` free ports at `host`, consecutive if possible. Throws if there are not enough. */
export function freePorts(host: string, count: number): number[] {
  const found: number[] = [];
  let port = randomPort();
  for (let attempt = 0; attempt < ATTEMPTS_MAX && found.length < count; attempt++) {
    const next = port + 1 > FREE_PORT_MAX ? FREE_PORT_MIN : port + 1;
    const free = !found.includes(port) && listenErrorOf(host, port) === null;
    if (free) found.push(port);
    // After a taken port, a random one: another launcher may be taking consecutive ports from here.
    port = free ? next : randomPort();
  }
  if (found.length < count) {
    throw new Error(
      `Cannot find ${count} free ports on ${host} from ${FREE_PORT_MIN} to ${FREE_PORT_MAX}: ` +
        `found ${found.length}`,
    );
  }
  return found;
}

function randomPort(): number {
  return FREE_PORT_MIN + Math.floor(Math.random() * (FREE_PORT_MAX - FREE_PORT_MIN + 1));
}

/** The ports on which this process cannot listen at `host`. */
export async function takenPorts(host: string, ports: readonly number[]): Promise<TakenPort[]> {
  const taken: TakenPort[] = [];
  for (const port of ports) {
    const error = listenErrorOf(host, port);
    if (error === null) continue;
    const holder = error instanceof Deno.errors.AddrInUse ? await holderOf(port) : null;
    taken.push({ port, reason: holder ?? describe(error) });
  }
  return taken;
}

function describe(error: Error): string {
  return error instanceof Deno.errors.AddrInUse ? "an unknown process" : error.message;
}

/** The error of an attempt to listen on the port; null if it is free. */
function listenErrorOf(host: string, port: number): Error | null {
  try {
    Deno.listen({ hostname: host, port }).close();
    return null;
  } catch (error) {
    return error as Error;
  }
}
