/** What the running nodes believe about each other. Suspicion is local: nodes can disagree. */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { NodeView } from "./api.ts";

export interface Suspicion {
  /** The highest phi for the node among the others; null if none reports one. */
  readonly phi: number | null;
  /** The nodes that believe it is down. */
  readonly downBy: readonly NodeId[];
  /** How many of the other nodes reported. */
  readonly reports: number;
}

export function suspicionOf(nodes: readonly NodeView[], id: NodeId): Suspicion {
  let phi: number | null = null;
  const downBy: NodeId[] = [];
  let reports = 0;
  for (const { id: other, state, status } of nodes) {
    // The last report of a node that was killed or paused is out of date.
    const report = other === id || state !== "running" ? undefined : status?.peers[id];
    if (report === undefined) continue;
    reports++;
    if (!report.up) downBy.push(other);
    if (report.phi !== null) phi = Math.max(phi ?? 0, report.phi);
  }
  return { phi, downBy, reports };
}

/** "n1 and n2 believe it is down"; null if no node does. */
export function describeSuspicion({ downBy, reports }: Suspicion): string | null {
  if (downBy.length === 0) return null;
  if (downBy.length === reports && reports > 2) {
    return `all ${reports} other nodes believe it is down`;
  }
  return `${listed(downBy)} ${downBy.length === 1 ? "believes" : "believe"} it is down`;
}

/** "12 hints: 10 for n3 and 2 for n4"; null if it keeps none. */
export function describeHints(hints: Readonly<Record<NodeId, number>>): string | null {
  const held = Object.entries(hints).filter(([, count]) => count > 0);
  if (held.length === 0) return null;
  const total = held.reduce((sum, [, count]) => sum + count, 0);
  const targets = listed(held.map(([id, count]) => `${count} for ${id}`));
  const hintWord = total === 1 ? "hint" : "hints";
  return held.length === 1
    ? `${total} ${hintWord} for ${held[0]?.[0]}`
    : `${total} ${hintWord}: ${targets}`;
}

export function hintsHeld(hints: Readonly<Record<NodeId, number>>): number {
  return Object.values(hints).reduce((sum, count) => sum + count, 0);
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
