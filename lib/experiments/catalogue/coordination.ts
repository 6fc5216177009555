/** Dynamo's Table 2: coordination by a node behind a load balancer, or chosen by the client. */
import { parseLegs } from "../../random/latency.ts";
import { SimulatedCluster } from "../engines/simulated_cluster.ts";
import { runSimulatedLoad } from "../engines/simulated_load.ts";
import {
  type Check,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { integer, latency } from "../parameters.ts";
import { uniform } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

const KINDS = ["server-driven", "client-driven"] as const;
const FIGURES = ["readP999", "writeP999", "readMean", "writeMean"] as const;
/** Mostly a third of a millisecond, sometimes some tens: a data centre under load. */
const HOP = "mix(0.98*exp(3)+0.02*exp(0.15))";

const PUBLISHED: readonly Row[] = [
  {
    coordination: "server-driven",
    readP999: 68.9,
    writeP999: 68.5,
    readMean: 3.9,
    writeMean: 4.02,
  },
  {
    coordination: "client-driven",
    readP999: 30.4,
    writeP999: 30.4,
    readMean: 1.55,
    writeMean: 1.9,
  },
];

export const COORDINATION = defineExperiment({
  name: "coordination",
  title: "Server-driven against client-driven",
  question: "How much does a client gain by knowing the ring and asking a coordinator directly?",
  reproduces: "Dynamo (SOSP 2007), section 6.4, Table 2",
  engines: ["simulated"],
  parameters: {
    latency: latency({
      default: HOP,
      about: "of each hop between client, load balancer and nodes",
    }),
    nodes: integer({ default: 12, least: 3, most: 200, about: "nodes" }),
    clients: integer({ default: 20, least: 1, most: 1_000, about: "number of clients" }),
    operations: integer({
      default: 60_000,
      least: 100,
      most: 10_000_000,
      about: "half gets, half puts",
    }),
  },
  varies: "who coordinates",
  reading:
    "A request through a load balancer reaches a random node, which forwards it to one that holds the key. That is one or two more hops in each direction, and each may be slow. A client that asks a coordinator directly saves these hops, which helps the mean and even more the tail. Absolute figures depend on the delays chosen here; compare the ratio.",
  columns: {
    coordination: "who coordinates",
    readP999: "99.9th percentile of gets, ms",
    writeP999: "of puts, ms",
    readMean: "mean of gets, ms",
    writeMean: "of puts, ms",
  },
  plots: [{
    name: "latency",
    title: "Latency by who coordinates",
    from: "figures",
    mark: "dot",
    x: "figure",
    y: "ms",
    color: "coordination",
    xScale: "point",
    yScale: "log",
    xLabel: "99.9th percentiles and means",
    yLabel: "ms",
  }],
  reference: {
    source: "Dynamo, SOSP 2007, Table 2, ms",
    note:
      "Measured on Amazon's machines, network and load: only the ratio of the two lines is comparable.",
    rows: PUBLISHED,
    keys: ["coordination"],
    compared: FIGURES,
  },
  points: () => KINDS,
  run(coordination, { latency, nodes, clients, operations }, { seed, random, onProgress }) {
    const hop = parseLegs(latency).W.spec;
    const isServer = coordination === "server-driven";
    const cluster = new SimulatedCluster({
      nodes,
      seed,
      latency: `${latency};other=${hop}`,
      clientLatency: hop,
      config: {
        n: 3,
        r: 2,
        w: 2,
        timeoutMs: 60_000,
        patienceMs: 60_000,
        siblingsMax: 10_000,
        coordinator: "random",
      },
    });
    const balancer = parseLegs(latency).W;
    const hops = random.child("balancer");
    const load = runSimulatedLoad(cluster, {
      mix: getsAndPuts(0.5),
      arrivals: { kind: "closed", concurrency: clients },
      count: operations,
      keys: uniform(2_000),
      valueBytes: 100,
      onProgress,
      node: (key, random) => isServer ? cluster.anyNode(random) : cluster.primary(key, random),
      random: random.child("load"),
      // The client also waits for the two hops through the load balancer.
      ...(isServer ? { extraMs: () => balancer.sample(hops) + balancer.sample(hops) } : {}),
    });
    const [get, put] = [load.tally("get"), load.tally("put")];
    const row: Row = {
      coordination,
      readP999: rounded(get.latency.percentileMs(99.9)),
      writeP999: rounded(put.latency.percentileMs(99.9)),
      readMean: rounded(get.latency.meanMs),
      writeMean: rounded(put.latency.meanMs),
    };
    const figures = FIGURES.map((figure): Row => ({
      coordination,
      figure,
      ms: row[figure] ?? null,
    }));
    return { rows: [row], series: { figures } };
  },
  checks({ rows }) {
    const [server, client] = KINDS.map((kind) => rows.find((row) => row.coordination === kind));
    return FIGURES.map((figure): Check => {
      const [slow, quick] = [numberIn(server, figure), numberIn(client, figure)];
      const published = (kind: string) =>
        numberIn(PUBLISHED.find((row) => row.coordination === kind), figure);
      return checkThat(
        `${figure}: client-driven is faster`,
        quick < slow,
        `${slow} → ${quick} ms${quick === 0 ? "" : `, ${rounded(slow / quick, 3)} times`}`,
        `faster; published: ${
          rounded(published("server-driven") / published("client-driven"), 2)
        } times`,
      );
    });
  },
});
