/** The original Dynamo Simulator's table: the latency of gets and puts by R and W. */
import { parseLegs } from "../../random/latency.ts";
import { modelWorkload } from "../engines/modelled_workload.ts";
import { ONE_LEG, runPlan } from "../engines/workload_engines.ts";
import {
  type Check,
  checkAtMost,
  checkThat,
  defineExperiment,
  numberIn,
  relativeError,
  rounded,
  type Row,
} from "../experiment.ts";
import { decimal, integer, latency, quorums, quorumsOf, requireNodes } from "../parameters.ts";
import { scaledLegs } from "../wars/scaled_legs.ts";
import type { WorkloadPlan } from "../workload/workload_plan.ts";

const COLUMNS = {
  N: "replicas",
  R: "replies that a get waits for",
  W: "acknowledgements that a put waits for",
  operation: "get or put",
  mean: "latency, ms",
  sd: "its standard deviation, ms",
  p999: "its 99.9th percentile, ms",
  operations: "number of operations measured",
  failed: "operations that did not succeed",
  model: "mean of the WARS model with forwards, for the same delays, ms",
  error: "relative error of the mean against that model",
};

export const TABLE_1 = defineExperiment({
  name: "table-1",
  title: "R=1, W=3 against R=3, W=1",
  question:
    "With four replicas, how long do gets and puts take when reads wait for one, and when writes do?",
  reproduces: "the original Dynamo Simulator's table",
  engines: ["simulated", "live", "model"],
  parameters: {
    quorums: quorums({ default: ["4/1/3", "4/3/1"], about: "configurations, N/R/W" }),
    latency: latency({
      default: ONE_LEG,
      about: "of messages between nodes; by default as in the original, on request legs only",
    }),
    nodes: integer({ default: 8, least: 1, most: 50, about: "nodes" }),
    operations: integer({
      default: 1_000,
      least: 10,
      most: 1_000_000,
      about: "number of gets, and of puts",
    }),
    concurrency: integer({ default: 10, least: 1, most: 1_000, about: "number of clients" }),
    keys: integer({ default: 1_000, least: 1, most: 1_000_000, about: "keys, drawn uniformly" }),
    warmUp: integer({
      default: 400,
      least: 0,
      most: 1_000_000,
      about: "operations of each kind that come first and are not measured",
    }),
    liveScale: decimal({
      default: 20,
      least: 0.1,
      most: 1_000,
      about:
        "live: delays are multiplied by this factor and results divided by it, so that the machine's own delays matter little; 1 changes nothing",
    }),
  },
  varies: "N, R and W",
  reading:
    "R=1 favours gets and W=1 favours puts; the other operation waits for the third of four replicas. A quorum that waits for more replicas is slower on average but varies less. Live runs multiply the delays by liveScale and divide the results by it. Each of the original's figures includes 24 to 30 ms of its own processing and is higher by that much; the order is the same.",
  columns: COLUMNS,
  plots: [{
    name: "means",
    title: "Mean latency by configuration",
    from: "means",
    mark: "dot",
    x: "configuration",
    y: "mean",
    color: "operation",
    xScale: "point",
    published: false,
    xLabel: "N/R/W",
    yLabel: "ms",
  }],
  reference: {
    source:
      "the original Dynamo Simulator (Python): 8 nodes, 10 ms latency, 1000 requests to random keys, ms",
    note:
      "It sleeps on the request legs only, its own processing is included, and its 'batches of 10' ran one by one.",
    rows: [
      { N: 4, R: 1, W: 3, operation: "get", mean: 29.22, sd: 7.0, p999: 36.68 },
      { N: 4, R: 3, W: 1, operation: "get", mean: 42.78, sd: 5.88, p999: 77.67 },
      { N: 4, R: 1, W: 3, operation: "put", mean: 44.84, sd: 5.57, p999: 66.28 },
      { N: 4, R: 3, W: 1, operation: "put", mean: 30.13, sd: 5.1, p999: 38.91 },
    ],
    keys: ["N", "R", "W", "operation"],
    compared: ["mean", "sd", "p999"],
  },
  validate({ quorums, nodes }) {
    requireNodes(quorums, nodes);
  },
  points: ({ quorums }) => [...quorums],
  async run(quorum, values, context) {
    const { nodes, operations, keys, warmUp, concurrency } = values;
    const quorums = quorumsOf(quorum);
    const plan: WorkloadPlan = {
      nodes,
      quorums,
      operations,
      keys,
      warmUp,
      latency: values.latency,
      phases: [[{ operation: "put", share: 1 }], [{ operation: "get", share: 1 }]],
      arrivals: { kind: "closed", concurrency },
      pattern: "uniform",
      fill: false,
      valueBytes: 100,
    };
    const scale = context.engine === "live" ? values.liveScale : 1;
    const latency = scaledLegs(parseLegs(values.latency), scale).spec;
    const found = await runPlan({ ...plan, latency }, context);
    const model = modelWorkload(plan, context.random.child("model"));
    const rows = (["get", "put"] as const).map((operation): Row => {
      const tally = found.get(operation);
      const measured = tally?.latency;
      const expectedMs = model.get(operation)?.latency.meanMs ?? 0;
      const { meanMs = 0, sdMs = 0, p999Ms = 0 } = measured?.summary() ?? {};
      return {
        N: quorums.n,
        R: quorums.r,
        W: quorums.w,
        operation,
        mean: rounded(meanMs / scale),
        sd: rounded(sdMs / scale),
        p999: rounded(p999Ms / scale),
        operations: measured?.count ?? 0,
        failed: (tally?.failed ?? 0) + (tally?.indeterminate ?? 0),
        model: rounded(expectedMs),
        // There is no relative error to an expected 0, as when a get waits for no other node.
        error: expectedMs === 0 ? null : rounded(relativeError(meanMs / scale, expectedMs), 3),
      };
    });
    const means = rows.map(({ operation = null, mean = null }): Row => ({
      configuration: quorum,
      operation,
      mean,
    }));
    return { rows, series: { means } };
  },
  checks({ rows, engine }) {
    const mean = (R: number, W: number, operation: string) => {
      const row = rows.find((row) => row.R === R && row.W === W && row.operation === operation);
      return row === undefined ? null : numberIn(row, "mean");
    };
    const failed = rows.reduce((sum, row) => sum + numberIn(row, "failed"), 0);
    return [
      checkAtMost("operations that did not succeed, without any fault", failed, 0),
      ...orderCheck("get", mean(1, 3, "get"), mean(3, 1, "get")),
      ...orderCheck("put", mean(3, 1, "put"), mean(1, 3, "put")),
      ...(engine === "model" ? [] : rows.filter(({ error }) => error !== null).map(modelCheck)),
    ];
  },
});

function orderCheck(operation: string, quick: number | null, slow: number | null): Check[] {
  // When nothing takes any time, there is no order.
  if (quick === null || slow === null || slow === 0 && quick === 0) return [];
  const name = `${operation}s are faster when they wait for one replica`;
  return [checkThat(name, quick < slow, `${quick} < ${slow} ms`, "as published")];
}

/** Compares with the model for the same delays. */
function modelCheck(row: Row): Check {
  return checkAtMost(
    `${row.N}/${row.R}/${row.W} ${row.operation}: relative error of the mean against WARS, ${row.model} ms`,
    numberIn(row, "error"),
    0.15,
  );
}
