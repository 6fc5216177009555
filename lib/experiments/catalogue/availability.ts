/**
 * The share of requests served as nodes fail. With a strict quorum the share has a closed form: the
 * number of failed owners is hypergeometric. A sloppy quorum uses the remaining nodes.
 */
import { runSimulatedLoad } from "../engines/simulated_load.ts";
import { failNodes, liveNode, NOTICED_MS, resilientCluster } from "../engines/simulated_outage.ts";
import {
  type Check,
  checkAtLeast,
  checkAtMost,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import {
  integer,
  integers,
  type Quorums,
  quorums,
  quorumsOf,
  requireAtMost,
  requireNodes,
} from "../parameters.ts";
import { uniform } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

export const AVAILABILITY = defineExperiment({
  name: "availability",
  title: "Availability as nodes fail",
  question:
    "What share of gets and puts is served as nodes fail, with sloppy and with strict quorums?",
  reproduces: "Dynamo (SOSP 2007), section 4.6: the sloppy quorum makes the store always writeable",
  engines: ["simulated", "model"],
  parameters: {
    quorums: quorums({ default: ["3/1/1", "3/2/2", "3/1/3"], about: "configurations, N/R/W" }),
    failed: integers({
      default: [0, 1, 2, 3, 4, 5, 6],
      least: 0,
      most: 99,
      about: "nodes that fail",
    }),
    nodes: integer({ default: 8, least: 1, most: 100, about: "nodes" }),
    rounds: integer({
      default: 3,
      least: 1,
      most: 1_000,
      about: "number of rounds; each draws other nodes to fail",
    }),
    operations: integer({
      default: 1_500,
      least: 10,
      most: 1_000_000,
      about: "operations in each round, half of them gets",
    }),
  },
  varies: "N, R and W, the number of failed nodes, and the kind of quorum",
  reading:
    "Strict lines fall when too many of a key's N owners are down; they follow the closed form of the model engine. Sloppy puts stay at 100% as long as W nodes are up, because fallbacks take the place of owners. Sloppy gets need an answer from a node that surely has the key, so they fail when every owner is down.",
  columns: {
    quorums: "N/R/W",
    quorum: "sloppy or strict",
    failed: "nodes that have failed",
    operation: "get or put",
    served: "share that succeeded",
    expected: "the same for a strict quorum, in closed form",
    operations: "how many were asked",
  },
  plots: [{
    name: "served",
    title: "Requests served as nodes fail",
    from: "lines",
    mark: "line",
    x: "failed",
    y: "served",
    color: "line",
    facet: "quorums",
    yDomain: [0, 1],
    xLabel: "failed nodes of all",
    yLabel: "share served",
  }],
  validate({ quorums, nodes, failed }) {
    requireNodes(quorums, nodes);
    requireAtMost("failed", Math.max(...failed), "one less than nodes", nodes - 1);
  },
  points: ({ quorums, failed }, engine) =>
    quorums.flatMap((quorum) =>
      (engine === "model" ? ["strict"] : ["sloppy", "strict"]).flatMap((kind) =>
        failed.map((count) => ({ quorum, kind, failed: count }))
      )
    ),
  run(
    { quorum, kind, failed },
    { nodes, rounds, operations },
    { engine, seed, random, onProgress },
  ) {
    const quorums = quorumsOf(quorum);
    const served = { get: 0, put: 0 };
    const asked = { get: 0, put: 0 };
    for (let round = 0; round < (engine === "model" ? 0 : rounds); round++) {
      const cluster = resilientCluster({
        nodes,
        latency: "exp(1)",
        seed: seed + round,
        config: { ...quorums, sloppy: kind === "sloppy" },
      });
      const own = random.child(`round ${round}`);
      const load = {
        arrivals: { kind: "closed" as const, concurrency: 10 },
        keys: uniform(200),
        valueBytes: 100,
        node: () => liveNode(cluster, own),
      };
      cluster.runFor(NOTICED_MS);
      runSimulatedLoad(cluster, {
        ...load,
        mix: getsAndPuts(0),
        count: 600,
        random: own.child("fill"),
      });
      failNodes(cluster, failed, own.child("who"));
      cluster.runFor(NOTICED_MS);
      const run = runSimulatedLoad(cluster, {
        ...load,
        mix: getsAndPuts(0.5),
        count: operations,
        random: own.child("load"),
      });
      for (const operation of ["get", "put"] as const) {
        served[operation] += run.tally(operation).ok;
        asked[operation] += run.tally(operation).attempted;
      }
      onProgress((round + 1) / rounds);
    }
    const rows = (["get", "put"] as const).map((operation): Row => {
      const needed = operation === "get" ? quorums.r : quorums.w;
      const expected = rounded(servedStrictly(nodes, failed, quorums, needed));
      const share = engine === "model" ? expected : rounded(served[operation] / asked[operation]);
      return {
        quorums: quorum,
        quorum: kind,
        failed,
        operation,
        served: share,
        expected,
        operations: asked[operation],
      };
    });
    const lines = rows.map(({ quorums = null, operation, served = null }): Row => ({
      quorums,
      line: `${kind} ${operation}`,
      failed,
      served,
    }));
    return { rows, series: { lines } };
  },
  checks({ rows, values, engine }) {
    if (engine === "model") return [];
    const strict = rows.filter((row) => row.quorum === "strict");
    const distance = Math.max(
      0,
      ...strict.map((row) => Math.abs(numberIn(row, "served") - numberIn(row, "expected"))),
    );
    const checks: Check[] = [
      // The failed nodes are drawn only a few times and the ring is not quite even, so keys are not
      // independent of each other.
      checkAtMost("strict: largest difference from the closed form", distance, 0.15),
    ];
    for (const quorum of values.quorums) {
      const { w } = quorumsOf(quorum);
      const puts = rows.filter((row) =>
        row.quorum === "sloppy" && row.quorums === quorum && row.operation === "put" &&
        values.nodes - numberIn(row, "failed") >= w
      );
      if (puts.length === 0) continue;
      const least = Math.min(...puts.map((row) => numberIn(row, "served")));
      checks.push(
        checkAtLeast(`sloppy ${quorum}: puts served while W nodes are left`, least, 0.999),
      );
    }
    return checks;
  },
});

/** The probability that at least `needed` of a key's N owners are up (hypergeometric). */
export function servedStrictly(
  nodes: number,
  failed: number,
  { n }: Quorums,
  needed: number,
): number {
  const alive = nodes - failed;
  let share = 0;
  for (let up = needed; up <= n; up++) {
    share += choose(alive, up) * choose(failed, n - up) / choose(nodes, n);
  }
  return share;
}

function choose(from: number, count: number): number {
  if (count < 0 || count > from) return 0;
  let ways = 1;
  for (let i = 0; i < count; i++) ways *= (from - i) / (count - i);
  return ways;
}
