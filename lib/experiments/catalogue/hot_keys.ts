/** The original's Figure 3 with a few hot keys, whose nodes have more work than others. */
import { SimulatedCluster } from "../engines/simulated_cluster.ts";
import { runSimulatedLoad } from "../engines/simulated_load.ts";
import {
  type Check,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import {
  bucketMs,
  choices,
  decimal,
  integer,
  quorums,
  quorumsOf,
  requireNodes,
} from "../parameters.ts";
import { BUCKETS_MAX } from "../stats/histogram.ts";
import { keyChooser, type KeyPattern } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

const PATTERNS: readonly KeyPattern[] = ["uniform", "zipfian", "hot-set"];

export const HOT_KEYS = defineExperiment({
  name: "hot-keys",
  title: "A few hot keys",
  question: "How do a few popular keys affect response times and the balance of the nodes?",
  reproduces: "the original Dynamo Simulator, Figure 3 (hot keys)",
  engines: ["simulated"],
  parameters: {
    patterns: choices(PATTERNS, { default: PATTERNS, about: "how keys are drawn" }),
    quorums: quorums({ default: ["3/1/3", "3/3/1"], about: "configurations, N/R/W" }),
    nodes: integer({ default: 8, least: 3, most: 100, about: "nodes" }),
    keys: integer({ default: 1_000, least: 10, most: 100_000, about: "keys" }),
    hotKeys: integer({ default: 4, least: 1, most: 1_000, about: "hot-set: number of hot keys" }),
    hotShare: decimal({
      default: 0.9,
      least: 0,
      most: 1,
      about: "hot-set: share of requests for hot keys",
    }),
    stepMs: decimal({
      default: 0.1,
      least: 0,
      most: 100,
      about: "time a node needs for each event; without it, busy nodes have no queue",
    }),
    clients: integer({ default: 32, least: 1, most: 1_000, about: "number of clients" }),
    operations: integer({
      default: 8_000,
      least: 10,
      most: 1_000_000,
      about: "half gets, half puts",
    }),
    bucketMs: bucketMs(0.5),
  },
  varies: "how keys are drawn, and N, R and W",
  reading:
    "With uniform keys all nodes are equally busy. With hot keys, requests queue at the nodes of their preference lists, and everything that passes through these nodes waits: the peak moves right and grows a tail. The column busiest compares the busiest node with the mean of all nodes.",
  columns: {
    keys: "how keys are drawn",
    quorums: "N/R/W",
    operation: "get or put",
    mean: "latency, ms",
    p99: "its 99th percentile, ms",
    p999: "its 99.9th percentile, ms",
    busiest: "operations on the busiest node's keys, over the mean of the nodes",
  },
  plots: [{
    name: "distribution",
    title: "Response times of gets",
    from: "histogram",
    mark: "line",
    x: "ms",
    y: "share",
    color: "keys",
    facet: "quorums",
    xLabel: "ms",
    yLabel: "share of gets",
  }],
  validate({ quorums, nodes }) {
    requireNodes(quorums, nodes);
  },
  points: ({ patterns, quorums }) =>
    quorums.flatMap((quorum) => patterns.map((pattern) => ({ pattern, quorum }))),
  run({ pattern, quorum }, values, { seed, random, onProgress }) {
    const cluster = new SimulatedCluster({
      nodes: values.nodes,
      latency: "exp(1)",
      seed,
      config: { ...quorumsOf(quorum), timeoutMs: 60_000, patienceMs: 60_000, siblingsMax: 10_000 },
    });
    for (const node of cluster.ids) {
      cluster.simulation.inject({
        kind: "slow-node",
        atMs: 0,
        forMs: 86_400_000,
        node,
        stepMs: values.stepMs,
      });
    }
    const { hotKeys, hotShare } = values;
    const keys = pattern === "hot-set"
      ? keyChooser(pattern, values.keys, { hotKeys, hotShare })
      : keyChooser(pattern, values.keys);
    const busy = new Map(cluster.ids.map((node) => [node, 0]));
    const load = runSimulatedLoad(cluster, {
      mix: getsAndPuts(0.5),
      arrivals: { kind: "closed", concurrency: values.clients },
      count: values.operations,
      keys,
      valueBytes: 100,
      onProgress,
      node: (key, random) => {
        for (const node of cluster.primaries(key)) busy.set(node, (busy.get(node) ?? 0) + 1);
        return cluster.anyNode(random);
      },
      random: random.child("load"),
    });
    const counts = [...busy.values()];
    const busiest = Math.max(...counts) * counts.length / counts.reduce((a, b) => a + b, 0);
    const rows = (["get", "put"] as const).map((operation): Row => {
      const { meanMs, p99Ms, p999Ms } = load.tally(operation).latency.summary();
      return {
        keys: pattern,
        quorums: quorum,
        operation,
        mean: rounded(meanMs),
        p99: rounded(p99Ms),
        p999: rounded(p999Ms),
        busiest: rounded(busiest, 3),
      };
    });
    const { latency } = load.tally("get");
    const histogram = latency.buckets(BUCKETS_MAX, values.bucketMs).map((
      { fromMs, toMs, count },
    ): Row => ({
      keys: pattern,
      quorums: quorum,
      ms: rounded((fromMs + toMs) / 2),
      share: rounded(count / latency.count),
    }));
    return { rows, series: { histogram } };
  },
  checks({ rows, values }) {
    // Nodes that need no time for an event have no queues.
    if (values.stepMs === 0) return [];
    if (!values.patterns.includes("uniform") || !values.patterns.includes("hot-set")) return [];
    return values.quorums.map((quorum): Check => {
      const p99 = (keys: string) => {
        const row = rows.find((row) =>
          row.keys === keys && row.quorums === quorum && row.operation === "get"
        );
        return numberIn(row, "p99");
      };
      const [even, hot] = [p99("uniform"), p99("hot-set")];
      return checkThat(
        `${quorum}: hot keys lengthen the tail of gets`,
        hot > even,
        `${even} → ${hot} ms`,
        "longer at the 99th percentile",
      );
    });
  },
});
