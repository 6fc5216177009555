/** The original Dynamo Simulator's Figures 1 and 2: P(reading the last write) by time since it. */
import { liveTimedReads } from "../engines/live_timed_reads.ts";
import { repairConfig, REPAIRS } from "../engines/repairs.ts";
import { simulateTimedReads } from "../engines/simulated_timed_reads.ts";
import {
  type Check,
  checkAtLeast,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import {
  choices,
  decimals,
  integer,
  latencies,
  quorums,
  quorumsOf,
  requireNodes,
} from "../parameters.ts";
import { tVisibilityMs } from "../stats/staleness.ts";
import { kFreshness } from "../wars/quorum_formulas.ts";
import { latestReplyShare, shareWithin, type TimedReads } from "../workload/timed_reads.ts";

const NORMAL = "normal(50,25)";
const UNIFORM = "uniform(0,100)";
const PUBLISHED: readonly (readonly [string, number, number, number, number])[] = [
  ["4/1/1", 75.3, 98.0, 79.1, 100],
  ["4/1/2", 84.4, 99.1, 90.1, 100],
  ["4/2/1", 78.2, 98.9, 86.7, 100],
  ["4/2/3", 95.1, 100, 99.3, 100],
];
/** From the stalest to the freshest, for reads at the put's answer. */
const PUBLISHED_ORDER = ["4/1/1", "4/2/1", "4/1/2", "4/2/3"];

export const DELTA_P = defineExperiment({
  name: "delta-p",
  title: "Reading the last write, by time since it",
  question: "How likely is a read to return the latest value, by time since the put was answered?",
  reproduces: "the original Dynamo Simulator, Figures 1 and 2",
  engines: ["simulated", "live"],
  parameters: {
    quorums: quorums({
      default: ["4/1/1", "4/1/2", "4/2/1", "4/2/3"],
      about: "configurations, N/R/W",
    }),
    latencies: latencies({
      default: [NORMAL, UNIFORM],
      about: "of each message between nodes; the original names only its mean, 50 ms",
    }),
    times: decimals({
      default: [0, 10, 20, 30, 40, 50, 60, 80, 100, 120, 150],
      least: 0,
      most: 60_000,
      about: "when to read, ms after the put's answer",
    }),
    versions: integer({
      default: 3,
      least: 1,
      most: 20,
      about: "puts of each key, one after the other: a read can be several versions behind",
    }),
    repair: choices(REPAIRS, {
      default: ["none"],
      about: "which repair is on; one line for each",
    }),
    nodes: integer({ default: 8, least: 1, most: 100, about: "nodes" }),
    trials: integer({
      default: 4_000,
      least: 10,
      most: 1_000_000,
      about: "simulated: number of keys put and read for each configuration",
    }),
    liveTrials: integer({ default: 150, least: 10, most: 100_000, about: "the same, live" }),
  },
  varies: "N, R and W, the latency's distribution, and the repair",
  reading:
    "Each line is one configuration. It starts at the share of reads that see a put at the moment of its answer, and rises as the put reaches the other replicas. With R + W > N the line stays at 100%, because every read quorum meets every write quorum. The original read stale values there, because it compared its clocks wrongly. Absolute values differ from the original's, whose delays include its own processing; the order of the lines is the same. The second plot counts versions: a read that misses the last put may see the one before. It does so more often than in the closed form of PBS, where no write spreads beyond its quorum.",
  columns: {
    latency: "of every message between nodes",
    quorums: "N/R/W",
    repair: "which repair is on",
    line: "quorums and repair, as in the legend of the plot",
    t: "ms from the put's answer to the read",
    latest: "% of reads that saw the put",
    replies: "% of the R replies that held it",
    reads: "number of reads",
    t99: "ms until 99% of reads see the put, interpolated; empty if the curve stays below",
  },
  plots: [
    {
      name: "delta-p",
      title: "Reads that see the last put",
      from: "rows",
      mark: "line",
      x: "t",
      y: "latest",
      color: "line",
      facet: "latency",
      published: true,
      xLabel: "ms since the put was answered",
      yLabel: "% of reads",
      yDomain: [0, 100],
    },
    {
      name: "versions",
      title: "Reads at the first t that see one of the last k puts",
      from: "versions",
      mark: "line",
      x: "k",
      y: "within",
      color: "line",
      facet: "latency",
      xScale: "point",
      yDomain: [0, 100],
      xLabel: "k, versions",
      yLabel: "% of reads",
    },
  ],
  reference: {
    source:
      "the original Dynamo Simulator, notebooks: % of reads that see the last put, at 0 and 100 ms, latency 50 ms",
    note:
      "4/2/3 has R + W > N, but the original read stale values there, because its clock comparison was wrong. Its delays include its own processing, some tens of ms.",
    rows: PUBLISHED.flatMap(([line, normal0, normal100, uniform0, uniform100]): Row[] => [
      { latency: NORMAL, line, t: 0, latest: normal0 },
      { latency: NORMAL, line, t: 100, latest: normal100 },
      { latency: UNIFORM, line, t: 0, latest: uniform0 },
      { latency: UNIFORM, line, t: 100, latest: uniform100 },
    ]),
    keys: ["latency", "line", "t"],
    compared: ["latest"],
  },
  validate({ quorums, nodes }) {
    requireNodes(quorums, nodes);
  },
  points: ({ quorums, latencies, repair }) =>
    latencies.flatMap((latency) =>
      quorums.flatMap((quorum) => repair.map((mends) => ({ latency, quorum, mends })))
    ),
  async run({ latency, quorum, mends }, values, context) {
    const { nodes, times, versions } = values;
    const quorums = quorumsOf(quorum);
    const config = repairConfig(mends);
    const plan = { nodes, quorums, latency, timesMs: times, versions, config };
    const found: TimedReads = context.engine === "live"
      ? await liveTimedReads({ ...plan, trials: values.liveTrials, concurrency: 8 }, context)
      : simulateTimedReads({
        ...plan,
        trials: values.trials,
        seed: context.seed,
        onProgress: context.onProgress,
      });
    const curve = found.times.map((at) => ({ t: at.t, p: shareWithin(at, 1) }))
      .toSorted((a, b) => a.t - b.t);
    const t99 = tVisibilityMs(curve, 0.99);
    const line = mends === "none" ? quorum : `${quorum} ${mends}`;
    const rows = found.times.map((at): Row => ({
      latency,
      quorums: quorum,
      repair: mends,
      line,
      t: at.t,
      latest: rounded(100 * shareWithin(at, 1)),
      replies: rounded(100 * latestReplyShare(at)),
      reads: at.reads,
      t99: t99 === null ? null : rounded(t99),
    }));
    const first = found.times.toSorted((a, b) => a.t - b.t)[0];
    const { n, r, w } = quorums;
    const within = Array.from({ length: first === undefined ? 0 : versions }, (_, i): Row => ({
      latency,
      line,
      k: i + 1,
      within: first === undefined ? null : rounded(100 * shareWithin(first, i + 1)),
      closedForm: rounded(100 * kFreshness(n, r, w, i + 1)),
    }));
    return { rows, series: { versions: within } };
  },
  checks({ rows, series, values }) {
    const lines = [...new Set(rows.map(({ line }) => `${line}`))];
    const lineChecks = values.latencies.flatMap((latency): Check[] => {
      const ofLine = (name: string) =>
        rows.filter((row) => row.latency === latency && row.line === name)
          .toSorted((a, b) => numberIn(a, "t") - numberIn(b, "t"));
      return [
        ...lines.flatMap((name) => courseChecks(latency, name, ofLine(name))),
        ...orderChecks(latency, lines, (name) => ofLine(name)[0]),
      ];
    });
    const versionChecks = values.latencies.flatMap((latency) =>
      lines.map((name) =>
        versionCheck(
          `${latency} ${name}`,
          (series["versions"] ?? []).filter((row) => row.latency === latency && row.line === name),
          numberIn(rows[0], "reads"),
        )
      )
    );
    return [...lineChecks, ...versionChecks];
  },
});

function courseChecks(latency: string, name: string, line: readonly Row[]): Check[] {
  const { n, r, w } = quorumsOf(`${line[0]?.quorums}`);
  const shares = line.map((row) => numberIn(row, "latest"));
  if (r + w > n) {
    const least = Math.min(...shares);
    return [checkThat(
      `${latency} ${name}: R+W>N reads the last put at every t`,
      least === 100,
      least,
      "100%",
    )];
  }
  // A single t shows no trend.
  if (shares.length < 2) return [];
  // Three standard errors of the difference of two shares, in %.
  const slack = 300 * Math.sqrt(0.5 / Math.max(1, numberIn(line[0], "reads")));
  const rises = shares.every((p, i) => i === 0 || p >= (shares[i - 1] as number) - slack);
  const first = shares[0] ?? 0;
  const last = shares.at(-1) ?? 0;
  return [checkThat(
    `${latency} ${name}: rises with t`,
    rises && (last > first || first === 100),
    `${first}% → ${last}%`,
    "rising",
  )];
}

/** A write spreads beyond its quorum, so reads are never staler than the closed form of PBS. */
function versionCheck(name: string, within: readonly Row[], reads: number): Check {
  const margin = Math.min(
    ...within.map((row) => numberIn(row, "within") - numberIn(row, "closedForm")),
  );
  return checkAtLeast(
    `${name}: reads within k versions, above the closed form, minimum over k`,
    margin,
    // Three standard errors.
    rounded(-150 / Math.sqrt(reads), 2),
    "%",
  );
}

function orderChecks(
  latency: string,
  lines: readonly string[],
  atZero: (name: string) => Row | undefined,
): Check[] {
  if (!PUBLISHED_ORDER.every((quorum) => lines.includes(quorum))) return [];
  const shares = PUBLISHED_ORDER.map((quorum) => numberIn(atZero(quorum), "latest"));
  const isOrdered = shares.every((p, i) => i === 0 || p >= (shares[i - 1] as number));
  const told = PUBLISHED_ORDER.map((quorum, i) => `${quorum} ${shares[i]}%`).join(" ≤ ");
  return [
    checkThat(`${latency}: the published order at the first t`, isOrdered, told, "that order"),
  ];
}
