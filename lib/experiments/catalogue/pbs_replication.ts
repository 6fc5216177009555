/** PBS section 5.7: how more replicas affect staleness at R = W = 1. */
import { parseLegs } from "../../random/latency.ts";
import { checkThat, defineExperiment, numberIn, rounded, type Row } from "../experiment.ts";
import { integer, integers, latencies } from "../parameters.ts";
import { WARS_N_MAX } from "../wars/wars.ts";
import { TRIALS_BOUNDS, warsTrials } from "./wars_trials.ts";

const ONE = { r: 1, w: 1 } as const;

export const PBS_REPLICATION = defineExperiment({
  name: "pbs-replication",
  title: "More replicas, more staleness",
  question: "At R = W = 1, how does each further replica affect the freshness of reads?",
  reproduces: "PBS (VLDB 2012), section 5.7: the sweep over N",
  engines: ["model"],
  parameters: {
    profiles: latencies({
      default: ["LNKD-SSD", "LNKD-DISK", "YMMR", "WAN"],
      about: "latencies to study, by name or as specs",
    }),
    replicas: integers({
      default: [2, 3, 5, 8, 10],
      least: 1,
      most: WARS_N_MAX,
      about: "values of N",
    }),
    trials: integer({
      default: 1_000_000,
      ...TRIALS_BOUNDS,
      about: "number of Monte Carlo trials",
    }),
  },
  varies: "N and the latency profile, at R = W = 1",
  reading:
    "A write at W = 1 is answered by the fastest replica. With more replicas, the fastest one is faster and fewer of the others have the write by then, so an immediate read is stale more often. But the time until 99.9% of reads see the write hardly changes, because it depends on the slowest writes.",
  columns: {
    profile: "whose latencies",
    N: "replicas",
    pAtZero: "share of reads that see the write and begin when it is answered",
    t999: "ms until 99.9% of reads see it",
  },
  plots: [
    {
      name: "p-at-zero",
      title: "Reads that see the write at once, by N",
      from: "rows",
      mark: "line",
      x: "N",
      y: "pAtZero",
      color: "profile",
      xLabel: "N",
      yLabel: "share of reads",
      yDomain: [0, 1],
    },
    {
      name: "t-visibility",
      title: "Time until 99.9% of reads see the write, by N",
      from: "rows",
      mark: "line",
      x: "N",
      y: "t999",
      color: "profile",
      xLabel: "N",
      yLabel: "ms",
      yScale: "log",
    },
  ],
  points: ({ profiles, replicas }) =>
    profiles.flatMap((profile) => replicas.map((n) => ({ profile, n }))),
  run({ profile, n }, { trials }, context) {
    const legs = parseLegs(profile);
    const tally = warsTrials({ n, legs, coordinator: "proxy", pairs: [ONE] }, trials, context);
    const row: Row = {
      profile,
      N: n,
      pAtZero: rounded(tally.pConsistent(ONE, 0)),
      t999: rounded(tally.tVisibilityMs(ONE, 0.999)),
    };
    return { rows: [row] };
  },
  checks({ rows, values }) {
    return values.profiles.map((profile) => {
      const ofProfile = rows.filter((row) => row.profile === profile)
        .toSorted((a, b) => numberIn(a, "N") - numberIn(b, "N"));
      const shares = ofProfile.map((row) => numberIn(row, "pAtZero"));
      // Three standard errors of a share.
      const slack = 1.5 / Math.sqrt(values.trials);
      const falls = shares.every((p, i) => i === 0 || p <= (shares[i - 1] as number) + 2 * slack);
      const told = shares.map((p) => p.toFixed(3)).join(" → ");
      return checkThat(`${profile}: P(consistent at 0) falls as N grows`, falls, told, "falling");
    });
  },
});
