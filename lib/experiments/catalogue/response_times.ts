/** The original Dynamo Simulator's Figure 3: distributions of response times. */
import { ONE_LEG, runPlan } from "../engines/workload_engines.ts";
import {
  checkAtMost,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { bucketMs, integer, latency, quorums, quorumsOf, requireNodes } from "../parameters.ts";
import { BUCKETS_MAX } from "../stats/histogram.ts";
import { PUTS_THEN_GETS, WORKLOAD_PARAMETERS, workloadOf } from "../workload/workload_plan.ts";

/**
 * Means that differ by less count as equal: the second and third of equal delays take the same
 * time.
 */
const ALIKE = 0.01;

export const RESPONSE_TIMES = defineExperiment({
  name: "response-times",
  title: "Response times as distributions",
  question:
    "How are response times distributed for several N, R and W, under the original's load or one of YCSB?",
  reproduces:
    "the original Dynamo Simulator, Figure 3 (uniform keys); with other workloads, those of YCSB (SoCC 2010)",
  engines: ["simulated", "live", "model"],
  parameters: {
    quorums: quorums({ default: ["4/1/3", "4/2/2", "4/3/1"], about: "configurations, N/R/W" }),
    latency: latency({ default: ONE_LEG, about: "of messages between nodes" }),
    nodes: integer({ default: 8, least: 1, most: 50, about: "nodes" }),
    ...WORKLOAD_PARAMETERS,
    bucketMs: bucketMs(1),
  },
  varies: "N, R and W",
  reading:
    "Each line is a histogram. When an operation waits for one replica of four, half of the operations take no time, because they reach one of the key's own replicas; the other half are forwarded first. The more replicas an operation waits for, the further right the peak is and the closer to the slowest possible delay. A read-modify-write is a get and a put. With open arrivals, latency counts from the intended start, so a stall is charged to every operation that it delays.",
  columns: {
    quorums: "N/R/W",
    operation: "get, put, insert or read-modify-write",
    mean: "latency of successful operations, ms",
    sd: "its standard deviation, ms",
    p50: "its median, ms",
    p90: "its 90th percentile, ms",
    p99: "its 99th percentile, ms",
    p999: "its 99.9th percentile, ms",
    ok: "number of successful operations",
    failed: "number that certainly had no effect",
    indeterminate: "number that may still take effect: their outcome is unknown",
  },
  plots: [{
    name: "distribution",
    title: "Response times",
    from: "histogram",
    mark: "line",
    x: "ms",
    y: "share",
    color: "quorums",
    facet: "operation",
    xLabel: "ms",
    yLabel: "share of operations",
  }],
  validate({ quorums, nodes }) {
    requireNodes(quorums, nodes);
  },
  points: ({ quorums }) => [...quorums],
  async run(quorum, values, context) {
    const { nodes, latency } = values;
    const plan = { ...workloadOf(values), nodes, latency, quorums: quorumsOf(quorum) };
    const found = await runPlan(plan, context);
    const rows: Row[] = [];
    const histogram: Row[] = [];
    for (const [operation, { ok, failed, indeterminate, latency }] of found) {
      const { meanMs, sdMs, p50Ms, p90Ms, p99Ms, p999Ms } = latency.summary();
      rows.push({
        quorums: quorum,
        operation,
        mean: rounded(meanMs),
        sd: rounded(sdMs),
        p50: rounded(p50Ms),
        p90: rounded(p90Ms),
        p99: rounded(p99Ms),
        p999: rounded(p999Ms),
        ok,
        failed,
        indeterminate,
      });
      for (const { fromMs, toMs, count } of latency.buckets(BUCKETS_MAX, values.bucketMs)) {
        const ms = rounded((fromMs + toMs) / 2);
        histogram.push({ quorums: quorum, operation, ms, share: rounded(count / ok) });
      }
    }
    return { rows, series: { histogram } };
  },
  checks({ rows, values }) {
    const lost = rows.reduce(
      (sum, row) => sum + numberIn(row, "failed") + numberIn(row, "indeterminate"),
      0,
    );
    const served = checkAtMost("operations that did not succeed, without any fault", lost, 0);
    // Other workloads may have too few puts to compare three configurations.
    if (values.workload !== PUTS_THEN_GETS) return [served];
    const ordered = (operation: "get" | "put", column: number) => {
      const means = rows.filter((row) => row.operation === operation)
        .map((row) => ({
          waits: Number(`${row.quorums}`.split("/")[column]),
          mean: numberIn(row, "mean"),
        }))
        .toSorted((a, b) => a.waits - b.waits);
      const rises = means.every(({ mean, waits }, i) => {
        const before = means[i - 1];
        return before === undefined || before.waits === waits ||
          mean >= before.mean * (1 - ALIKE);
      });
      const told = means.map(({ waits, mean }) => `${waits}: ${mean}`).join(", ");
      const name = `${operation}s take longer the more replicas they wait for`;
      return checkThat(name, rises, told, "never shorter");
    };
    return [served, ordered("get", 1), ordered("put", 2)];
  },
});
