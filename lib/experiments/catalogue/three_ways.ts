/**
 * One configuration on all three engines, as PBS (section 5.2) compared its model with Cassandra.
 * Does the model predict what the protocol does? The model's coordinator is a replica, as in this
 * store.
 */
import { parseLegs } from "../../random/latency.ts";
import { liveTimedReads } from "../engines/live_timed_reads.ts";
import { simulateTimedReads } from "../engines/simulated_timed_reads.ts";
import {
  type Check,
  checkAtMost,
  defineExperiment,
  numberIn,
  type PointContext,
  rounded,
  type Row,
} from "../experiment.ts";
import {
  decimal,
  integer,
  latencies,
  type Quorums,
  quorums,
  quorumsOf,
  requireNodes,
  type Values,
} from "../parameters.ts";
import type { LatencyRecorder } from "../stats/histogram.ts";
import { tVisibilityMs } from "../stats/staleness.ts";
import { scaledLegs } from "../wars/scaled_legs.ts";
import type { WarsTally } from "../wars/wars.ts";
import { shareWithin, type TimedReads } from "../workload/timed_reads.ts";
import { warsTrials } from "./wars_trials.ts";

const PERCENTS: readonly number[] = [50, 90, 99, 99.9];
/** Samples required beyond a percentile: with thirty, its rank is uncertain by 18%. */
const BEYOND_MIN = 30;
const MS_PER_SECOND = 1_000;
const CONCURRENCY_MAX = 1_000;
/** Reads are placed at these shares of the model's own curve, up to the last stale reads. */
const SHARES: readonly number[] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999];

const PARAMETERS = {
  latencies: latencies({
    default: ["LNKD-DISK", "W=exp(0.1);A,R,S=exp(1)"],
    about: "legs between nodes",
  }),
  quorums: quorums({ default: ["3/1/1", "3/1/2", "3/2/1"], about: "configurations, N/R/W" }),
  nodes: integer({ default: 5, least: 1, most: 50, about: "nodes" }),
  modelTrials: integer({
    default: 2_000_000,
    least: 1_000,
    most: 1_000_000_000,
    about: "of the model",
  }),
  trials: integer({
    default: 80_000,
    least: 100,
    most: 10_000_000,
    about: "simulated: number of puts",
  }),
  liveTrials: integer({
    default: 1_000,
    least: 10,
    most: 1_000_000,
    about: "live: number of puts",
  }),
  liveScale: decimal({
    default: 100,
    least: 0.1,
    most: 1_000,
    about:
      "live: latencies are multiplied by this factor, so that the machine's own delays matter little",
  }),
  liveRate: decimal({
    default: 20,
    least: 0.1,
    most: 1_000,
    about:
      "live: approximate puts per second, each read at every t; more would overload the machine",
  }),
} as const;

export const THREE_WAYS = defineExperiment({
  name: "three-ways",
  title: "Model, simulation and real processes",
  question: "Do the model, the simulation and real processes agree about latency and staleness?",
  reproduces:
    "PBS (VLDB 2012), section 5.2: validation of the model, with this store instead of Cassandra",
  engines: ["simulated", "live", "model"],
  parameters: PARAMETERS,
  varies: "the latencies, and N, R and W",
  reading:
    "Each line is the share of reads that see a put, by the age of the put. When the engines agree, the lines of a configuration coincide. RMSE is the root mean square of their difference over all t. For latencies it is that of the relative errors of the 50th, 90th, 99th and 99.9th percentiles of gets and puts, each with at least thirty samples beyond it. Live runs multiply all latencies by a factor, because a real request takes a millisecond in itself; the times shown are divided by the factor.",
  columns: {
    latency: "legs between nodes",
    quorums: "N/R/W",
    engine: "compared with the model",
    rmseConsistent: "RMSE of P(consistent at t), in percentage points",
    rmseLatency: "RMSE of the latency percentiles, relative, in %; empty if the model's are 0",
    t99: "ms until 99% of reads see the put, interpolated; empty if the curve stays below",
    t99Model: "the same by the model",
    puts: "trials",
    reads: "over all t",
    failed: "operations that did not succeed",
  },
  plots: [{
    name: "p-consistent",
    title: "Reads that see the write",
    from: "pConsistent",
    mark: "line",
    x: "t",
    y: "p",
    color: "engine",
    facet: "configuration",
    yDomain: [0, 1],
    xLabel: "ms since the put was answered",
    yLabel: "share of reads",
  }],
  validate({ quorums, nodes }) {
    requireNodes(quorums, nodes);
  },
  points: ({ latencies, quorums }) =>
    latencies.flatMap((latency) => quorums.map((quorum) => ({ latency, quorum }))),
  async run({ latency, quorum }, values, context) {
    const quorums = quorumsOf(quorum);
    const { n, r, w } = quorums;
    const tally = warsTrials(
      { n, legs: parseLegs(latency), coordinator: "replica", pairs: [{ r, w }] },
      values.modelTrials,
      { ...context, onProgress: () => {} },
    );
    const configuration = `${latency.length > 12 ? `${latency.slice(0, 10)}…` : latency} ${quorum}`;
    const timesMs = timesOf(tally, quorums);
    const curve = (engine: string, points: readonly { t: number; p: number }[]) =>
      points.map(({ t, p }): Row => ({ configuration, engine, t: rounded(t), p: rounded(p) }));
    const pConsistent = curve(
      "model",
      timesMs.map((t) => ({ t, p: tally.pConsistent({ r, w }, t) })),
    );
    const facts = { latency, quorums: quorum };
    if (context.engine === "model") {
      const reads = 0;
      return {
        rows: [{ ...facts, engine: "model", puts: values.modelTrials, reads }],
        series: { pConsistent },
      };
    }
    const found = context.engine === "live"
      ? await live(latency, quorums, timesMs, values, context)
      : simulated(latency, quorums, timesMs, values, context);
    const distances = found.curve.map(({ age, p }) =>
      p - age.reduce((sum, t) => sum + tally.pConsistent({ r, w }, t), 0) / age.length
    );
    const errors = [
      ...latencyErrors(found.readMs, (p) => tally.readMs(r, p), found.scale),
      ...latencyErrors(found.writeMs, (p) => tally.writeMs(w, p), found.scale),
    ];
    pConsistent.push(...curve(context.engine, found.curve));
    const row: Row = {
      ...facts,
      engine: context.engine,
      rmseConsistent: percentOrNull(rootMeanSquare(distances)),
      rmseLatency: percentOrNull(rootMeanSquare(errors)),
      t99: roundedOrNull(tVisibilityMs(found.curve, 0.99)),
      t99Model: rounded(tally.tVisibilityMs({ r, w }, 0.99)),
      puts: found.writeMs.count,
      reads: found.readMs.count,
      failed: found.failed,
    };
    return { rows: [row], series: { pConsistent } };
  },
  checks({ rows, engine }) {
    if (engine === "model") return [];
    const [consistentMost, latencyMost] = engine === "live" ? [5, 10] : [1, 3];
    const failed = rows.reduce((sum, row) => sum + numberIn(row, "failed"), 0);
    const served = checkAtMost("operations that did not succeed, without any fault", failed, 0);
    return [
      served,
      ...rows.flatMap((row) => errorChecks(row, consistentMost, latencyMost)),
    ];
  },
});

function errorChecks(row: Row, consistentMost: number, latencyMost: number): Check[] {
  const name = `${row.latency} ${row.quorums}: RMSE`;
  return [
    checkAtMost(
      `${name} of P(consistent at t)`,
      numberIn(row, "rmseConsistent"),
      consistentMost,
      "%",
    ),
    // At R = W = 1 the model's latencies are 0, so there is no relative error.
    ...(row.rmseLatency === null ? [] : [checkAtMost(
      `${name} of latency percentiles`,
      numberIn(row, "rmseLatency"),
      latencyMost,
      "%",
    )]),
  ];
}

interface Found {
  readonly curve: readonly {
    readonly t: number;
    readonly p: number;
    /** The actual ages of the reads, at which the model is evaluated. */
    readonly age: readonly number[];
  }[];
  readonly readMs: LatencyRecorder;
  readonly writeMs: LatencyRecorder;
  readonly failed: number;
  readonly scale: number;
}

function timesOf(tally: WarsTally, { r, w }: Quorums): number[] {
  const sketch = tally.sketchOf({ r, w });
  const times = sketch === null ? [1, 5, 10] : SHARES.map((share) => sketch.quantile(share));
  return [...new Set([0, ...times.map((t) => rounded(t))])].toSorted((a, b) => a - b);
}

function simulated(
  latency: string,
  quorums: Quorums,
  timesMs: readonly number[],
  { nodes, trials }: Values<typeof PARAMETERS>,
  { seed, onProgress }: PointContext,
): Found {
  const found = simulateTimedReads({
    nodes,
    quorums,
    latency,
    timesMs,
    trials,
    seed,
    onProgress,
  });
  // In virtual time, timers are exact.
  const curve = seen(found).map((at) => ({ t: at.t, p: shareWithin(at, 1), age: [at.t] }));
  return { ...factsOf(found), curve, scale: 1 };
}

async function live(
  latency: string,
  quorums: Quorums,
  timesMs: readonly number[],
  { nodes, liveTrials: trials, liveScale: scale, liveRate }: Values<typeof PARAMETERS>,
  context: PointContext,
): Promise<Found> {
  // A trial lasts until its last read. Longer trials need a higher concurrency for the same rate.
  const lastsSeconds = Math.max(...timesMs) * scale / MS_PER_SECOND;
  const concurrency = Math.min(CONCURRENCY_MAX, Math.max(1, Math.ceil(liveRate * lastsSeconds)));
  const plan = {
    nodes,
    quorums,
    trials,
    concurrency,
    latency: scaledLegs(parseLegs(latency), scale).spec,
    timesMs: timesMs.map((t) => t * scale),
  };
  const found = await liveTimedReads(plan, context);
  const curve = seen(found).map((at) => ({
    t: at.t / scale,
    p: shareWithin(at, 1),
    age: at.agesMs.map((ageMs) => ageMs / scale),
  }));
  return { ...factsOf(found), curve, scale };
}

/** The times at which at least one read succeeded. */
function seen({ times }: TimedReads) {
  return times.filter(({ reads }) => reads > 0);
}

function factsOf({ readMs, writeMs, failed }: TimedReads) {
  return { readMs, writeMs, failed };
}

/** The relative errors of the percentiles, except those that are 0 in the model. */
function latencyErrors(
  recorder: LatencyRecorder,
  model: (p: number) => number,
  scale: number,
): number[] {
  // With only a few samples beyond it, a percentile is mostly noise.
  const told = PERCENTS.filter((percent) => recorder.count * (1 - percent / 100) >= BEYOND_MIN);
  return told.flatMap((percent) => {
    const expected = model(percent / 100);
    // Below a tenth of a microsecond, the sketch means 0: the coordinator's own copy has no legs.
    return expected < 1e-4 ? [] : [recorder.percentileMs(percent) / scale / expected - 1];
  });
}

function percentOrNull(share: number | null): number | null {
  return share === null ? null : rounded(100 * share, 3);
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value);
}

/** Null without values. */
function rootMeanSquare(values: readonly number[]): number | null {
  return values.length === 0
    ? null
    : Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
