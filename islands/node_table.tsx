/** The nodes as a table: state, data, load, resources, and what the other nodes believe about each. */
import type { ComponentChildren } from "preact";
import { Swatch } from "../components/owner.tsx";
import type { NodeStatus, NodeView } from "./models/api.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatBytes, formatCount, formatDuration, formatShare } from "./models/format.ts";
import { sharesOf } from "./models/ring_geometry.ts";
import { describeHints, describeSuspicion, hintsHeld, suspicionOf } from "./models/suspicion.ts";
import type { Suspicion } from "./models/suspicion.ts";

interface Row {
  readonly node: NodeView;
  /** The node's share of the ring, 0 … 1. */
  readonly share: number;
  readonly suspicion: Suspicion;
  /** Its last status, also of a node that has stopped; null if it never sent one. */
  readonly status: NodeStatus | null;
  /** Its status if it is running, or null: a node that is not running has no current figures. */
  readonly current: NodeStatus | null;
}

interface Column {
  readonly name: string;
  readonly why: string;
  readonly cell: (row: Row) => ComponentChildren;
}

const UNKNOWN = "–";

const COLUMNS: readonly Column[] = [
  {
    name: "Phi",
    why: "Highest suspicion level among the other nodes; ✕ if at least one believes it is down",
    cell: ({ suspicion }) => <PhiMark suspicion={suspicion} />,
  },
  {
    name: "Ring",
    why: "Share of the ring for which the node is first in the preference list",
    cell: ({ share }) => formatShare(share),
  },
  {
    name: "Keys",
    why: "Number of keys of which it stores a replica",
    cell: ({ status }) => status === null ? UNKNOWN : formatCount(status.keys),
  },
  {
    name: "Hints",
    why: "Writes that it keeps for nodes that are down, until they are back up",
    cell: ({ current }) =>
      current === null ? UNKNOWN : (
        <span title={describeHints(current.hints) ?? undefined}>
          {formatCount(hintsHeld(current.hints))}
        </span>
      ),
  },
  {
    name: "Requests/s",
    why: "Client requests that it coordinates per second",
    cell: ({ current }) => current === null ? UNKNOWN : formatCount(current.servedPerSecond),
  },
  {
    name: "In flight",
    why: "Client requests that it is coordinating now",
    cell: ({ current }) => current === null ? UNKNOWN : formatCount(current.requests.inFlight),
  },
  {
    name: "Failed",
    why: "Client requests that have failed since its process started",
    cell: ({ current }) => current === null ? UNKNOWN : formatCount(current.requests.failed),
  },
  {
    name: "Memory",
    why: "Resident memory of its process",
    cell: ({ current }) => current === null ? UNKNOWN : formatBytes(current.memory.rssBytes),
  },
  {
    name: "Disk",
    why: "Size of its database on disk",
    cell: ({ status }) => status === null ? UNKNOWN : formatBytes(status.bytesOnDisk),
  },
  {
    name: "Uptime",
    why: "Time since its process started",
    cell: ({ current }) => current === null ? UNKNOWN : formatDuration(current.uptimeMs),
  },
];

export function NodeTable({ model }: { readonly model: ClusterModel }) {
  const ring = model.ring.value;
  const shares = ring === null ? null : sharesOf(ring);
  const { nodes } = model.cluster.value;
  return (
    <>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of nodes">
        <table class="nodes">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              {COLUMNS.map(({ name, why }) => (
                <th key={name} scope="col" class="number" title={why}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <NodeRow
                key={node.id}
                row={{
                  node,
                  share: shares?.get(node.id)?.share ?? 0,
                  suspicion: suspicionOf(nodes, node.id),
                  status: node.status,
                  current: node.state === "running" ? node.status : null,
                }}
                selected={model.selected.value === node.id}
                onSelect={() => model.select(node.id)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <details class="legend-of-columns">
        <summary>What the columns mean</summary>
        <dl>
          {COLUMNS.map(({ name, why }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{why}.</dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  );
}

function NodeRow(
  { row, selected, onSelect }: {
    readonly row: Row;
    readonly selected: boolean;
    readonly onSelect: () => void;
  },
) {
  const { node } = row;
  return (
    <tr class={`is-${node.state} ${selected ? "is-selected" : ""}`}>
      <th scope="row">
        <button type="button" class="node-name" aria-pressed={selected} onClick={onSelect}>
          <Swatch index={node.mark} /> {node.id}
        </button>
      </th>
      <td>
        <StateMark node={node} />
      </td>
      {COLUMNS.map(({ name, cell }) => <td key={name} class="number">{cell(row)}</td>)}
    </tr>
  );
}

/** Shown as number, sign, text and colour: a sign or a colour alone does not help a screen reader. */
function PhiMark({ suspicion }: { readonly suspicion: Suspicion }) {
  const { phi } = suspicion;
  const figure = phi === null ? UNKNOWN : phi < 99.95 ? phi.toFixed(1) : formatCount(phi);
  const description = describeSuspicion(suspicion);
  if (description === null) return <>{figure}</>;
  return (
    <span class="suspected" title={description}>
      <span aria-hidden="true">✕</span> {figure}
      <span class="unseen">, {description}</span>
    </span>
  );
}

const GLYPHS = {
  starting: "◌",
  running: "●",
  paused: "‖",
  stopped: "■",
  killed: "✕",
  crashed: "✕",
} as const;

/** A node's state, shown by shape, text and colour. */
export function StateMark({ node }: { readonly node: NodeView }) {
  return (
    <span class={`state state-${node.state}`}>
      <span aria-hidden="true">{GLYPHS[node.state]}</span> {node.state}
    </span>
  );
}
