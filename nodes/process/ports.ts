/**
 * Ports for a cluster's nodes: which are free, and who has the others.
 *
 * Free ports are looked for below the range from which the operating system takes the source ports of
 * outgoing connections. A port of that range can be lost while its node is down, to any connection on
 * the machine; worse, a peer that keeps knocking at a dead node's port there may be given that very
 * port as its source and connect to itself.
 */
import { holderOf } from "./port_holder.ts";

/** Ports drawn for `port: 0`: above what services usually take, below Linux's and macOS's ephemeral ranges. */
const PORT_LEAST = 12_000;
const PORT_MOST = 31_999;
export const PORT_MAX = 65_535;
const DRAWS_MAX = 2_000;

interface TakenPort {
  readonly port: number;
  /** Why it cannot be had: its holder as far as that can be told, or what the system said. */
  readonly reason: string;
}

/** `count` ports on which nobody listens at `host`, consecutive where that is easy. Throws when there are none. */
export function freePorts(host: string, count: number): number[] {
  const found: number[] = [];
  let port = drawnPort();
  for (let draw = 0; draw < DRAWS_MAX && found.length < count; draw++) {
    const next = port + 1 > PORT_MOST ? PORT_LEAST : port + 1;
    // Another launcher may be looking at the same moment: a draw far away rather than the next port.
    const free = !found.includes(port) && refusalOf(host, port) === null;
    if (free) found.push(port);
    port = free ? next : drawnPort();
  }
  if (found.length < count) {
    throw new Error(
      `Cannot find ${count} free ports on ${host} from ${PORT_LEAST} to ${PORT_MOST}: found ${found.length}`,
    );
  }
  return found;
}

function drawnPort(): number {
  return PORT_LEAST + Math.floor(Math.random() * (PORT_MOST - PORT_LEAST + 1));
}

/** Those of the ports that cannot be listened on at `host`. */
export async function takenPorts(host: string, ports: readonly number[]): Promise<TakenPort[]> {
  const taken: TakenPort[] = [];
  for (const port of ports) {
    const refusal = refusalOf(host, port);
    if (refusal === null) continue;
    const holder = refusal instanceof Deno.errors.AddrInUse ? await holderOf(port) : null;
    taken.push({ port, reason: holder ?? describe(refusal) });
  }
  return taken;
}

function describe(refusal: Error): string {
  return refusal instanceof Deno.errors.AddrInUse
    ? "a process that cannot be seen from here"
    : refusal.message;
}

/** Null when the port can be listened on, else what the system said. */
function refusalOf(host: string, port: number): Error | null {
  try {
    Deno.listen({ hostname: host, port }).close();
    return null;
  } catch (error) {
    return error as Error;
  }
}
