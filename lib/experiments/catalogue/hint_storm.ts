/**
 * A node comes back, and all holders want to deliver their hints at once. The receiver accepts a
 * limited number at a time and asks the others to wait. The experiment measures the effect of this
 * cap.
 */
import type { SimulatedCluster } from "../engines/simulated_cluster.ts";
import { runSimulatedLoad, spawnLoad } from "../engines/simulated_load.ts";
import { crash, NOTICED_MS, resilientCluster } from "../engines/simulated_outage.ts";
import {
  type Check,
  checkAtLeast,
  checkAtMost,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { decimal, integer, integers } from "../parameters.ts";
import { among, inOrder } from "../workload/keys.ts";
import { getsAndPuts } from "../workload/mixes.ts";

const GIVE_UP_MS = 600_000;

export const HINT_STORM = defineExperiment({
  name: "hint-storm",
  title: "Handoff from many holders at once",
  question:
    "How does the receiver's cap affect the time to deliver all hints, and the latency of its clients?",
  reproduces: "hinted handoff, Dynamo (SOSP 2007), section 4.6, throttled at both ends",
  engines: ["simulated"],
  parameters: {
    caps: integers({
      default: [2, 8, 32, 128, 512],
      least: 1,
      most: 10_000,
      about: "hints that a receiver accepts at once, from all holders together",
    }),
    nodes: integer({ default: 12, least: 4, most: 100, about: "nodes" }),
    writes: integer({
      default: 12_000,
      least: 100,
      most: 1_000_000,
      about: "number of puts while the node is down",
    }),
    stepMs: decimal({
      default: 0.05,
      least: 0,
      most: 10,
      about: "time a node needs for each event",
    }),
    clients: integer({
      default: 8,
      least: 1,
      most: 1_000,
      about: "number of clients that read through the node that is back",
    }),
  },
  varies: "the receiver's cap",
  reading:
    "A small cap keeps the node that came back fast for its clients, but takes long to bring it up to date. A large cap is done sooner, but meanwhile reads through that node queue behind the hints. Once the node is busy all the time, a larger cap delivers no faster.",
  columns: {
    cap: "hints that the receiver accepts at once",
    hints: "that were held for it",
    delivered: "in the time given",
    drainMs: "virtual time until no hint was left, ms",
    getP50: "median of gets through that node meanwhile, ms",
    getP99: "their 99th percentile, ms",
    calmP99: "their 99th percentile afterwards, ms",
  },
  plots: [{
    name: "trade",
    title: "Delivery against latency",
    from: "rows",
    mark: "line",
    x: "drainMs",
    y: "getP99",
    xLabel: "ms until all hints are delivered",
    yLabel: "99th percentile of gets meanwhile, ms",
    xScale: "log",
  }],
  points: ({ caps }) => [...caps],
  run(cap, { nodes, writes, stepMs, clients }, { seed, random, onProgress }) {
    const cluster = resilientCluster({
      nodes,
      latency: "0.5;other=0.5",
      seed,
      disk: { load: "0.05", store: "0.5" },
      config: {
        n: 3,
        r: 1,
        w: 2,
        sloppy: true,
        handoffReceiveMax: cap,
        handoffSendMax: 64,
        handoffIntervalMs: 200,
        patienceMs: 500,
        reapIntervalMs: 0,
      },
    });
    const { simulation } = cluster;
    for (const node of cluster.ids) {
      simulation.inject({ kind: "slow-node", atMs: 0, forMs: 86_400_000, node, stepMs });
    }
    cluster.runFor(NOTICED_MS);
    const back = cluster.ids[0] as string;
    const others = cluster.ids.slice(1);
    const down = Math.max(120_000, writes * 5);
    const backMs = cluster.nowMs + down;
    crash(cluster, back, down);
    cluster.runFor(NOTICED_MS);
    runSimulatedLoad(cluster, {
      mix: getsAndPuts(0),
      arrivals: { kind: "closed", concurrency: 32 },
      count: writes,
      keys: inOrder(),
      valueBytes: 100,
      random: random.child("writes"),
      node: (_, random) => others[Math.floor(random.float() * others.length)],
    });
    onProgress(0.4);
    const hints = hintsFor(cluster, back);
    cluster.runFor(Math.max(0, backMs - cluster.nowMs - 1));
    const own = Array.from({ length: writes }, (_, i) => `key-${i}`)
      .filter((key) => cluster.primaries(key).includes(back));
    const gets = (count: number, name: string, signal: AbortSignal) =>
      spawnLoad(cluster, {
        mix: getsAndPuts(1),
        arrivals: {
          kind: "closed",
          concurrency: clients,
          thinkMs: (random) => 5 * random.float(),
        },
        count,
        keys: among(own),
        valueBytes: 100,
        signal,
        random: random.child(name),
        node: () => back,
      });
    cluster.runFor(10);
    let left = hints;
    let drainedMs: number | null = null;
    const startMs = cluster.nowMs;
    const drained = new AbortController();
    const meanwhile = gets(1_000_000, "meanwhile", drained.signal);
    while (drainedMs === null) {
      cluster.runFor(50);
      left = hintsFor(cluster, back);
      if (left === 0 || cluster.nowMs > startMs + GIVE_UP_MS) drainedMs = cluster.nowMs;
    }
    drained.abort();
    cluster.run();
    onProgress(0.9);
    const calm = gets(2_000, "calm", new AbortController().signal);
    cluster.run();
    const row: Row = {
      cap,
      hints,
      delivered: hints - left,
      drainMs: rounded(drainedMs - startMs),
      getP50: rounded(meanwhile.tally("get").latency.percentileMs(50)),
      getP99: rounded(meanwhile.tally("get").latency.percentileMs(99)),
      calmP99: rounded(calm.tally("get").latency.percentileMs(99)),
    };
    return { rows: [row] };
  },
  checks({ rows }) {
    const byCap = rows.toSorted((a, b) => numberIn(a, "cap") - numberIn(b, "cap"));
    const [small, large] = [byCap[0], byCap.at(-1)];
    const missing = rows.reduce(
      (sum, row) => sum + numberIn(row, "hints") - numberIn(row, "delivered"),
      0,
    );
    const checks: Check[] = [
      checkAtLeast(
        "hints held, at the least",
        Math.min(...rows.map((row) => numberIn(row, "hints"))),
        1,
      ),
      checkAtMost("hints not delivered", missing, 0),
    ];
    if (small === undefined || large === undefined || small === large) return checks;
    const [slow, fast] = [numberIn(small, "drainMs"), numberIn(large, "drainMs")];
    checks.push(
      checkThat("a larger cap delivers sooner", fast < slow, `${slow} → ${fast} ms`, "sooner"),
    );
    return checks;
  },
});

/** Hints for the node on all disks together. */
function hintsFor(cluster: SimulatedCluster, node: string): number {
  return cluster.simulation.machines.reduce((sum, machine) => {
    const held = machine.replica?.stats().hints[node] ?? 0;
    return sum + held;
  }, 0);
}
