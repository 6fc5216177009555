/**
 * The trade-off of the failure detector's phi (Hayashibara et al., 2004): how soon a dead node is
 * noticed, against how often a live node is suspected. Some messages are lost all the time.
 */
import { SimulatedCluster } from "../engines/simulated_cluster.ts";
import {
  type Check,
  checkAtMost,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { decimal, decimals, flag, integer, integers } from "../parameters.ts";

const KINDS = ["fixed", "adaptive"] as const;

export const FAILURE_DETECTION = defineExperiment({
  name: "failure-detection",
  title: "Detection time against mistakes",
  question:
    "How soon is a dead node noticed, and how often is a live node suspected, by threshold and interval?",
  reproduces: "Hayashibara et al. (2004), the phi accrual detector, over Dynamo's gossip",
  engines: ["simulated"],
  parameters: {
    thresholds: decimals({
      default: [1, 2, 4, 8, 12],
      least: 0.1,
      most: 100,
      about: "values of phi",
    }),
    intervalsMs: integers({
      default: [500, 1_000],
      least: 10,
      most: 60_000,
      about: "gossip intervals",
    }),
    bothKinds: flag({ default: true, about: "also with the adaptive interval" }),
    nodes: integer({ default: 10, least: 3, most: 500, about: "nodes" }),
    loss: decimal({ default: 0.1, least: 0, most: 0.99, about: "share of messages lost" }),
    calmMs: integer({
      default: 300_000,
      least: 1_000,
      most: 86_400_000,
      about: "time during which all nodes are up and mistakes are counted",
    }),
    freezes: integer({
      default: 12,
      least: 1,
      most: 1_000,
      about: "number of nodes to freeze, one after another",
    }),
  },
  varies: "phi, the interval, and whether it adapts",
  reading:
    "A higher phi is slower and makes fewer mistakes: each step of 1 allows ten times fewer mistakes and needs a longer silence. Half the interval halves the detection time. The nodes are frozen, as by SIGSTOP. A process that ends is found sooner, because its connections are refused. A mistake means that one node believes a live node to be down, which only causes detours. The adaptive interval grows while nothing changes. The detector counts in the sender's intervals, so it then takes longer.",
  columns: {
    phi: "threshold",
    intervalMs: "of gossip",
    interval: "fixed or adaptive",
    detectMs: "median time until another node believes the frozen node to be down, ms",
    detectAllMs: "mean time until all other nodes do, ms",
    mistakesPerHour: "how often a node believes a live node to be down, per pair and hour",
    unnoticed: "frozen nodes that no node noticed in time",
  },
  plots: [
    {
      name: "detection",
      title: "Until a dead node is noticed",
      from: "rows",
      mark: "line",
      x: "phi",
      y: "detectMs",
      color: "interval",
      facet: "intervalMs",
      xLabel: "phi",
      yLabel: "ms",
    },
    {
      name: "mistakes",
      title: "Live nodes believed to be down",
      from: "rows",
      mark: "line",
      x: "phi",
      y: "mistakesPerHour",
      color: "interval",
      facet: "intervalMs",
      xLabel: "phi",
      yLabel: "mistakes per pair of nodes and hour",
    },
  ],
  points: ({ thresholds, intervalsMs, bothKinds }) =>
    intervalsMs.flatMap((intervalMs) =>
      (bothKinds ? KINDS : ["fixed" as const]).flatMap((interval) =>
        thresholds.map((phi) => ({ phi, intervalMs, interval }))
      )
    ),
  run(
    { phi, intervalMs, interval },
    { nodes, loss, calmMs, freezes },
    { seed, random, onProgress },
  ) {
    const cluster = new SimulatedCluster({
      nodes,
      latency: "exp(1);other=exp(1)",
      seed,
      config: {
        gossipIntervalMs: intervalMs,
        phiThreshold: phi,
        adaptiveGossip: interval === "adaptive",
        reapIntervalMs: 0,
        timeoutMs: 10 * intervalMs,
      },
    });
    const { simulation } = cluster;
    // The detector needs some heartbeats before silence means anything.
    cluster.runFor(30 * intervalMs);
    simulation.inject({ kind: "loss", atMs: cluster.nowMs, forMs: 86_400_000, probability: loss });
    let mistakes = 0;
    simulation.tracer = {
      observed: (_, observation) => {
        if (observation.type === "node-down") mistakes++;
      },
    };
    cluster.runFor(calmMs);
    const pairs = nodes * (nodes - 1);
    const noticedMs: number[] = [];
    const allMs: number[] = [];
    let unnoticed = 0;
    for (let i = 0; i < freezes; i++) {
      const dead = cluster.anyNode(random);
      const believers = new Set<string>();
      const begunMs = cluster.nowMs;
      const downMs = 60 * intervalMs * Math.max(1, phi / 4);
      simulation.tracer = {
        observed: (node, observation, at) => {
          if (observation.type !== "node-down" || observation.peer !== dead) return;
          if (believers.has(node)) return;
          believers.add(node);
          noticedMs.push(at / 1_000 - begunMs);
        },
      };
      simulation.inject({ kind: "pause", atMs: begunMs, forMs: downMs, node: dead });
      while (believers.size < nodes - 1 && cluster.nowMs < begunMs + downMs) simulation.step();
      if (believers.size === 0) unnoticed++;
      else allMs.push(cluster.nowMs - begunMs);
      // Wait until the node is back and has sent enough heartbeats again.
      cluster.runFor(downMs + 30 * intervalMs - (cluster.nowMs - begunMs));
      onProgress((i + 1) / freezes);
    }
    simulation.tracer = null;
    const mean = (values: readonly number[]) =>
      values.length === 0 ? null : rounded(values.reduce((a, b) => a + b, 0) / values.length);
    const row: Row = {
      phi,
      intervalMs,
      interval,
      detectMs: median(noticedMs),
      detectAllMs: mean(allMs),
      mistakesPerHour: rounded(mistakes / pairs / (calmMs / 3_600_000)),
      unnoticed,
    };
    return { rows: [row] };
  },
  checks({ rows, values }) {
    return values.intervalsMs.flatMap((intervalMs): Check[] => {
      const line = rows.filter((row) => row.intervalMs === intervalMs && row.interval === "fixed")
        .toSorted((a, b) => numberIn(a, "phi") - numberIn(b, "phi"));
      const unnoticed = checkAtMost(
        `${intervalMs} ms: frozen nodes that no node noticed`,
        line.reduce((sum, row) => sum + numberIn(row, "unnoticed"), 0),
        0,
      );
      const [first, last] = [line[0], line.at(-1)];
      if (first === undefined || last === undefined || first === last) return [unnoticed];
      const soonMs = numberIn(first, "detectMs");
      const lateMs = numberIn(last, "detectMs");
      const often = numberIn(first, "mistakesPerHour");
      const rare = numberIn(last, "mistakesPerHour");
      return [
        checkThat(
          `${intervalMs} ms: a higher phi notices later`,
          lateMs > soonMs,
          `${told(soonMs)} → ${told(lateMs)}`,
          "later",
        ),
        checkThat(
          `${intervalMs} ms: a higher phi is wrong less often`,
          rare <= often,
          `${often} → ${rare}`,
          "less often",
        ),
        unnoticed,
      ];
    });
  },
});

function told(ms: number): string {
  return Number.isNaN(ms) ? "never" : `${ms} ms`;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? null : rounded(middle);
}
