/** The original Dynamo Simulator's Figures 1 and 2: who reads the last write, so long after it. */
import {
  type Check,
  checkThat,
  defineExperiment,
  numberIn,
  type PointContext,
  rounded,
  type Row,
} from "../experiment.ts";
import { liveTimedReads } from "../live_timed_reads.ts";
import {
  choice,
  decimals,
  integer,
  latencies,
  ParameterError,
  type Quorums,
  quorums,
  quorumsOf,
} from "../parameters.ts";
import type { ClusterConfig } from "../../dynamo/config.ts";
import { repairConfig, REPAIRS } from "../repairs.ts";
import { simulateTimedReads } from "../timed_reads.ts";

const NORMAL = "normal(50,25)";
const UNIFORM = "uniform(0,100)";
const PUBLISHED: readonly (readonly [string, number, number, number, number])[] = [
  ["4/1/1", 75.3, 98.0, 79.1, 100],
  ["4/1/2", 84.4, 99.1, 90.1, 100],
  ["4/2/1", 78.2, 98.9, 86.7, 100],
  ["4/2/3", 95.1, 100, 99.3, 100],
];
/** From the stalest to the freshest, at the put's answer. */
const PUBLISHED_ORDER = ["4/1/1", "4/2/1", "4/1/2", "4/2/3"];

export const DELTA_P = defineExperiment({
  name: "delta-p",
  title: "Reading the last write, by time since it",
  question: "How likely is it to read the latest value, so long after the put was answered?",
  reproduces: "the original Dynamo Simulator, Figures 1 and 2",
  engines: ["simulated", "live"],
  parameters: {
    quorums: quorums({
      default: ["4/1/1", "4/1/2", "4/2/1", "4/2/3"],
      about: "configurations, N/R/W",
    }),
    latencies: latencies({
      default: [NORMAL, UNIFORM],
      about: "of every message between nodes; the original names only its mean, 50 ms",
    }),
    times: decimals({
      ...{ default: [0, 10, 20, 30, 40, 50, 60, 80, 100, 120, 150], least: 0, most: 60_000 },
      about: "when to read, ms after the put's answer",
    }),
    repair: choice(REPAIRS, { default: "none", about: "what mends replicas meanwhile" }),
    nodes: integer({ default: 8, least: 1, most: 100, about: "nodes" }),
    trials: integer({
      default: 4_000,
      least: 10,
      most: 1_000_000,
      about: "puts of each, simulated",
    }),
    liveTrials: integer({ default: 150, least: 10, most: 100_000, about: "puts of each, live" }),
  },
  varies: "N, R, W and the latency's distribution",
  reading:
    "Each line is one configuration. It starts at the share of reads that see a put the moment it is answered, and rises as the put reaches the other replicas. Where R + W > N the line is flat at 100%: every read quorum meets every write quorum. The original read stale values there, because it compared its clocks wrongly. Absolute values differ from the original's, which counted its own processing into every delay; the order of the lines is the same.",
  columns: {
    latency: "of every message between nodes",
    quorums: "N/R/W",
    t: "ms from the put's answer to the read",
    latest: "% of reads that saw the put",
    reads: "how many were made",
  },
  plots: [{
    ...{ name: "delta-p", title: "Reads that see the last put", from: "rows", mark: "line" },
    ...{ x: "t", y: "latest", color: "quorums", facet: "latency", published: true },
    ...{ xLabel: "ms since the put was answered", yLabel: "% of reads", yDomain: [0, 100] },
  }],
  reference: {
    source:
      "the original Dynamo Simulator, notebooks: % of reads that see the last put, at 0 and 100 ms, latency 50 ms",
    note:
      "4/2/3 has R + W > N and still read stale values there: its clock comparison was wrong. Its delays include its own processing, some tens of ms.",
    rows: PUBLISHED.flatMap(([quorums, normal0, normal100, uniform0, uniform100]): Row[] => [
      { latency: NORMAL, quorums, t: 0, latest: normal0 },
      { latency: NORMAL, quorums, t: 100, latest: normal100 },
      { latency: UNIFORM, quorums, t: 0, latest: uniform0 },
      { latency: UNIFORM, quorums, t: 100, latest: uniform100 },
    ]),
    keys: ["latency", "quorums", "t"],
    compared: ["latest"],
  },
  validate({ quorums, nodes }) {
    for (const each of quorums) requireNodes(quorumsOf(each), nodes);
  },
  points: ({ quorums, latencies }) =>
    latencies.flatMap((latency) => quorums.map((quorum) => ({ latency, quorum }))),
  async run({ latency, quorum }, { nodes, times, trials, liveTrials, repair }, context) {
    const config = repairConfig(repair);
    const plan = { nodes, quorums: quorumsOf(quorum), latency, timesMs: times, config };
    const found = context.engine === "live"
      ? await live(plan, liveTrials, context)
      : simulateTimedReads({
        ...{ ...plan, trials, seed: context.seed, onProgress: context.onProgress },
      }).times;
    const rows = found.map(({ t, reads, latest }): Row => ({
      ...{ latency, quorums: quorum, t, latest: rounded(100 * latest / reads), reads },
    }));
    return { rows };
  },
  checks({ rows, values }) {
    return values.latencies.flatMap((latency): Check[] => {
      const line = (quorum: string) =>
        rows.filter((row) => row.latency === latency && row.quorums === quorum)
          .toSorted((a, b) => numberIn(a, "t") - numberIn(b, "t"));
      return [
        ...values.quorums.map((quorum) => lineCheck(latency, quorum, line(quorum))),
        ...orderChecks(latency, values.quorums, (quorum) => line(quorum)[0]),
      ];
    });
  },
});

function requireNodes({ n }: Quorums, nodes: number): void {
  if (n > nodes) {
    throw new ParameterError(`parameter 'nodes' must be at least N, ${n}: it is ${nodes}`);
  }
}

function lineCheck(latency: string, quorum: string, line: readonly Row[]): Check {
  const { n, r, w } = quorumsOf(quorum);
  const shares = line.map((row) => numberIn(row, "latest"));
  if (r + w > n) {
    const least = Math.min(...shares);
    return checkThat(
      `${latency} ${quorum}: R+W>N reads the last put at every t`,
      least === 100,
      least,
      "100%",
    );
  }
  // Three standard errors of the difference of two shares, in %.
  const slack = 300 * Math.sqrt(0.5 / Math.max(1, numberIn(line[0], "reads")));
  const rises = shares.every((p, i) => i === 0 || p >= (shares[i - 1] as number) - slack);
  const first = shares[0] ?? 0;
  const last = shares.at(-1) ?? 0;
  return checkThat(
    `${latency} ${quorum}: rises with t`,
    rises && last > first,
    `${first}% → ${last}%`,
    "rising",
  );
}

function orderChecks(
  latency: string,
  quorums: readonly string[],
  atZero: (quorum: string) => Row | undefined,
): Check[] {
  if (!PUBLISHED_ORDER.every((quorum) => quorums.includes(quorum))) return [];
  const shares = PUBLISHED_ORDER.map((quorum) => numberIn(atZero(quorum), "latest"));
  const isOrdered = shares.every((p, i) => i === 0 || p >= (shares[i - 1] as number));
  const told = PUBLISHED_ORDER.map((quorum, i) => `${quorum} ${shares[i]}%`).join(" ≤ ");
  return [
    checkThat(`${latency}: the published order at the first t`, isOrdered, told, "that order"),
  ];
}

interface LivePlan {
  readonly nodes: number;
  readonly quorums: Quorums;
  readonly latency: string;
  readonly timesMs: readonly number[];
  readonly config: Partial<ClusterConfig>;
}

async function live(
  { nodes, quorums, latency, timesMs, config }: LivePlan,
  trials: number,
  context: PointContext,
) {
  const cluster = await context.launch?.({
    nodes,
    latency,
    config: { ...quorums, ...config, timeoutMs: 60_000, patienceMs: 60_000 },
  });
  if (cluster === undefined) throw new Error("the live engine needs a launcher");
  try {
    const { random, signal, onProgress } = context;
    const { reads } = await liveTimedReads(cluster, {
      ...{ timesMs, trials, concurrency: 8, random, signal, onProgress },
    });
    return timesMs.map((t) => {
      const here = reads.filter((read) => read.t === t);
      return { t, reads: here.length, latest: here.filter((read) => read.isLatest).length };
    });
  } finally {
    await cluster.close();
  }
}
