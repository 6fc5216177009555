/**
 * How fast a rumour reaches all nodes. In the simulation, a node restarts and its new incarnation
 * is the rumour: a node knows it once a state with that incarnation reaches it. In the model, each
 * node calls one random peer in synchronous rounds, push-pull.
 */
import type { NodeState } from "../../dynamo/gossip/gossip.ts";
import type { Event } from "../../dynamo/types/events.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { SimulatedCluster } from "../engines/simulated_cluster.ts";
import {
  type Check,
  checkAtMost,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { flag, integer, integers } from "../parameters.ts";

/** Rounds of push-pull, up to a constant (Doerr and Kostrygin, ICALP 2017). */
const pushPull = (n: number) =>
  Math.log(n) / Math.log(3) + Math.log2(Math.max(Math.E, Math.log(n)));
/** Intervals before the first rumour, so that every node has gossiped. */
const WARM_UP = 5;
const ROUNDS_MAX = 200;

export const GOSSIP_CONVERGENCE = defineExperiment({
  name: "gossip-convergence",
  title: "How fast a rumour reaches everybody",
  question:
    "How many rounds of gossip does it take until all nodes know of a change, by cluster size?",
  reproduces:
    "Demers et al. (1987) and Dynamo section 4.8.1, against the rounds of Doerr and Kostrygin (2017)",
  engines: ["simulated", "model"],
  parameters: {
    nodes: integers({
      default: [10, 30, 100, 300, 1_000],
      least: 3,
      most: 20_000,
      about: "cluster sizes",
    }),
    rumours: integer({
      default: 3,
      least: 1,
      most: 10_000,
      about: "number of rumours at each size, one after another",
    }),
    intervalMs: integer({
      default: 1_000,
      least: 1,
      most: 600_000,
      about: "time between two rounds of a node",
    }),
    adaptive: flag({ default: false, about: "the interval shrinks while the view changes" }),
  },
  varies: "the number of nodes",
  reading:
    "The rounds grow logarithmically: a cluster ten times as large needs about two more. Simulated nodes are not synchronised. A rumour may wait for almost a whole interval at a node, or be passed on at once, so the line is close to the synchronous bound but not on it. The number of messages per node and interval does not grow. Their bytes do, because digests grow with the number of members.",
  columns: {
    nodes: "number of nodes",
    rounds: "mean time until all nodes know, in intervals",
    half: "mean time until half of them know, in intervals",
    bound: "log3 n + log2 ln n, which holds up to a constant",
    messagesPerNode: "sent by a node in an interval",
    bytesPerNode: "sent by a node in an interval, as JSON",
  },
  plots: [{
    name: "rounds",
    title: "Rounds until everybody knows",
    from: "lines",
    mark: "line",
    x: "nodes",
    y: "rounds",
    color: "line",
    xScale: "log",
    xLabel: "nodes",
    yLabel: "rounds",
  }],
  points: ({ nodes }) => [...nodes],
  run(nodes, { rumours, intervalMs, adaptive }, { engine, seed, random, onProgress }) {
    const found = engine === "model"
      ? modelRounds(nodes, rumours, random)
      : simulatedRounds(nodes, { rumours, intervalMs, adaptive, seed, onProgress });
    const bound = rounded(pushPull(nodes));
    const row: Row = {
      nodes,
      rounds: rounded(found.rounds),
      half: rounded(found.half),
      bound,
      ...found.cost,
    };
    const lines: Row[] = [
      { nodes, line: "all know", rounds: row.rounds ?? null },
      { nodes, line: "half know", rounds: row.half ?? null },
      { nodes, line: "log3 n + log2 ln n", rounds: bound },
    ];
    return { rows: [row], series: { lines } };
  },
  checks({ rows, engine, values }) {
    const checks = rows.map((row): Check =>
      checkAtMost(
        `${row.nodes} nodes: rounds beyond log3 n + log2 ln n`,
        numberIn(row, "rounds") - numberIn(row, "bound"),
        5,
      )
    );
    // An adaptive interval is shorter while the view changes, so intervals are not comparable.
    if (engine === "model" || values.adaptive || rows.length < 2) return checks;
    const messages = rows.map((row) => numberIn(row, "messagesPerNode"));
    const growth = Math.max(...messages) / Math.min(...messages);
    return [
      ...checks,
      checkThat(
        "messages per node and interval do not grow with the cluster",
        growth < 2,
        rounded(growth, 3),
        "less than twice",
      ),
    ];
  },
});

interface Rounds {
  readonly rounds: number;
  readonly half: number;
  readonly cost: Row;
}

function modelRounds(nodes: number, rumours: number, random: SeededRandom): Rounds {
  let sum = 0;
  let halves = 0;
  for (let rumour = 0; rumour < rumours; rumour++) {
    let knows = new Uint8Array(nodes);
    knows[0] = 1;
    let count = 1;
    let rounds = 0;
    let half = 0;
    for (; count < nodes && rounds < ROUNDS_MAX; rounds++) {
      const after = knows.slice();
      for (let node = 0; node < nodes; node++) {
        let peer = Math.floor(random.float() * (nodes - 1));
        if (peer >= node) peer++;
        if (knows[node] === 1) after[peer] = 1;
        else if (knows[peer] === 1) after[node] = 1;
      }
      knows = after;
      count = knows.reduce((total, one) => total + one, 0);
      if (half === 0 && count * 2 >= nodes) half = rounds + 1;
    }
    sum += rounds;
    halves += half;
  }
  return { rounds: sum / rumours, half: halves / rumours, cost: {} };
}

interface Simulated {
  readonly rumours: number;
  readonly intervalMs: number;
  readonly adaptive: boolean;
  readonly seed: number;
  readonly onProgress: (share: number) => void;
}

function simulatedRounds(
  nodes: number,
  { rumours, intervalMs, adaptive, seed, onProgress }: Simulated,
): Rounds {
  const cluster = new SimulatedCluster({
    nodes,
    latency: "1;other=1",
    seed,
    config: {
      gossipIntervalMs: intervalMs,
      adaptiveGossip: adaptive,
      partitions: Math.max(128, nodes),
      reapIntervalMs: 0,
    },
  });
  const { simulation } = cluster;
  cluster.runFor(WARM_UP * intervalMs);
  let sum = 0;
  let halves = 0;
  let incarnation = 1;
  const before = { ...simulation.messageCounters };
  let bytes = 0;
  const startedMs = cluster.nowMs;
  for (let rumour = 0; rumour < rumours; rumour++) {
    incarnation++;
    const subject = cluster.ids[0] as string;
    const knows = new Set([subject]);
    const wanted = incarnation;
    simulation.tracer = {
      sent: ({ content }) => {
        // Bytes are measured for one rumour only: serialising takes longer than the gossip itself.
        if (rumour === 0 && knows.size < nodes) bytes += JSON.stringify(content).length;
      },
      stepped: (node, event) => {
        if (!knows.has(node) && brings(event, subject, wanted)) knows.add(node);
      },
    };
    const begunMs = cluster.nowMs;
    simulation.inject({ kind: "restart", atMs: begunMs, node: subject });
    let half = 0;
    while (knows.size < nodes && cluster.nowMs < begunMs + ROUNDS_MAX * intervalMs) {
      simulation.step();
      if (half === 0 && knows.size * 2 >= nodes) half = cluster.nowMs - begunMs;
    }
    sum += (cluster.nowMs - begunMs) / intervalMs;
    halves += half / intervalMs;
    onProgress((rumour + 1) / rumours);
    if (rumour === 0) bytes /= (cluster.nowMs - begunMs) / intervalMs * nodes;
  }
  simulation.tracer = null;
  const intervals = (cluster.nowMs - startedMs) / intervalMs;
  const messages = simulation.messageCounters.messages - before.messages;
  return {
    rounds: sum / rumours,
    half: halves / rumours,
    cost: {
      messagesPerNode: rounded(messages / intervals / nodes, 3),
      bytesPerNode: Math.round(bytes),
    },
  };
}

/** Whether the event informs its receiver of that incarnation of the node. */
function brings(event: Event, subject: string, incarnation: number): boolean {
  const isNews = ({ id, incarnation: of }: NodeState) => id === subject && of >= incarnation;
  if (event.kind === "reply" && event.reply.status === "gossip") {
    return event.reply.newer.some(isNews);
  }
  return event.kind === "peer" && event.request.method === "gossip.states" &&
    event.request.states.some(isNews);
}
