/** The original Dynamo Simulator's Figure 3: whole distributions of response times. */
import { checkThat, defineExperiment, numberIn, rounded, type Row } from "../experiment.ts";
import { ONE_LEG, OPERATION_KINDS, originalLoad } from "../original_load.ts";
import { integer, latency, ParameterError, quorums, quorumsOf } from "../parameters.ts";

const BUCKETS = 40;

export const RESPONSE_TIMES = defineExperiment({
  name: "response-times",
  title: "Response times as distributions",
  question: "How are the response times of gets and puts spread, for several N, R and W?",
  reproduces: "the original Dynamo Simulator, Figure 3 (uniform keys)",
  engines: ["simulated", "live", "model"],
  parameters: {
    quorums: quorums({ default: ["4/1/3", "4/2/2", "4/3/1"], about: "configurations, N/R/W" }),
    latency: latency({ default: ONE_LEG, about: "of messages between nodes" }),
    nodes: integer({ default: 8, least: 1, most: 50, about: "nodes" }),
    operations: integer({
      default: 5_000,
      least: 10,
      most: 1_000_000,
      about: "gets, and as many puts",
    }),
    concurrency: integer({ default: 10, least: 1, most: 1_000, about: "clients at a time" }),
    keys: integer({ default: 1_000, least: 1, most: 1_000_000, about: "keys, drawn uniformly" }),
  },
  varies: "N, R and W",
  reading:
    "Each line is a histogram. Waiting for one replica of four, half of the operations take no time at all, those that reach one of the key's own replicas; the other half pay for a forward. The more replicas are waited for, the further right the hump and the closer it moves to the slowest delay there is.",
  columns: {
    quorums: "N/R/W",
    operation: "get or put",
    mean: "latency, ms",
    sd: "its standard deviation, ms",
    p50: "its median, ms",
    p90: "its 90th percentile, ms",
    p99: "its 99th percentile, ms",
    p999: "its 99.9th percentile, ms",
    operations: "how many succeeded",
  },
  plots: [{
    ...{ name: "distribution", title: "Response times", from: "histogram", mark: "line" },
    ...{ x: "ms", y: "share", color: "quorums", facet: "operation" },
    ...{ xLabel: "ms", yLabel: "share of operations" },
  }],
  validate({ quorums, nodes }) {
    for (const each of quorums) {
      if (quorumsOf(each).n > nodes) {
        throw new ParameterError(`parameter 'nodes' must be at least N of ${each}: it is ${nodes}`);
      }
    }
  },
  points: ({ quorums }) => [...quorums],
  async run(quorum, values, context) {
    const found = await originalLoad({ ...values, quorums: quorumsOf(quorum) }, context);
    const rows: Row[] = [];
    const histogram: Row[] = [];
    for (const operation of OPERATION_KINDS) {
      const recorder = found[operation];
      const { meanMs, sdMs, p50Ms, p90Ms, p99Ms, p999Ms } = recorder.summary();
      rows.push({
        ...{ quorums: quorum, operation, mean: rounded(meanMs), sd: rounded(sdMs) },
        ...{ p50: rounded(p50Ms), p90: rounded(p90Ms), p99: rounded(p99Ms) },
        ...{ p999: rounded(p999Ms), operations: recorder.count },
      });
      for (const { fromMs, toMs, count } of recorder.buckets(BUCKETS)) {
        const ms = rounded((fromMs + toMs) / 2);
        histogram.push({ quorums: quorum, operation, ms, share: rounded(count / recorder.count) });
      }
    }
    return { rows, series: { histogram } };
  },
  checks({ rows }) {
    const ordered = (operation: "get" | "put", column: number) => {
      const means = rows.filter((row) => row.operation === operation)
        .map((row) => ({
          waits: Number(`${row.quorums}`.split("/")[column]),
          mean: numberIn(row, "mean"),
        }))
        .toSorted((a, b) => a.waits - b.waits);
      const rises = means.every(({ mean, waits }, i) => {
        const before = means[i - 1];
        return before === undefined || before.waits === waits || mean > before.mean;
      });
      const told = means.map(({ waits, mean }) => `${waits}: ${mean}`).join(", ");
      const name = `${operation}s take longer the more replicas they wait for`;
      return checkThat(name, rises, told, "rising");
    };
    return [ordered("get", 1), ordered("put", 2)];
  },
});
