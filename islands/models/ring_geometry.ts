/**
 * The geometry of the ring's drawing. Positions are measured in turns, 0 … 1 clockwise from the top,
 * for hash values from 0 to 2^128.
 *
 * The outer circle is the hash space, divided into ranges. Each has the colour of the first node in its
 * preference list. The inner circle shows the nodes; lines connect a node with its ranges. A key's
 * preference list is a walk along the outer circle.
 */
import { type Position, positionOf } from "../../lib/dynamo/ring/position.ts";
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { RingState } from "../../lib/dynamo/ring/ring_state.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";

/** The maximum number of arcs. A ring of more ranges is sampled: thinner arcs would not be visible. */
export const ARCS_MAX = 1_024;

export interface Arc {
  readonly index: number;
  readonly fromTurn: number;
  readonly toTurn: number;
  readonly owner: NodeId;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A node in a key's preference list. */
export interface RankedNode {
  readonly id: NodeId;
  /** 1 for the first of the list. */
  readonly rank: number;
  readonly primary: boolean;
  /** The first place clockwise from the key where the node owns a range. */
  readonly turn: number;
}

export interface KeyOnRing {
  readonly key: string;
  readonly position: Position;
  readonly turn: number;
  readonly partition: number;
  readonly preferenceList: readonly RankedNode[];
}

/** A position as a share of the circle. A double holds 52 bits, which is enough for a drawing. */
export function turnOf(position: Position): number {
  return parseInt(position.slice(0, 13), 16) / 2 ** 52;
}

/** The ranges as arcs, in ring order. */
export function arcsOf(ring: Ring): Arc[] {
  if (ring.rangeCount > ARCS_MAX) return sampledArcs(ring);
  return Array.from({ length: ring.rangeCount }, (_, index) => {
    const { start, end } = ring.range(index);
    const fromTurn = turnOf(start);
    const toTurn = turnOf(end);
    return {
      index,
      fromTurn,
      toTurn: toTurn > fromTurn ? toTurn : toTurn + 1,
      owner: ownerOf(ring, index),
    };
  });
}

function sampledArcs(ring: Ring): Arc[] {
  return Array.from({ length: ARCS_MAX }, (_, slot) => {
    const middle = Math.floor((slot + 0.5) / ARCS_MAX * 2 ** 52);
    const index = ring.rangeAt(middle.toString(16).padStart(13, "0").padEnd(32, "0"));
    return {
      index,
      fromTurn: slot / ARCS_MAX,
      toTurn: (slot + 1) / ARCS_MAX,
      owner: ownerOf(ring, index),
    };
  });
}

function ownerOf(ring: Ring, range: number): NodeId {
  return ring.primaries(range)[0] ?? "";
}

/** Each node's share of the ring as first owner, 0 … 1, and its number of such ranges. */
export function sharesOf(ring: Ring): Map<NodeId, { share: number; ranges: number }> {
  const shares = new Map(
    ring.state.members.map((member) => [member.id, { share: 0, ranges: 0 }]),
  );
  for (let index = 0; index < ring.rangeCount; index++) {
    const entry = shares.get(ownerOf(ring, index));
    if (entry === undefined) continue;
    entry.share += ring.shareOf(index);
    entry.ranges++;
  }
  return shares;
}

/** A key's position and preference list. The page computes it without asking a node. */
export function placeOf(ring: Ring, key: string): KeyOnRing {
  const position = positionOf(key);
  const partition = ring.rangeAt(position);
  const primaries = ring.primaries(partition);
  const turn = turnOf(position);
  const preferenceList = ring.preferenceList(partition).map((id, i) => ({
    id,
    rank: i + 1,
    primary: primaries.includes(id),
    turn: firstTurn(ring, partition, id) ?? turn,
  }));
  return { key, position, turn, partition, preferenceList };
}

/** The middle of the node's first range, clockwise from `partition`. */
function firstTurn(ring: Ring, partition: number, id: NodeId): number | undefined {
  for (let step = 0; step < ring.rangeCount; step++) {
    const index = (partition + step) % ring.rangeCount;
    if (ownerOf(ring, index) !== id) continue;
    const { start, end } = ring.range(index);
    const from = turnOf(start);
    const to = turnOf(end);
    return (from + (to > from ? to : to + 1)) / 2 % 1;
  }
  return undefined;
}

/** The places of the nodes on the inner circle: evenly spaced, the first at the top. */
export function nodeTurns(ids: readonly NodeId[]): Map<NodeId, number> {
  return new Map(ids.map((id, i) => [id, i / ids.length]));
}

export function pointAt(turn: number, radius: number, centre: number): Point {
  const angle = turn * 2 * Math.PI;
  return {
    x: round(centre + radius * Math.sin(angle)),
    y: round(centre - radius * Math.cos(angle)),
  };
}

/** The SVG path of a segment of the band between two radii. */
export function bandPath(
  arc: Pick<Arc, "fromTurn" | "toTurn">,
  inner: number,
  outer: number,
  centre: number,
): string {
  // SVG does not draw an arc with equal ends, so a full turn stops slightly short.
  const toTurn = Math.min(arc.toTurn, arc.fromTurn + 0.99999);
  const large = toTurn - arc.fromTurn > 0.5 ? 1 : 0;
  const a = pointAt(arc.fromTurn, outer, centre);
  const b = pointAt(toTurn, outer, centre);
  const c = pointAt(toTurn, inner, centre);
  const d = pointAt(arc.fromTurn, inner, centre);
  return `M${a.x} ${a.y}A${outer} ${outer} 0 ${large} 1 ${b.x} ${b.y}` +
    `L${c.x} ${c.y}A${inner} ${inner} 0 ${large} 0 ${d.x} ${d.y}Z`;
}

/** A line from the band to a node, curved towards the centre so that many lines stay separate. */
export function spokePath(turn: number, band: number, node: Point, centre: number): string {
  const start = pointAt(turn, band, centre);
  const bend = pointAt(turn, band * 0.72, centre);
  return `M${start.x} ${start.y}Q${bend.x} ${bend.y} ${node.x} ${node.y}`;
}

/** The ring of a state that was received as JSON. */
export function ringOf(state: RingState, n: number): Ring {
  return new Ring(state, n);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
