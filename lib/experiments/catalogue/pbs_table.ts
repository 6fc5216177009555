/** PBS Table 4: latency and staleness of each quorum, with the latencies of production systems. */
import { parseLegs, PROFILES } from "../../random/latency.ts";
import pbs from "../data/pbs.json" with { type: "json" };
import {
  checkAtMost,
  defineExperiment,
  numberIn,
  type Reference,
  relativeError,
  rounded,
  type Row,
} from "../experiment.ts";
import { choice, integer, latencies } from "../parameters.ts";
import { compare } from "../report/result.ts";
import { tellingTimes, warsReport } from "../wars/report.ts";
import { allQuorums, WARS_COORDINATORS, WARS_N_MAX } from "../wars/wars.ts";
import { TRIALS_BOUNDS, warsTrials } from "./wars_trials.ts";

const published = pbs["pbs-table"];
const [profile, r, w, readP999, writeP999] = [0, 1, 2, 3, 4] as const;

const REFERENCE_ROWS: readonly Row[] = published.rows.map((row) => ({
  profile: row[profile] as string,
  R: row[r] as number,
  W: row[w] as number,
  readP999: row[readP999] as number,
  writeP999: row[writeP999] as number,
  // The published estimator: see first_crossing.ts.
  tVisibilityFirstCrossing: row[5] as number,
}));

const REFERENCE: Reference = {
  source: published.source,
  note:
    "The published t-visibility is the first t of a sweep at which an estimate from 50,000 trials reaches 99.9%. It is 4 to 13% below the true quantile.",
  rows: REFERENCE_ROWS,
  keys: ["profile", "R", "W"],
  compared: ["readP999", "writeP999", "tVisibilityFirstCrossing"],
};

export const PBS_TABLE = defineExperiment({
  name: "pbs-table",
  title: "Latency and staleness of every quorum",
  question:
    "How do R and W affect latency, and how soon do reads see a write, with the latencies of four production systems?",
  reproduces: "PBS (Bailis et al., VLDB 2012), Table 4 and the figures beside it",
  engines: ["model"],
  parameters: {
    profiles: latencies({
      default: ["LNKD-SSD", "LNKD-DISK", "YMMR", "WAN"],
      about: `latencies to study: ${PROFILES.map(({ name }) => name).join(", ")} or any spec`,
    }),
    n: integer({ default: 3, least: 1, most: WARS_N_MAX, about: "replicas, N" }),
    trials: integer({
      default: 4_000_000,
      ...TRIALS_BOUNDS,
      about: "number of Monte Carlo trials",
    }),
    coordinator: choice(WARS_COORDINATORS, {
      default: "proxy",
      about: "proxy: no replica coordinates, as published; otherwise a replica does",
    }),
  },
  varies: "the latency profile, and every R and W of N",
  reading:
    "Each line is one quorum: the share of reads that see a write, by time since the write was answered. With R + W > N the quorums overlap and every read sees the write, so there is no line. A line that starts high and rises soon is a partial quorum that is hardly ever stale. The table shows the price, the 99.9th percentile of reads and writes. The published t-visibility is the first crossing of a noisy sweep and is below the true quantile; the table has both.",
  columns: {
    profile: "the latency profile",
    R: "replies that a read waits for",
    W: "acknowledgements that a write waits for",
    readP999: "99.9th percentile of a read's latency, ms",
    writeP999: "99.9th percentile of a write's latency, ms",
    tVisibility: "ms after a write's answer until 99.9% of reads see it: the true quantile",
    tVisibilityFirstCrossing: "the same as PBS estimates it, ms",
    pAtZero: "share of reads that see the write and begin when it is answered",
  },
  plots: [
    {
      name: "p-consistent",
      title: "Reads that see the write, by time since its answer",
      from: "pConsistent",
      mark: "line",
      x: "t",
      y: "p",
      color: "quorum",
      facet: "profile",
      xLabel: "ms since the write was answered",
      yLabel: "share of reads",
      xScale: "log",
      yDomain: [0, 1],
    },
    {
      name: "latency",
      title: "What more replies cost: 99.9th percentile of reads by R",
      from: "rows",
      mark: "dot",
      x: "R",
      y: "readP999",
      color: "profile",
      xScale: "point",
      xLabel: "R",
      yLabel: "ms",
      yScale: "log",
      published: true,
    },
  ],
  reference: REFERENCE,
  points: ({ profiles }) => [...profiles],
  run(profile, { n, trials, coordinator }, context) {
    const tally = warsTrials({ n, legs: parseLegs(profile), coordinator }, trials, context);
    const rows: Row[] = [];
    const pConsistent: Row[] = [];
    for (const quorum of allQuorums(n)) {
      const report = warsReport(tally, quorum, context.seed);
      rows.push({
        profile,
        R: quorum.r,
        W: quorum.w,
        readP999: rounded(report.readP999),
        writeP999: rounded(report.writeP999),
        tVisibility: rounded(report.tVisibility999),
        tVisibilityFirstCrossing: rounded(report.tVisibility999FirstCrossing),
        pAtZero: rounded(tally.pConsistent(quorum, 0)),
      });
      if (quorum.r + quorum.w > n) continue;
      const name = `R=${quorum.r} W=${quorum.w}`;
      for (const t of tellingTimes(report.tVisibility999).slice(1)) {
        pConsistent.push({ profile, quorum: name, t, p: rounded(tally.pConsistent(quorum, t)) });
      }
    }
    return { rows, series: { pConsistent } };
  },
  checks({ rows, values }) {
    if (values.n !== 3 || values.coordinator !== "proxy") return [];
    const comparisons = compare(REFERENCE, rows);
    if (comparisons.length === 0) return [];
    const worst = (columns: readonly string[]) =>
      Math.max(
        0,
        ...comparisons.filter(({ column }) => columns.includes(column))
          .map(({ relativeError }) => relativeError ?? 0),
      );
    const atZero = Object.entries(published.probabilityAtZero).flatMap(([profile, p]) => {
      const row = rows.find((row) => row.profile === profile && row.R === 1 && row.W === 1);
      return row === undefined ? [] : [relativeError(numberIn(row, "pAtZero"), p)];
    });
    return [
      checkAtMost(
        "largest relative error of the 99.9th percentiles against Table 4",
        worst(["readP999", "writeP999"]),
        0.03,
      ),
      checkAtMost(
        "largest relative error of t-visibility by the published estimator (itself ±10%)",
        worst(["tVisibilityFirstCrossing"]),
        0.1,
      ),
      checkAtMost("largest relative error of P(consistent at 0)", Math.max(0, ...atZero), 0.01),
    ];
  },
});
