/** The nodes as a table: what each is doing, what it holds, what it costs, and what the others think of it. */
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
  /** Of the ring, 0 … 1. */
  readonly share: number;
  readonly suspicion: Suspicion;
  /** What it said last; null when it has said nothing. */
  readonly status: NodeStatus | null;
  /** Null unless it runs: what it is doing is then not known. */
  readonly now: NodeStatus | null;
}

interface Column {
  readonly name: string;
  readonly why: string;
  readonly cell: (row: Row) => ComponentChildren;
}

const UNKNOWN = "–";

const NUMBERS: readonly Column[] = [
  {
    name: "Phi",
    why: "How strongly the most suspicious of the others suspects it; ✕ once one believes it down",
    cell: ({ suspicion }) => <PhiMark suspicion={suspicion} />,
  },
  {
    name: "Ring",
    why: "Share of the ring for which it comes first",
    cell: ({ share }) => formatShare(share),
  },
  {
    name: "Keys",
    why: "Keys that it holds, whichever of their replicas it is",
    cell: ({ status }) => status === null ? UNKNOWN : formatCount(status.keys),
  },
  {
    name: "Hints",
    why: "Writes that it keeps for nodes that are down, until they are back",
    cell: ({ now }) =>
      now === null ? UNKNOWN : (
        <span title={describeHints(now.hints) ?? undefined}>
          {formatCount(hintsHeld(now.hints))}
        </span>
      ),
  },
  {
    name: "Requests/s",
    why: "Client requests that it coordinated",
    cell: ({ now }) => now === null ? UNKNOWN : formatCount(now.servedPerSecond),
  },
  {
    name: "In flight",
    why: "Client requests that it is working on now",
    cell: ({ now }) => now === null ? UNKNOWN : formatCount(now.requests.inFlight),
  },
  {
    name: "Failed",
    why: "Client requests that failed since its process started",
    cell: ({ now }) => now === null ? UNKNOWN : formatCount(now.requests.failed),
  },
  {
    name: "Memory",
    why: "Resident memory of its process",
    cell: ({ now }) => now === null ? UNKNOWN : formatBytes(now.memory.rssBytes),
  },
  {
    name: "Disk",
    why: "Its database on disk",
    cell: ({ status }) => status === null ? UNKNOWN : formatBytes(status.bytesOnDisk),
  },
  {
    name: "Up",
    why: "Since its process started",
    cell: ({ now }) => now === null ? UNKNOWN : formatDuration(now.uptimeMs),
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
              {NUMBERS.map(({ name, why }) => (
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
                  now: node.state === "running" ? node.status : null,
                }}
                selected={model.selected.value === node.id}
                onSelect={() => model.select(node.id)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <details class="legend-of-columns">
        <summary>What the columns say</summary>
        <dl>
          {NUMBERS.map(({ name, why }) => (
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
      {NUMBERS.map(({ name, cell }) => <td key={name} class="number">{cell(row)}</td>)}
    </tr>
  );
}

/** By figure, sign, words and colour: a sign alone would tell a screen reader nothing. */
function PhiMark({ suspicion }: { readonly suspicion: Suspicion }) {
  const { phi } = suspicion;
  const figure = phi === null ? UNKNOWN : phi < 99.95 ? phi.toFixed(1) : formatCount(phi);
  const words = describeSuspicion(suspicion);
  if (words === null) return <>{figure}</>;
  return (
    <span class="suspected" title={words}>
      <span aria-hidden="true">✕</span> {figure}
      <span class="unseen">, {words}</span>
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

/** A state by shape, word and colour. */
export function StateMark({ node }: { readonly node: NodeView }) {
  return (
    <span class={`state state-${node.state}`}>
      <span aria-hidden="true">{GLYPHS[node.state]}</span> {node.state}
    </span>
  );
}
