/** The original's Figure 4: puts while nodes fail more and more often. */
import type { SeededRandom } from "../../random/seeded.ts";
import type { Steps } from "../engines/simulated_cluster.ts";
import { spawnLoad } from "../engines/simulated_load.ts";
import { crash, liveNode, NOTICED_MS, resilientCluster } from "../engines/simulated_outage.ts";
import {
  checkAtLeast,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { decimal, decimals, integer, latency, requireAtMost } from "../parameters.ts";
import { uniform } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

export const FAILURE_RATE = defineExperiment({
  name: "failure-rate",
  title: "Puts while nodes keep failing",
  question: "How long do puts take while nodes fail, from once to fifty times per second?",
  reproduces: "the original Dynamo Simulator, Figure 4",
  engines: ["simulated"],
  parameters: {
    rates: decimals({
      default: [0, 1, 2, 5, 10, 20, 30, 40, 50],
      least: 0,
      most: 1_000,
      about: "failures per second, over all nodes",
    }),
    downMs: decimal({
      default: 40,
      least: 1,
      most: 60_000,
      about:
        "how long a failed node is down; at 50 failures per second, two of eight are on average",
    }),
    nodes: integer({ default: 8, least: 1, most: 100, about: "nodes" }),
    n: integer({ default: 4, least: 1, most: 20, about: "N" }),
    r: integer({ default: 1, least: 1, most: 20, about: "R" }),
    w: integer({ default: 3, least: 1, most: 20, about: "W" }),
    latency: latency({ default: "10", about: "of messages between nodes" }),
    clients: integer({ default: 10, least: 1, most: 1_000, about: "number of clients" }),
    operations: integer({
      default: 6_000,
      least: 10,
      most: 1_000_000,
      about: "number of puts at each rate",
    }),
  },
  varies: "the failures per second",
  reading:
    "The mean rises slowly, because most puts meet no failure. The 99th percentile shows puts that met a node that was down: the call is refused, and only then does the next node on the ring replace it. A coordinator that fails loses its puts, so the share of acknowledged puts falls.",
  columns: {
    rate: "failures per second",
    mean: "of acknowledged puts, ms",
    p99: "their 99th percentile, ms",
    acknowledged: "share of puts that were acknowledged",
    failures: "number of failures during the puts",
  },
  plots: [
    {
      name: "latency",
      title: "Puts by failure rate",
      from: "latency",
      mark: "line",
      x: "rate",
      y: "ms",
      color: "figure",
      xLabel: "failures a second",
      yLabel: "ms",
    },
    {
      name: "acknowledged",
      title: "Puts that are acknowledged",
      from: "rows",
      mark: "line",
      x: "rate",
      y: "acknowledged",
      xLabel: "failures a second",
      yLabel: "share",
      yDomain: [0, 1],
    },
  ],
  reference: {
    source:
      "the original Dynamo Simulator, Figure 4: 8 nodes, N=4 R=1 W=3, 10 ms; put mean about 35 to 40 ms and p99 about 64 to 174 ms from 1 to 50 failures a second",
    note: "Ranges are read off the figure; they include the original's own processing.",
    rows: [{ rate: 1, mean: 35, p99: 64 }, { rate: 50, mean: 40, p99: 174 }],
    keys: ["rate"],
    compared: ["mean", "p99"],
  },
  validate({ n, r, w, nodes }) {
    requireAtMost("n", n, "nodes", nodes);
    requireAtMost("r", r, "N", n);
    requireAtMost("w", w, "N", n);
  },
  points: ({ rates }) => [...rates],
  run(rate, values, { seed, random, onProgress }) {
    const { nodes, n, r, w, latency, downMs, clients, operations } = values;
    const cluster = resilientCluster({ nodes, latency, seed, config: { n, r, w, sloppy: true } });
    cluster.runFor(NOTICED_MS);
    const load = spawnLoad(cluster, {
      mix: getsAndPuts(0),
      arrivals: { kind: "closed", concurrency: clients },
      count: operations,
      keys: uniform(1_000),
      valueBytes: 100,
      onProgress,
      node: (_, random) => liveNode(cluster, random),
      random: random.child("load"),
    });
    const put = load.tally("put");
    let failures = 0;
    function* failAgainAndAgain(random: SeededRandom): Steps<void> {
      while (rate > 0 && put.attempted < operations) {
        yield* cluster.sleep(-Math.log(1 - random.float()) * 1_000 / rate);
        const node = liveNode(cluster, random);
        if (node === undefined) continue;
        crash(cluster, node, downMs);
        failures++;
      }
    }
    cluster.spawn(failAgainAndAgain(random.child("failures")));
    cluster.run();
    const row: Row = {
      rate,
      mean: rounded(put.latency.meanMs),
      p99: rounded(put.latency.percentileMs(99)),
      acknowledged: rounded(put.ok / put.attempted),
      failures,
    };
    const points = (["mean", "p99"] as const).map((figure): Row => ({
      rate,
      figure,
      ms: row[figure] ?? null,
    }));
    return { rows: [row], series: { latency: points } };
  },
  checks({ rows }) {
    const byRate = rows.toSorted((a, b) => numberIn(a, "rate") - numberIn(b, "rate"));
    const [first, last] = [byRate[0], byRate.at(-1)];
    if (first === undefined || last === undefined || first === last) return [];
    const [calm, busy] = [numberIn(first, "p99"), numberIn(last, "p99")];
    const tail = checkThat(
      "the tail grows with the rate",
      busy > calm,
      `${calm} → ${busy} ms`,
      "longer",
    );
    const acknowledged = numberIn(first, "acknowledged");
    return [
      // Puts that wait for no other node have no tail to compare.
      ...(calm === 0 && busy === 0 ? [] : [tail]),
      ...(first.rate === 0
        ? [checkAtLeast("share of puts acknowledged without failures", acknowledged, 1)]
        : []),
    ];
  },
});
