/** Dynamo section 6.3: how many versions of a shopping cart its readers see. */
import type { SeededRandom } from "../../random/seeded.ts";
import { SimulatedCluster, type Steps } from "../engines/simulated_cluster.ts";
import {
  checkAtLeast,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { decimal, integer, latency, requireAtMost } from "../parameters.ts";

const VERSIONS_SHOWN = 4;

export const DIVERGENCE = defineExperiment({
  name: "divergence",
  title: "How many versions readers see",
  question: "How often does a reader of a shopping cart see more than one version?",
  reproduces: "Dynamo (SOSP 2007), section 6.3: 24 hours of the shopping cart",
  engines: ["simulated"],
  parameters: {
    carts: integer({
      default: 400,
      least: 1,
      most: 100_000,
      about: "number of keys, each with one shopper",
    }),
    robotCarts: integer({
      default: 2,
      least: 0,
      most: 100_000,
      about: "carts that two programs write at the same time, like the paper's busy robots",
    }),
    thinkMs: decimal({ default: 2_000, least: 1, most: 1e7, about: "mean pause of a shopper" }),
    robotThinkMs: decimal({ default: 300, least: 1, most: 1e7, about: "mean pause of a robot" }),
    latency: latency({ default: "LNKD-DISK", about: "of messages between nodes" }),
    nodes: integer({ default: 8, least: 3, most: 100, about: "nodes" }),
    reads: integer({
      default: 60_000,
      least: 100,
      most: 10_000_000,
      about: "total number of reads",
    }),
  },
  varies: "nothing: one long run",
  reading:
    "Nearly every read sees one version. Two versions come from writers that overlapped in the milliseconds between a read and the write after it. The shares depend on this workload, which is not Amazon's. Compare the trend: each further version is much rarer. The paper's own shares do not add up to 100%.",
  columns: {
    versions: "seen by a read",
    percent: "of reads",
    reads: "how many",
  },
  plots: [{
    name: "versions",
    title: "Reads by the number of versions they see",
    from: "rows",
    mark: "dot",
    x: "versions",
    y: "percent",
    xScale: "point",
    yScale: "log",
    xLabel: "versions",
    yLabel: "% of reads",
    published: true,
  }],
  reference: {
    source:
      "Dynamo, SOSP 2007, section 6.3: 24 hours of the shopping cart service (as printed; the shares do not add up to 100%)",
    rows: [[1, 99.94], [2, 0.00057], [3, 0.00047], [4, 0.00009]].map(
      ([versions = 0, percent = 0]): Row => ({ versions, percent }),
    ),
    keys: ["versions"],
    compared: ["percent"],
  },
  validate({ carts, robotCarts }) {
    requireAtMost("robotCarts", robotCarts, "carts", carts);
  },
  points: () => [null],
  run(_, values, { seed, random, onProgress }) {
    const { carts, robotCarts, thinkMs, robotThinkMs, latency, nodes, reads } = values;
    const cluster = new SimulatedCluster({
      nodes,
      latency,
      seed,
      config: { n: 3, r: 2, w: 2, readRepair: true, siblingsMax: 10_000 },
    });
    const seen = new Map<number, number>();
    let begun = 0;
    function* writer(key: string, meanMs: number, own: SeededRandom): Steps<void> {
      while (true) {
        yield* cluster.sleep(-Math.log(1 - own.float()) * meanMs);
        if (begun >= reads) return;
        if (++begun % 1_000 === 0) onProgress(begun / reads);
        const node = cluster.anyNode(own);
        const read = yield* cluster.get(node, key);
        if (read.outcome !== "ok") continue;
        const versions = Math.max(1, read.values.length);
        seen.set(versions, (seen.get(versions) ?? 0) + 1);
        yield* cluster.put(node, key, btoa("cart"), { context: read.context });
      }
    }
    for (let i = 0; i < carts; i++) {
      const key = `cart-${i}`;
      const isRobot = i < robotCarts;
      const meanMs = isRobot ? robotThinkMs : thinkMs;
      cluster.spawn(writer(key, meanMs, random.child(`${key} a`)));
      if (isRobot) cluster.spawn(writer(key, meanMs, random.child(`${key} b`)));
    }
    cluster.run();
    const total = [...seen.values()].reduce((sum, count) => sum + count, 0);
    const most = Math.max(VERSIONS_SHOWN, ...seen.keys());
    const rows = Array.from({ length: most }, (_, i): Row => {
      const count = seen.get(i + 1) ?? 0;
      return { versions: i + 1, percent: rounded(100 * count / total, 7), reads: count };
    });
    return { rows };
  },
  checks({ rows }) {
    const shares = rows.map((row) => numberIn(row, "percent"));
    const falls = shares.every((share, i) => i === 0 || share <= (shares[i - 1] as number));
    return [
      checkAtLeast("reads that see one version", shares[0] ?? 0, 99.9, "%"),
      checkThat("each further version is rarer", falls, shares.join(", "), "falling"),
    ];
  },
});
