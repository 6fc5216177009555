/** The nodes as a table: what each is doing, what it holds, what it costs. */
import { Swatch } from "../components/owner.tsx";
import type { NodeView } from "./models/api.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatBytes, formatCount, formatDuration, formatShare } from "./models/format.ts";
import { sharesOf } from "./models/ring_geometry.ts";

export function NodeTable({ model }: { readonly model: ClusterModel }) {
  const ring = model.ring.value;
  const shares = ring === null ? null : sharesOf(ring);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of nodes">
      <table class="nodes">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">State</th>
            <th scope="col" class="number" title="Share of the ring for which it comes first">
              Ring
            </th>
            <th
              scope="col"
              class="number"
              title="Keys that it holds, whichever of their replicas it is"
            >
              Keys
            </th>
            <th scope="col" class="number" title="Client requests that it coordinated">
              Requests/s
            </th>
            <th scope="col" class="number" title="Requests that it is working on now">In flight</th>
            <th scope="col" class="number" title="Client requests that failed">Failed</th>
            <th scope="col" class="number" title="Memory of its process">Memory</th>
            <th scope="col" class="number" title="Its database on disk">Disk</th>
            <th scope="col" class="number" title="Since its process started">Up</th>
          </tr>
        </thead>
        <tbody>
          {model.cluster.value.nodes.map((node, index) => (
            <NodeRow
              key={node.id}
              node={node}
              index={index}
              share={shares?.get(node.id)?.share ?? 0}
              selected={model.selected.value === node.id}
              onSelect={() => model.select(node.id)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NodeRow(
  { node, index, share, selected, onSelect }: {
    readonly node: NodeView;
    readonly index: number;
    readonly share: number;
    readonly selected: boolean;
    readonly onSelect: () => void;
  },
) {
  const { status } = node;
  const alive = node.state === "running" && status !== null;
  return (
    <tr class={`is-${node.state} ${selected ? "is-selected" : ""}`}>
      <th scope="row">
        <button type="button" class="node-name" aria-pressed={selected} onClick={onSelect}>
          <Swatch index={index} /> {node.id}
        </button>
      </th>
      <td>
        <StateMark node={node} />
      </td>
      <td class="number">{formatShare(share)}</td>
      <td class="number">{status === null ? "–" : formatCount(status.keys)}</td>
      <td class="number">{alive ? formatCount(status.servedPerSecond) : "–"}</td>
      <td class="number">{alive ? formatCount(status.requests.inFlight) : "–"}</td>
      <td class="number">{alive ? formatCount(status.requests.failed) : "–"}</td>
      <td class="number">{alive ? formatBytes(status.memory.rssBytes) : "–"}</td>
      <td class="number">{status === null ? "–" : formatBytes(status.bytesOnDisk)}</td>
      <td class="number">{alive ? formatDuration(status.uptimeMs) : "–"}</td>
    </tr>
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
