/** Dynamo section 6.1: less durability for a shorter tail of writes. */
import { DURABILITIES } from "../../dynamo/types/config.ts";
import { parseLegs } from "../../random/latency.ts";
import { SimulatedCluster } from "../engines/simulated_cluster.ts";
import { runSimulatedLoad } from "../engines/simulated_load.ts";
import { checkAtLeast, defineExperiment, numberIn, rounded, type Row } from "../experiment.ts";
import { integer, latency, requireAtMost } from "../parameters.ts";
import { uniform } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

export const WRITE_BUFFER = defineExperiment({
  name: "write-buffer",
  title: "Buffered against committed writes",
  question:
    "How does acknowledging from memory, while one replica still commits, affect the tail of writes?",
  reproduces: "Dynamo (SOSP 2007), section 6.1 and Figure 5",
  engines: ["simulated"],
  parameters: {
    store: latency({
      default: "mix(0.98*exp(0.5)+0.02*exp(0.02))",
      about: "how long the disk takes for a store, ms (the W leg of the spec is used)",
    }),
    latency: latency({ default: "exp(2)", about: "of messages between nodes" }),
    n: integer({ default: 3, least: 2, most: 20, about: "N" }),
    w: integer({ default: 2, least: 1, most: 20, about: "W" }),
    clients: integer({ default: 20, least: 1, most: 1_000, about: "number of clients" }),
    operations: integer({ default: 40_000, least: 100, most: 10_000_000, about: "puts" }),
  },
  varies: "when a put is acknowledged: after the commit, or once it is in memory",
  reading:
    "With commits, a put waits for W disks, so one slow store makes a slow put. With buffering, replicas answer from memory and only one of them commits first, so only one disk contributes to the tail. The gain depends on the disks; Amazon saw a factor of five at peak.",
  columns: {
    durability: "when a write is acknowledged",
    mean: "of puts, ms",
    p50: "their median, ms",
    p99: "their 99th percentile, ms",
    p999: "their 99.9th percentile, ms",
  },
  plots: [{
    name: "percentiles",
    title: "Puts, buffered and committed",
    from: "percentiles",
    mark: "line",
    x: "percentile",
    y: "ms",
    color: "durability",
    xScale: "point",
    xLabel: "percentile",
    yLabel: "ms",
    yScale: "log",
  }],
  validate({ n, w }) {
    requireAtMost("w", w, "N", n);
  },
  points: () => DURABILITIES,
  run(durability, { store, latency, n, w, clients, operations }, { seed, random, onProgress }) {
    const cluster = new SimulatedCluster({
      nodes: Math.max(5, n),
      latency,
      seed,
      disk: { load: "0.05", store: parseLegs(store).W.spec },
      config: {
        n,
        r: 1,
        w,
        durability,
        timeoutMs: 60_000,
        patienceMs: 60_000,
        siblingsMax: 10_000,
      },
    });
    const load = runSimulatedLoad(cluster, {
      mix: getsAndPuts(0),
      arrivals: { kind: "closed", concurrency: clients },
      count: operations,
      keys: uniform(5_000),
      valueBytes: 100,
      onProgress,
      random: random.child("load"),
      node: (key, random) => cluster.primary(key, random),
    });
    const put = load.tally("put");
    const { meanMs, p50Ms, p99Ms, p999Ms } = put.latency.summary();
    const row: Row = {
      durability,
      mean: rounded(meanMs),
      p50: rounded(p50Ms),
      p99: rounded(p99Ms),
      p999: rounded(p999Ms),
    };
    const percentiles = [10, 25, 50, 75, 90, 95, 99, 99.9].map((percentile): Row => ({
      durability,
      percentile: `${percentile}`,
      ms: rounded(put.latency.percentileMs(percentile)),
    }));
    return { rows: [row], series: { percentiles } };
  },
  checks({ rows }) {
    const p999 = (durability: string) =>
      numberIn(rows.find((row) => row.durability === durability), "p999");
    return [checkAtLeast(
      "99.9th percentile, committed divided by buffered (5 at Amazon's peak)",
      p999("commit") / p999("buffered"),
      2,
      "times",
    )];
  },
});
