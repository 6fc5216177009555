/**
 * What the phi of the failure detector trades: how soon a dead node is noticed, against how often a
 * living one is taken for dead (Hayashibara et al., 2004). Messages are lost meanwhile.
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
  title: "Noticed soon, or rarely wrong",
  question:
    "How soon is a dead node noticed, and how often is a living one taken for dead, by threshold and interval?",
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
      about: "how long all live, counting mistakes",
    }),
    freezes: integer({
      default: 12,
      least: 1,
      most: 1_000,
      about: "nodes frozen, one after another",
    }),
  },
  varies: "phi, the interval, and whether it adapts",
  reading:
    "To the right, slower and surer: each step of phi asks for ten times less chance of a mistake and pays with a longer silence. Half the interval notices in half the time. The nodes freeze, as SIGSTOP makes them: one whose process ends is found sooner, since its connections are refused. A mistake here is one node believing down one that lives; it only costs detours. The adaptive interval relaxes in calm, and the detector, which counts in the sender's own intervals, takes accordingly longer.",
  columns: {
    phi: "threshold",
    intervalMs: "of gossip",
    interval: "fixed or adaptive",
    detectMs: "median from a node's freezing until another believes it down, ms",
    detectAllMs: "mean until all the others do, ms",
    mistakesPerHour: "beliefs that a living node is down, by one node about another, an hour",
    unnoticed: "of nodes frozen, seen by none within the time given",
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
      title: "Living nodes taken for dead",
      from: "rows",
      mark: "line",
      x: "phi",
      y: "mistakesPerHour",
      color: "interval",
      facet: "intervalMs",
      xLabel: "phi",
      yLabel: "mistakes a pair of nodes and hour",
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
    // Heartbeats must have been seen for a while before silence means anything.
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
      // Back, and long enough known again.
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
        `${intervalMs} ms: frozen nodes that nobody noticed`,
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
          `${intervalMs} ms: and is wrong less often`,
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
