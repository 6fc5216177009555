/** What the running nodes of a cluster think of one another. Opinion is local: they need not agree. */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { NodeView } from "./api.ts";

export interface Suspicion {
  /** The highest phi that any of the others has of the node; null when none says. */
  readonly phi: number | null;
  /** Who believes it down. */
  readonly downBy: readonly NodeId[];
  /** How many of the others were asked. */
  readonly asked: number;
}

export function suspicionOf(nodes: readonly NodeView[], id: NodeId): Suspicion {
  let phi: number | null = null;
  const downBy: NodeId[] = [];
  let asked = 0;
  for (const { id: other, state, status } of nodes) {
    // What a node thought before it was killed or paused is no opinion of now.
    const opinion = other === id || state !== "running" ? undefined : status?.peers[id];
    if (opinion === undefined) continue;
    asked++;
    if (!opinion.up) downBy.push(other);
    if (opinion.phi !== null) phi = Math.max(phi ?? 0, opinion.phi);
  }
  return { phi, downBy, asked };
}

/** "n1 and n2 believe it down"; null when nobody does. */
export function describeSuspicion({ downBy, asked }: Suspicion): string | null {
  if (downBy.length === 0) return null;
  if (downBy.length === asked && asked > 2) return `all ${asked} others believe it down`;
  return `${listed(downBy)} ${downBy.length === 1 ? "believes" : "believe"} it down`;
}

/** "12 hints: 10 for n3 and 2 for n4"; null when it keeps none. */
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
