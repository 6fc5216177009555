/**
 * Two writers take turns, and each replaces only its own last write. A vector clock with one entry
 * per server cannot express "after mine, concurrent with yours" and keeps all versions. A dotted
 * version vector can.
 */
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import { SimulatedCluster, type Steps } from "../engines/simulated_cluster.ts";
import {
  type Check,
  checkAtLeast,
  checkAtMost,
  defineExperiment,
  numberIn,
  type Row,
} from "../experiment.ts";
import { choices, integer } from "../parameters.ts";

const KEY = "cart";

export const SIBLING_EXPLOSION = defineExperiment({
  name: "sibling-explosion",
  title: "Sibling explosion",
  question:
    "How many siblings do interleaved writers leave with plain and with dotted version vectors?",
  reproduces:
    "Preguiça et al., Dotted Version Vectors (2012), and Riak's sibling explosion; the clocks are those of Dynamo section 4.4",
  engines: ["simulated"],
  parameters: {
    modes: choices(["vector-clock", "dvv"], {
      default: ["vector-clock", "dvv"],
      about: "how causality is tracked",
    }),
    writes: integer({ default: 100, least: 1, most: 2_000, about: "total number of writes" }),
    writers: integer({ default: 2, least: 1, most: 100, about: "number of writers taking turns" }),
  },
  varies: "the version mode",
  reading:
    "Every write replaces only the last value of its own writer, so there are never more concurrent values than writers. With dvv the line stays at that number. With vector-clock each write leaves all earlier ones as siblings, because the single counter of a server cannot identify one write among others.",
  columns: {
    mode: "of versions",
    writes: "acknowledged",
    siblings: "values of the key at the end",
    bytes: "size of the record at the end, as JSON",
  },
  plots: [{
    name: "siblings",
    title: "Siblings as two writers take turns",
    from: "growth",
    mark: "line",
    x: "writes",
    y: "siblings",
    color: "mode",
    xLabel: "writes",
    yLabel: "siblings",
  }],
  points: ({ modes }) => [...modes],
  run(mode, { writes, writers }, { seed }) {
    const cluster = new SimulatedCluster({
      nodes: 3,
      latency: "1",
      seed,
      config: { mode, n: 3, r: 2, w: 2, siblingsMax: 10_000 },
    });
    const coordinator = cluster.primaries(KEY)[0] as string;
    const growth: Row[] = [];
    let bytes = 0;
    function* takeTurns(): Steps<void> {
      const contexts: (CausalContext | null)[] = [];
      for (let i = 0; i < writes; i++) {
        const writer = i % writers;
        const value = btoa(`write ${i}`);
        const context = contexts[writer] ?? null;
        const done = yield* cluster.put(coordinator, KEY, value, { context });
        contexts[writer] = done.context;
        const read = yield* cluster.get(coordinator, KEY, { r: 3 });
        growth.push({ mode, writes: i + 1, siblings: read.values.length });
      }
      const index = cluster.simulation.indexOf(coordinator);
      bytes = JSON.stringify(cluster.simulation.machine(index).disk.peek(KEY)).length;
    }
    cluster.spawn(takeTurns());
    cluster.run();
    const siblings = growth.at(-1)?.siblings ?? 0;
    return { rows: [{ mode, writes, siblings, bytes }], series: { growth } };
  },
  checks({ rows, values: { writes, writers } }) {
    return rows.map((row): Check => {
      const siblings = numberIn(row, "siblings");
      if (writers === 1) {
        return checkAtMost(`${row.mode}: siblings of a single writer`, siblings, 1);
      }
      return row.mode === "dvv"
        ? checkAtMost("dvv: siblings, one per writer", siblings, Math.min(writers, writes))
        : checkAtLeast("vector-clock: siblings, nearly one per write", siblings, 0.9 * writes);
    });
  },
});
