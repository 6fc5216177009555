/**
 * The ring: hash space outside, nodes inside. The ranges of the selected node are highlighted, with
 * lines to it. The preference list of a key is numbered. See `islands/models/ring_geometry.ts`.
 */
import { Fragment } from "preact";
import type { NodeView } from "../islands/models/api.ts";
import { plural, shorten } from "../islands/models/format.ts";
import {
  type Arc,
  bandPath,
  type KeyOnRing,
  nodeTurns,
  type Point,
  pointAt,
  type RankedNode,
  spokePath,
} from "../islands/models/ring_geometry.ts";
import { ownerClass, ownerFill, OwnerPatterns } from "./owner.tsx";

const SIZE = 600;
const CENTRE = SIZE / 2;
const BAND_INNER = 236;
const BAND_OUTER = 268;
/** The outer radius of the selected node's ranges. */
const BAND_SELECTED = 276;
const NODES_RADIUS = 150;
const NODE_RADIUS_MAX = 32;
const QUARTERS = ["0", "¼", "½", "¾"];

interface RingDrawingProps {
  readonly arcs: readonly Arc[];
  readonly nodes: readonly NodeView[];
  readonly n: number;
  readonly partitions: number;
  readonly selected: string | null;
  readonly place: KeyOnRing | null;
  readonly onSelect?: ((id: string) => void) | undefined;
}

export function RingDrawing(props: RingDrawingProps) {
  const { arcs, nodes, selected, place } = props;
  const index = new Map(nodes.map((node) => [node.id, node.mark]));
  const turns = nodeTurns(nodes.map((node) => node.id));
  const pointOf = (id: string) => pointAt(turns.get(id) ?? 0, NODES_RADIUS, CENTRE);
  const owned = selected === null ? [] : arcs.filter((arc) => arc.owner === selected);
  const radius = Math.min(NODE_RADIUS_MAX, 380 / nodes.length);
  const ranked = (id: string) => place?.preferenceList.find((entry) => entry.id === id) ?? null;
  const isDimmed = selected !== null || place !== null;
  return (
    <svg
      class={`plot ring ${isDimmed ? "ring-dimmed" : ""}`}
      viewBox={`0 0 ${SIZE} ${SIZE}`}
      role="group"
      aria-label={`The ring: ${plural(props.partitions, "partition")} on ${
        plural(nodes.length, "node")
      }`}
    >
      <OwnerPatterns marks={nodes.map((node) => node.mark)} />
      <g aria-hidden="true">
        {arcs.map((arc) => (
          <path
            key={arc.index}
            class={`arc ${isLit(arc, selected, place) ? "arc-lit" : ""}`}
            d={bandPath(
              arc,
              BAND_INNER,
              arc.owner === selected ? BAND_SELECTED : BAND_OUTER,
              CENTRE,
            )}
            fill={ownerFill(index.get(arc.owner) ?? -1)}
          />
        ))}
        <Quarters hidden={place?.turn ?? null} />
        {owned.map((arc) => (
          <path
            key={arc.index}
            class={`spoke ${ownerClass(index.get(arc.owner) ?? 0)}`}
            d={spokePath((arc.fromTurn + arc.toTurn) / 2, BAND_INNER, pointOf(arc.owner), CENTRE)}
          />
        ))}
        {place !== null && <Walk place={place} index={index} pointOf={pointOf} />}
        <Middle place={place} n={props.n} partitions={props.partitions} />
      </g>
      {nodes.map((node) => (
        <NodeDisc
          key={node.id}
          node={node}
          index={node.mark}
          at={pointOf(node.id)}
          radius={radius}
          selected={selected === node.id}
          ranked={ranked(node.id)}
          onSelect={props.onSelect}
        />
      ))}
      <g class="badges" aria-hidden="true">
        {nodes.map((node) => (
          <NodeBadges
            key={node.id}
            node={node}
            at={pointOf(node.id)}
            radius={radius}
            ranked={ranked(node.id)}
            onClick={() => props.onSelect?.(node.id)}
          />
        ))}
      </g>
    </svg>
  );
}

/** Whether the arc is highlighted: the selected node owns it, or the key's walk meets an owner in it. */
function isLit(arc: Arc, selected: string | null, place: KeyOnRing | null): boolean {
  if (arc.owner === selected) return true;
  return place?.preferenceList.some((entry) =>
    entry.primary && entry.turn >= arc.fromTurn && entry.turn < arc.toTurn
  ) ?? false;
}

/** The axis: shares of the hash space, from 0 to 2^128, clockwise. */
function Quarters({ hidden }: { readonly hidden: number | null }) {
  return (
    <>
      {QUARTERS.map((label, i) => {
        // Too close to the key's mark.
        const distance = hidden === null ? 0.5 : Math.abs(hidden - i / 4);
        if (Math.min(distance, 1 - distance) < 0.03) return null;
        const from = pointAt(i / 4, BAND_OUTER + 3, CENTRE);
        const to = pointAt(i / 4, BAND_OUTER + 10, CENTRE);
        const text = pointAt(i / 4, BAND_OUTER + 21, CENTRE);
        return (
          <Fragment key={label}>
            <line class="axis" x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
            <text class="axis-text" x={text.x} y={text.y}>{label}</text>
          </Fragment>
        );
      })}
    </>
  );
}

/** The key's mark on the band, with lines to the key's primary replicas. */
function Walk(
  { place, index, pointOf }: {
    readonly place: KeyOnRing;
    readonly index: ReadonlyMap<string, number>;
    readonly pointOf: (id: string) => Point;
  },
) {
  const tip = pointAt(place.turn, BAND_OUTER + 2, CENTRE);
  const left = pointAt(place.turn - 0.008, BAND_OUTER + 20, CENTRE);
  const right = pointAt(place.turn + 0.008, BAND_OUTER + 20, CENTRE);
  return (
    <>
      {place.preferenceList.filter(({ id, primary }) => primary && index.has(id)).map((entry) => (
        <path
          key={entry.id}
          class={`walk ${ownerClass(index.get(entry.id) ?? 0)}`}
          d={spokePath(entry.turn, BAND_INNER, pointOf(entry.id), CENTRE)}
        />
      ))}
      <path
        class="key-mark"
        d={`M${tip.x} ${tip.y}L${left.x} ${left.y}L${right.x} ${right.y}Z`}
      />
    </>
  );
}

function Middle(
  { place, n, partitions }: {
    readonly place: KeyOnRing | null;
    readonly n: number;
    readonly partitions: number;
  },
) {
  const [big, small, smaller] = place === null
    ? [String(partitions), partitions === 1 ? "partition" : "partitions", `${n} replicas per key`]
    : [shorten(place.key, 14), `${place.position.slice(0, 8)}…`, `partition ${place.partition}`];
  return (
    <>
      <text class="middle-big" x={CENTRE} y={CENTRE - 10}>{big}</text>
      <text class="middle-small" x={CENTRE} y={CENTRE + 18}>{small}</text>
      <text class="middle-small" x={CENTRE} y={CENTRE + 42}>{smaller}</text>
    </>
  );
}

function NodeDisc(
  { node, index, at, radius, selected, ranked, onSelect }: {
    readonly node: NodeView;
    readonly index: number;
    readonly at: Point;
    readonly radius: number;
    readonly selected: boolean;
    readonly ranked: RankedNode | null;
    readonly onSelect?: ((id: string) => void) | undefined;
  },
) {
  const rank = ranked === null ? "" : `, number ${ranked.rank} of the key’s preference list`;
  const select = () => onSelect?.(node.id);
  return (
    <g
      class={`ring-node ${ownerClass(index)} is-${node.state} ${selected ? "is-selected" : ""}`}
      role="button"
      // In lower case: SVG attributes are case-sensitive, and "tabIndex" is not one.
      tabindex={0}
      aria-pressed={selected}
      aria-label={`${node.id}, ${node.state}${rank}`}
      onClick={select}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        select();
      }}
    >
      <circle class="disc" cx={at.x} cy={at.y} r={radius} />
      <text class="disc-id" x={at.x} y={node.state === "running" ? at.y : at.y - 6}>{node.id}</text>
    </g>
  );
}

/** The node's state and rank beside its disc. The disc's label has the same information. */
function NodeBadges(
  { node, at, radius, ranked, onClick }: {
    readonly node: NodeView;
    readonly at: Point;
    readonly radius: number;
    readonly ranked: RankedNode | null;
    /** The badges cover part of the disc, so they must pass clicks on. */
    readonly onClick: () => void;
  },
) {
  const corner = { x: at.x + radius * 0.8, y: at.y - radius * 0.8 };
  return (
    <g class={`is-${node.state}`} onClick={onClick}>
      {node.state !== "running" && (
        <text class="disc-state" x={at.x} y={at.y + 11}>{node.state}</text>
      )}
      {ranked !== null && (
        <g class={ranked.primary ? "rank rank-primary" : "rank"}>
          <circle cx={corner.x} cy={corner.y} r="12" />
          <text x={corner.x} y={corner.y}>{ranked.rank}</text>
        </g>
      )}
    </g>
  );
}
