/** The ring in its frame. It highlights the selected node, and the key that is typed in the form. */
import { useMemo } from "preact/hooks";
import { PlotFrame } from "../components/plot_frame.tsx";
import { RingDrawing } from "../components/ring_drawing.tsx";
import type { ClusterModel } from "./models/cluster_model.ts";
import { arcsOf, placeOf, sharesOf } from "./models/ring_geometry.ts";

export function RingFigure({ model }: { readonly model: ClusterModel }) {
  const ring = model.ring.value;
  const arcs = useMemo(() => ring === null ? [] : arcsOf(ring), [ring]);
  if (ring === null) return null;
  const key = model.keys.key.value;
  const place = key === "" ? null : placeOf(ring, key);
  const shares = sharesOf(ring);
  const nodes = model.cluster.value.nodes;
  return (
    <PlotFrame
      title="The ring"
      level={2}
      fileName={`${model.cluster.value.id}-ring`}
      caption={place === null
        ? "The outer circle is the hash space, clockwise from 0 to 2¹²⁸, divided into partitions. Each partition has the colour and pattern of the first node in its preference list. The inner circle shows the nodes."
        : `The black mark is the position of “${place.key}”. Clockwise from there, the first ${ring.n} different nodes hold its replicas. The other nodes substitute for them when they are down.`}
      columns={["node", "partitions", "share of the ring, %"]}
      rows={nodes.map(({ id }) => {
        const entry = shares.get(id);
        return [id, entry?.ranges ?? 0, Number(((entry?.share ?? 0) * 100).toFixed(2))];
      })}
    >
      <RingDrawing
        arcs={arcs}
        nodes={nodes}
        n={ring.n}
        partitions={ring.rangeCount}
        selected={model.selected.value}
        place={place}
        onSelect={(id) => model.select(id)}
      />
    </PlotFrame>
  );
}
