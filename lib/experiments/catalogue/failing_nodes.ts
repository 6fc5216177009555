/** The original's Figure 5: gets and puts with 0 to 5 of 8 nodes down. */
import { runSimulatedLoad } from "../engines/simulated_load.ts";
import { failNodes, liveNode, NOTICED_MS, resilientCluster } from "../engines/simulated_outage.ts";
import { ONE_LEG } from "../engines/workload_engines.ts";
import { checkAtLeast, defineExperiment, numberIn, rounded, type Row } from "../experiment.ts";
import { bucketMs, integer, integers, latency, requireAtMost } from "../parameters.ts";
import { BUCKETS_MAX } from "../stats/histogram.ts";
import { uniform } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

export const FAILING_NODES = defineExperiment({
  name: "failing-nodes",
  title: "Response times as nodes fail",
  question: "How do gets and puts change when up to five of eight nodes are down?",
  reproduces: "the original Dynamo Simulator, Figure 5",
  engines: ["simulated"],
  parameters: {
    failed: integers({
      default: [0, 1, 2, 3, 4, 5],
      least: 0,
      most: 99,
      about: "number of failed nodes",
    }),
    nodes: integer({ default: 8, least: 1, most: 100, about: "nodes" }),
    n: integer({ default: 4, least: 1, most: 20, about: "N" }),
    r: integer({ default: 1, least: 1, most: 20, about: "R" }),
    w: integer({ default: 3, least: 1, most: 20, about: "W" }),
    latency: latency({ default: ONE_LEG, about: "of messages between nodes" }),
    clients: integer({ default: 10, least: 1, most: 1_000, about: "number of clients" }),
    operations: integer({
      default: 6_000,
      least: 10,
      most: 1_000_000,
      about: "half gets, half puts",
    }),
    bucketMs: bucketMs(1),
  },
  varies: "how many nodes have failed",
  reading:
    "The sloppy quorum replaces failed nodes with fallbacks, so the distribution hardly changes until fewer than N nodes are left. From then on, a put waits for the slowest of the remaining nodes. Only gets of keys that all their owners lost are not served.",
  columns: {
    failed: "nodes that have failed",
    operation: "get or put",
    served: "share that succeeded",
    mean: "mean latency of these, ms",
    p50: "their median, ms",
    p99: "their 99th percentile, ms",
  },
  plots: [{
    name: "distribution",
    title: "Response times by failed nodes",
    from: "histogram",
    mark: "line",
    x: "ms",
    y: "share",
    color: "failed",
    facet: "operation",
    xLabel: "ms",
    yLabel: "share of operations",
  }],
  validate({ n, r, w, nodes, failed }) {
    requireAtMost("n", n, "nodes", nodes);
    requireAtMost("r", r, "N", n);
    requireAtMost("w", w, "N", n);
    requireAtMost("failed", Math.max(...failed), "one less than nodes", nodes - 1);
  },
  points: ({ failed }) => [...failed],
  run(failed, values, { seed, random, onProgress }) {
    const { nodes, n, r, w, latency, clients, operations } = values;
    const cluster = resilientCluster({ nodes, latency, seed, config: { n, r, w, sloppy: true } });
    cluster.runFor(NOTICED_MS);
    // Every key is written while all nodes are up.
    const load = {
      arrivals: { kind: "closed" as const, concurrency: clients },
      keys: uniform(500),
      valueBytes: 100,
      node: () => liveNode(cluster, random),
    };
    runSimulatedLoad(cluster, {
      ...load,
      mix: getsAndPuts(0),
      count: 2_000,
      random: random.child("fill"),
    });
    failNodes(cluster, failed, random.child("who"));
    cluster.runFor(NOTICED_MS);
    const run = runSimulatedLoad(cluster, {
      ...load,
      mix: getsAndPuts(0.5),
      count: operations,
      onProgress,
      random: random.child("load"),
    });
    const rows: Row[] = [];
    const histogram: Row[] = [];
    for (const operation of ["get", "put"] as const) {
      const { ok, attempted, latency } = run.tally(operation);
      rows.push({
        failed,
        operation,
        served: rounded(ok / attempted),
        mean: rounded(latency.meanMs),
        p50: rounded(latency.percentileMs(50)),
        p99: rounded(latency.percentileMs(99)),
      });
      for (const { fromMs, toMs, count } of latency.buckets(BUCKETS_MAX, values.bucketMs)) {
        const share = rounded(count / latency.count);
        histogram.push({ failed: `${failed}`, operation, ms: rounded((fromMs + toMs) / 2), share });
      }
    }
    return { rows, series: { histogram } };
  },
  checks({ rows, values: { nodes, w } }) {
    const puts = rows.filter((row) =>
      row.operation === "put" && nodes - numberIn(row, "failed") >= w
    );
    if (puts.length === 0) return [];
    const least = Math.min(...puts.map((row) => numberIn(row, "served")));
    return [
      checkAtLeast("share of puts served while W nodes are left: always writeable", least, 1),
    ];
  },
});
