/**
 * Dynamo's Figure 8: how evenly the three partitionings distribute load.
 *
 * The figure measures *placement*. There are many, equally popular keys, so a node's load is the
 * share of the ring that it replicates, without sampling noise. The paper's strategy 3 gives every
 * node Q/S tokens at *random* partition boundaries. When two of a node's tokens are within N steps,
 * the preference list skips one of them and the neighbours carry more load. So the efficiency
 * starts at 6/7 instead of 1. This store deals partitions out so that neighbours differ (`dealt`),
 * which avoids this. The fourth line shows it.
 */
import { makeInitialRing } from "../../dynamo/ring/initial_ring.ts";
import { boundaryOf } from "../../dynamo/ring/position.ts";
import { Ring } from "../../dynamo/ring/ring.ts";
import type { Partitioning, RingMember, RingState } from "../../dynamo/ring/ring_state.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { checkAtMost, defineExperiment, numberIn, rounded, type Row } from "../experiment.ts";
import { choices, integer, integers, requireAtMost } from "../parameters.ts";

const STRATEGIES = [
  "random-tokens",
  "random-tokens-equal-partitions",
  "equal-partitions",
  "equal-partitions-dealt",
] as const;
type Strategy = typeof STRATEGIES[number];

const TOKENS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** Read off the figure, ±0.01. */
const PUBLISHED: { readonly [strategy: string]: readonly number[] } = {
  "random-tokens": [0.52, 0.61, 0.69, 0.76, 0.82, 0.87, 0.91, 0.93, 0.95, 0.96],
  "equal-partitions": [0.86, 0.87, 0.90, 0.92, 0.94, 0.96, 0.97, 0.98, 0.98, 0.99],
};

export const LOAD_BALANCE = defineExperiment({
  name: "load-balance",
  title: "How evenly partitionings spread load",
  question:
    "How well do the paper's three partitionings balance load, by the number of tokens per node?",
  reproduces: "Dynamo (SOSP 2007), Figure 8",
  engines: ["model"],
  parameters: {
    strategies: choices(STRATEGIES, {
      default: STRATEGIES,
      about: "partitionings; -dealt is this store's own placement of equal partitions",
    }),
    tokens: integers({ default: TOKENS, least: 1, most: 1_024, about: "T, tokens per node" }),
    nodes: integer({ default: 30, least: 1, most: 200, about: "S" }),
    n: integer({ default: 3, least: 1, most: 20, about: "replicas, N" }),
    partitions: integer({
      default: 1_000,
      least: 1,
      most: 65_536,
      about: "Q of strategy 2, random-tokens-equal-partitions; strategy 3 has Q = S·T",
    }),
    rings: integer({
      default: 1_000,
      least: 1,
      most: 100_000,
      about:
        "number of rings to average over at T = 4 or less; with more tokens fewer, but at least 10",
    }),
  },
  varies: "the partitioning and T, the tokens per node",
  reading:
    "Efficiency is the mean load of the nodes divided by the highest. At 1 all nodes have the same load; at 0.5 the busiest has twice its share. Random tokens need hundreds of tokens per node to come close to equal partitions with a few. Strategy 2 has an upper limit, because a node's share consists of whole partitions, of which there are only Q. The dealt line is this store's own placement.",
  columns: {
    strategy: "1 random-tokens, 2 random-tokens-equal-partitions, 3 equal-partitions",
    T: "tokens a node",
    efficiency: "mean load / highest load, mean over the rings",
    sd: "standard deviation between rings",
    rings: "rings drawn",
  },
  plots: [{
    name: "efficiency",
    title: "Load balancing efficiency by tokens a node",
    from: "rows",
    mark: "line",
    x: "T",
    y: "efficiency",
    color: "strategy",
    xLabel: "T, tokens a node",
    yLabel: "mean load / highest load",
    xScale: "log",
    yDomain: [0.4, 1],
    published: true,
  }],
  reference: {
    source:
      "Dynamo, SOSP 2007, Figure 8, read off the figure (±0.01): S=30 nodes, N=3, T tokens per node",
    rows: Object.entries(PUBLISHED).flatMap(([strategy, efficiencies]) =>
      efficiencies.map((efficiency, i) => ({ strategy, T: TOKENS[i] ?? 0, efficiency }))
    ),
    keys: ["strategy", "T"],
    compared: ["efficiency"],
  },
  validate({ n, nodes }) {
    requireAtMost("n", n, "nodes", nodes);
  },
  points: ({ strategies, tokens }) =>
    strategies.flatMap((strategy) => tokens.map((T) => ({ strategy, T }))),
  run({ strategy, T }, values, context) {
    const rings = Math.max(
      Math.min(10, values.rings),
      Math.ceil(values.rings * 4 / Math.max(4, T)),
    );
    const found: number[] = [];
    for (let i = 0; i < rings; i++) {
      found.push(efficiencyOf(ringOf(strategy, T, values, context.random.child(`ring ${i}`))));
      context.onProgress((i + 1) / rings);
    }
    const mean = found.reduce((sum, each) => sum + each, 0) / rings;
    const variance = found.reduce((sum, each) => sum + (each - mean) ** 2, 0) / rings;
    const row: Row = {
      strategy,
      T,
      efficiency: rounded(mean),
      sd: rounded(Math.sqrt(variance), 3),
      rings,
    };
    return { rows: [row] };
  },
  checks({ rows, values }) {
    if (values.nodes !== 30 || values.n !== 3) return [];
    return Object.entries(PUBLISHED).flatMap(([strategy, efficiencies]) => {
      const errors = rows.filter((row) => row.strategy === strategy).flatMap((row) => {
        const published = efficiencies[TOKENS.indexOf(numberIn(row, "T"))];
        return published === undefined ? [] : [Math.abs(numberIn(row, "efficiency") - published)];
      });
      if (errors.length === 0) return [];
      return [
        checkAtMost(`${strategy}: largest difference from Figure 8`, Math.max(...errors), 0.015),
      ];
    });
  },
});

interface Cluster {
  readonly nodes: number;
  readonly n: number;
  readonly partitions: number;
}

function ringOf(strategy: Strategy, T: number, cluster: Cluster, random: SeededRandom): Ring {
  const { nodes, n, partitions } = cluster;
  const members: RingMember[] = Array.from({ length: nodes }, (_, i) => ({
    id: `n${String(i + 1).padStart(3, "0")}`,
    weight: 1,
  }));
  if (strategy === "equal-partitions") return new Ring(shuffled(members, T, random), n);
  const partitioning: Partitioning = strategy === "equal-partitions-dealt"
    ? "equal-partitions"
    : strategy;
  const plan = {
    partitioning,
    partitions: partitioning === "equal-partitions" ? nodes * T : partitions,
    tokensPerNode: T,
    n,
  };
  return new Ring(makeInitialRing(members, plan, random), n);
}

/** Every node's T tokens at random boundaries of Q = S·T partitions, as in the figure. */
function shuffled(members: readonly RingMember[], T: number, random: SeededRandom): RingState {
  const owners = members.flatMap(({ id }) => Array.from({ length: T }, () => id));
  for (let i = owners.length - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1));
    [owners[i], owners[j]] = [owners[j] as string, owners[i] as string];
  }
  const partitions = owners.length;
  const tokens = owners.map((owner, i) => ({
    position: boundaryOf(i, partitions),
    owner,
    epoch: 1,
  }));
  return { partitioning: "equal-partitions", partitions, tokens, members };
}

/**
 * The mean load divided by the highest. A node's load is the share of the ring that it replicates.
 */
export function efficiencyOf(ring: Ring): number {
  const loads = new Map(ring.state.members.map(({ id }) => [id, 0]));
  let total = 0;
  for (let range = 0; range < ring.rangeCount; range++) {
    const share = ring.shareOf(range);
    for (const node of ring.primaries(range)) {
      loads.set(node, (loads.get(node) ?? 0) + share);
      total += share;
    }
  }
  return total / loads.size / Math.max(...loads.values());
}
