/**
 * The original Dynamo Simulator's Figure 6: the share of a get's R replies with the latest value.
 */
import { liveTimedReads } from "../engines/live_timed_reads.ts";
import { repairConfig, REPAIRS } from "../engines/repairs.ts";
import { simulateTimedReads } from "../engines/simulated_timed_reads.ts";
import {
  checkAtLeast,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import {
  choice,
  decimals,
  integer,
  latency,
  quorums,
  quorumsOf,
  requireNodes,
} from "../parameters.ts";
import { latestReplyShare, shareWithin } from "../workload/timed_reads.ts";

export const LATEST_PROPORTION = defineExperiment({
  name: "latest-proportion",
  title: "How many of the R replies are latest",
  question: "Which share of the replies that a get waits for holds the latest value?",
  reproduces: "the original Dynamo Simulator, Figure 6",
  engines: ["simulated", "live"],
  parameters: {
    quorums: quorums({
      default: ["4/2/1", "4/2/2", "4/2/3", "4/3/1", "4/3/2", "4/4/1"],
      about: "configurations, N/R/W",
    }),
    latency: latency({ default: "uniform(0,100)", about: "of each message between nodes" }),
    times: decimals({
      default: [0, 10, 20, 40, 60, 80, 100, 150],
      least: 0,
      most: 60_000,
      about: "when to read, ms after the put's answer",
    }),
    nodes: integer({ default: 8, least: 1, most: 100, about: "nodes" }),
    repair: choice(REPAIRS, { default: "none", about: "which repair is on" }),
    trials: integer({
      default: 3_000,
      least: 10,
      most: 1_000_000,
      about: "simulated: number of puts for each configuration",
    }),
    liveTrials: integer({ default: 150, least: 10, most: 100_000, about: "the same, live" }),
  },
  varies: "N, R and W, and the time since the put",
  reading:
    "A get returns the latest value if one of its R replies holds it. The lines show the share of replies that do. The benefit of the quorum is the gap between the share of latest replies and the share of latest reads: with R + W > N all reads are latest long before all replies are. Read repair would update the other replicas.",
  columns: {
    quorums: "N/R/W",
    t: "ms from the put's answer to the read",
    latestReplies: "share of the R replies that held the latest value",
    latestReads: "share of reads that returned it",
    reads: "number of reads",
  },
  plots: [{
    name: "replies",
    title: "Replies that hold the latest value",
    from: "rows",
    mark: "line",
    x: "t",
    y: "latestReplies",
    color: "quorums",
    yDomain: [0, 1],
    xLabel: "ms since the put was answered",
    yLabel: "share of the R replies",
  }],
  validate({ quorums, nodes }) {
    requireNodes(quorums, nodes);
  },
  points: ({ quorums }) => [...quorums],
  async run(quorum, { nodes, latency, times, trials, liveTrials, repair }, context) {
    const plan = { nodes, quorums: quorumsOf(quorum), latency, timesMs: times };
    const config = repairConfig(repair);
    const { seed, onProgress } = context;
    const found = context.engine === "live"
      ? await liveTimedReads({ ...plan, config, trials: liveTrials, concurrency: 8 }, context)
      : simulateTimedReads({ ...plan, config, trials, seed, onProgress });
    const rows = found.times.map((at): Row => ({
      quorums: quorum,
      t: at.t,
      latestReplies: rounded(latestReplyShare(at)),
      latestReads: rounded(shareWithin(at, 1)),
      reads: at.reads,
    }));
    return { rows };
  },
  checks({ rows, values }) {
    return values.quorums.flatMap((quorum) => {
      const { n, r, w } = quorumsOf(quorum);
      const line = rows.filter((row) => row.quorums === quorum)
        .toSorted((a, b) => numberIn(a, "t") - numberIn(b, "t"));
      const shares = line.map((row) => numberIn(row, "latestReplies"));
      const slack = 3 * Math.sqrt(0.5 / (numberIn(line[0], "reads") * r));
      const rises = shares.every((p, i) => i === 0 || p >= (shares[i - 1] as number) - slack);
      const told = `${shares[0]} → ${shares.at(-1)}`;
      const checks = [checkThat(`${quorum}: rises with t`, rises, told, "rising")];
      if (r + w <= n) return checks;
      // Any R replicas have at least R + W - N in common with any W.
      const least = (r + w - n) / r;
      return [
        ...checks,
        checkAtLeast(
          `${quorum}: at least (R+W-N)/R of the replies`,
          Math.min(...shares),
          rounded(least),
        ),
      ];
    });
  },
});
