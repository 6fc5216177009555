/** PBS section 5.3: staleness depends on the distribution of the write delay alone. */
import { parseLegs } from "../../random/latency.ts";
import pbs from "../data/pbs.json" with { type: "json" };
import {
  checkAtMost,
  defineExperiment,
  numberIn,
  relativeError,
  rounded,
  type Row,
} from "../experiment.ts";
import { decimals, integer, requireAtMost } from "../parameters.ts";
import { tellingTimes } from "../wars/report.ts";
import { WARS_N_MAX } from "../wars/wars.ts";
import { TRIALS_BOUNDS, warsTrials } from "./wars_trials.ts";

const published = pbs["pbs-exponential"];

export const PBS_EXPONENTIAL = defineExperiment({
  name: "pbs-exponential",
  title: "Staleness under exponential delays",
  question: "How does the delay of writes, its mean and its variance, make reads stale?",
  reproduces: "PBS (VLDB 2012), section 5.3 and its figure of exponential write delays",
  engines: ["model"],
  parameters: {
    writeRates: decimals({
      default: [4, 2, 1, 0.5, 0.2, 0.1],
      least: 1e-6,
      most: 1e6,
      about: "rates of the exponential W, per ms (1/mean)",
    }),
    rate: decimals({
      default: [1],
      least: 1e-6,
      most: 1e6,
      about: "rate of A, R and S, per ms (only the first is used)",
    }),
    n: integer({ default: 3, least: 1, most: WARS_N_MAX, about: "replicas, N" }),
    r: integer({ default: 1, least: 1, most: WARS_N_MAX, about: "replies a read waits for, R" }),
    w: integer({
      default: 1,
      least: 1,
      most: WARS_N_MAX,
      about: "acknowledgements a write waits for, W",
    }),
    trials: integer({
      default: 4_000_000,
      ...TRIALS_BOUNDS,
      about: "number of Monte Carlo trials",
    }),
  },
  varies: "the rate of the write delay; that of acknowledgements and reads stays the same",
  reading:
    "The slower and more variable writes are compared with reads, the lower a line starts and the later it reaches the top. At four times the rate of reads, nearly every read is fresh at once. At a tenth of it, most reads are stale at first, and the tail is tens of milliseconds long.",
  columns: {
    wRate: "rate of W, a ms",
    pAtZero: "share of reads that see the write and begin when it is answered",
    t999: "ms until 99.9% of reads see it",
  },
  plots: [{
    name: "p-consistent",
    title: "Reads that see the write, by the rate of W",
    from: "pConsistent",
    mark: "line",
    x: "t",
    y: "p",
    color: "wRate",
    xLabel: "ms since the write was answered",
    yLabel: "share of reads",
    xScale: "log",
    yDomain: [0, 1],
  }],
  reference: {
    source: published.source,
    note: "The published times are rounded to the millisecond.",
    rows: published.rows.map(([wRate = 0, pAtZero = 0, t999 = 0]) => ({ wRate, pAtZero, t999 })),
    keys: ["wRate"],
    compared: ["pAtZero", "t999"],
  },
  validate({ n, r, w }) {
    requireAtMost("r", r, "N", n);
    requireAtMost("w", w, "N", n);
  },
  points: ({ writeRates }) => [...writeRates],
  run(wRate, { n, r, w, rate, trials }, context) {
    const legs = parseLegs(`W=exp(${wRate});A,R,S=exp(${rate[0] ?? 1})`);
    const quorum = { r, w };
    const tally = warsTrials(
      { n, legs, coordinator: "proxy", pairs: [quorum] },
      trials,
      context,
    );
    const t999 = tally.tVisibilityMs(quorum, 0.999);
    const pConsistent = tellingTimes(t999).slice(1).map((t): Row => ({
      wRate: `${wRate}`,
      t,
      p: rounded(tally.pConsistent(quorum, t)),
    }));
    const pAtZero = rounded(tally.pConsistent(quorum, 0));
    return { rows: [{ wRate, pAtZero, t999: rounded(t999) }], series: { pConsistent } };
  },
  checks({ rows, values }) {
    if (values.n !== 3 || values.r !== 1 || values.w !== 1 || values.rate[0] !== 1) return [];
    return published.rows.flatMap(([wRate = 0, pAtZero = 0, t999 = 0]) => {
      const row = rows.find((row) => row.wRate === wRate);
      if (row === undefined) return [];
      return [
        // The paper prints whole percents, truncated: the difference can be up to a hundredth.
        checkAtMost(
          `W at ${wRate}/ms: error of P(consistent at 0), ${pAtZero} published`,
          Math.abs(numberIn(row, "pAtZero") - pAtZero),
          0.012,
        ),
        // The paper prints 1 ms without a decimal: half of it can be rounding.
        checkAtMost(
          `W at ${wRate}/ms: relative error of the time to 99.9%, ${t999} ms published`,
          relativeError(numberIn(row, "t999"), t999),
          t999 < 10 ? 0.5 : 0.05,
        ),
      ];
    });
  },
});
