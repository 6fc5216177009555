/**
 * Where the ring's parts lie in a drawing. Turns go clockwise from the top, 0 … 1, as the hash space
 * does from 0 to 2^128.
 *
 * Two circles: the outer one is the hash space, cut into ranges, each in the colour of the node that
 * comes first in its preference list; the inner one holds the machines. Lines between them say which
 * machine answers for which range, and a key's preference list is a walk along the outer circle.
 */
import { type Position, positionOf } from "../../lib/dynamo/ring/position.ts";
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { RingState } from "../../lib/dynamo/ring/ring_state.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";

/** More ranges than this are drawn as this many samples: thinner strokes could not be seen. */
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

/** A node's part in one key's preference list. */
export interface Ranked {
  readonly id: NodeId;
  /** 1 for the first of the list. */
  readonly rank: number;
  readonly primary: boolean;
  /** Where the walk meets the node first, clockwise from the key. */
  readonly turn: number;
}

export interface KeyOnRing {
  readonly key: string;
  readonly position: Position;
  readonly turn: number;
  readonly partition: number;
  readonly preferenceList: readonly Ranked[];
}

/** A position as a share of the whole circle. 52 bits are all that a double keeps, and all that a drawing needs. */
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

/** Each node's share of the ring as first owner, 0 … 1, and how many ranges make it up. */
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

/** Where a key lies and who is to hold it. Pure: the page asks no node for it. */
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

/** The middle of the first range from `partition` on that the node owns. */
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

/** Where the machines stand on the inner circle: evenly, the first at the top. */
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

/** The SVG path of a piece of a band between two radii. */
export function bandPath(
  arc: Pick<Arc, "fromTurn" | "toTurn">,
  inner: number,
  outer: number,
  centre: number,
): string {
  // An arc of a full turn has equal ends and would not be drawn: stop a hair short of it.
  const toTurn = Math.min(arc.toTurn, arc.fromTurn + 0.99999);
  const large = toTurn - arc.fromTurn > 0.5 ? 1 : 0;
  const a = pointAt(arc.fromTurn, outer, centre);
  const b = pointAt(toTurn, outer, centre);
  const c = pointAt(toTurn, inner, centre);
  const d = pointAt(arc.fromTurn, inner, centre);
  return `M${a.x} ${a.y}A${outer} ${outer} 0 ${large} 1 ${b.x} ${b.y}` +
    `L${c.x} ${c.y}A${inner} ${inner} 0 ${large} 0 ${d.x} ${d.y}Z`;
}

/** A line from the band to a machine, bent towards the centre so that many of them stay apart. */
export function spokePath(turn: number, band: number, node: Point, centre: number): string {
  const start = pointAt(turn, band, centre);
  const bend = pointAt(turn, band * 0.72, centre);
  return `M${start.x} ${start.y}Q${bend.x} ${bend.y} ${node.x} ${node.y}`;
}

/** An index over a ring that came as JSON. */
export function ringOf(state: RingState, n: number): Ring {
  return new Ring(state, n);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
