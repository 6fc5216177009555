/**
 * Jepsen's trials of Riak 1.2.1 (Kingsbury, 2013) in virtual time. Five clients, one for each node,
 * add numbers to a set under one key: they read it and write it back. Then the partition heals, and
 * the set must contain all acknowledged numbers.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { SimulatedCluster, type Steps } from "../engines/simulated_cluster.ts";
import {
  type Check,
  checkAtLeast,
  checkAtMost,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { choices, decimal, integer } from "../parameters.ts";

const NODES = 5;
const HEAL_MS = 60_000;

interface Trial {
  readonly about: string;
  readonly config: Partial<ClusterConfig>;
  /** Only the client that holds a global lock writes. The partition does not affect the lock. */
  readonly mutex: boolean;
  readonly partitioned: boolean;
  /** Acknowledged writes lost, in %, as published. */
  readonly published: number | null;
}

const TRIALS = {
  "lww-healthy": {
    about: "last write wins, concurrent writers, a healthy network",
    config: { mode: "lww" },
    mutex: false,
    partitioned: false,
    published: 71.7,
  },
  "lww-quorum-mutex": {
    about: "last write wins, R = W = quorum, a lock around every add, a partition",
    config: { mode: "lww" },
    mutex: true,
    partitioned: true,
    published: 91.4,
  },
  "lww-primary-quorum": {
    about: "last write wins, PR = PW = quorum, concurrent writers, a partition",
    config: { mode: "lww", pr: 2, pw: 2 },
    mutex: false,
    partitioned: true,
    published: 91.7,
  },
  // Riak stored writes that it then refused, and lost others by this. A coordinator of this store
  // refuses before it stores when too few primaries are up. So only concurrent writes are lost, and
  // none with a lock.
  "lww-primary-mutex": {
    about: "the same with a lock around every add",
    config: { mode: "lww", pr: 2, pw: 2 },
    mutex: true,
    partitioned: true,
    published: null,
  },
  "siblings": {
    about: "siblings merged by set union, concurrent writers, a partition",
    config: { mode: "dvv" },
    mutex: false,
    partitioned: true,
    published: 0,
  },
} as const satisfies Record<string, Trial>;
type TrialName = keyof typeof TRIALS;
const NAMES = Object.keys(TRIALS) as TrialName[];

export const PARTITION_TRIALS = defineExperiment({
  name: "partition-trials",
  title: "Acknowledged writes that are lost",
  question:
    "What happens to acknowledged writes when writers are concurrent or the network is partitioned?",
  reproduces: "Jepsen: Riak (Kingsbury, 2013)",
  engines: ["simulated"],
  parameters: {
    trials: choices(NAMES, { default: NAMES, about: "which trials to run" }),
    adds: integer({
      default: 600,
      least: 10,
      most: 20_000,
      about: "numbers added by all clients together",
    }),
    runs: integer({
      default: 5,
      least: 1,
      most: 1_000,
      about: "number of runs with different seeds",
    }),
    skewMs: decimal({
      default: 20,
      least: 0,
      most: 60_000,
      about: "largest error of a node's clock, in both directions",
    }),
    thinkMs: decimal({
      default: 20,
      least: 0,
      most: 60_000,
      about: "mean pause of a client between adds",
    }),
  },
  varies: "how conflicts are resolved, and whether there is a partition",
  reading:
    "With lww the later timestamp wins and the other write is lost, although it was acknowledged. This happens with concurrent writers on a healthy network, in a partition in spite of a lock, and with primary quorums too, unless a lock separates the writers. With siblings that the client merges, nothing is lost. The published shares come from other timings and another partition; compare which trials lose writes at all.",
  columns: {
    trial: "name of the trial",
    about: "what the trial does",
    acknowledged: "adds that were acknowledged",
    lost: "acknowledged adds that are missing at the end",
    lostPercent: "the same in % of the acknowledged adds",
    unacknowledged: "adds that failed or whose outcome is unknown",
    survivedAnyway: "unacknowledged adds that are in the set at the end",
  },
  plots: [{
    name: "lost",
    title: "Acknowledged writes lost",
    from: "rows",
    mark: "bar",
    x: "trial",
    y: "lostPercent",
    xLabel: "trial",
    yLabel: "% of acknowledged",
    yDomain: [0, 100],
    published: true,
  }],
  reference: {
    source: "Jepsen, Riak 1.2.1, 2013",
    note:
      "Siblings with set union: 1948 acknowledged, none lost. Timings and partition differ from ours.",
    rows: NAMES.filter((trial) => TRIALS[trial].published !== null)
      .map((trial): Row => ({ trial, lostPercent: TRIALS[trial].published })),
    keys: ["trial"],
    compared: ["lostPercent"],
  },
  points: ({ trials }) => [...trials],
  run(name, values, { random, onProgress }) {
    const sum = { acknowledged: 0, lost: 0, unacknowledged: 0, survivedAnyway: 0 };
    for (let run = 0; run < values.runs; run++) {
      const found = runTrial(TRIALS[name], values, random.child(`run ${run}`));
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += found[key];
      onProgress((run + 1) / values.runs);
    }
    const lostPercent = rounded(100 * sum.lost / Math.max(1, sum.acknowledged));
    const { about } = TRIALS[name];
    const { acknowledged, lost, unacknowledged, survivedAnyway } = sum;
    const row: Row = {
      trial: name,
      about,
      acknowledged,
      lost,
      lostPercent,
      unacknowledged,
      survivedAnyway,
    };
    return { rows: [row] };
  },
  checks({ rows }) {
    // There is no published figure for this trial.
    return rows.filter((row) => row.trial !== "lww-primary-mutex").map((row): Check => {
      const lost = numberIn(row, "lost");
      return row.trial === "siblings"
        ? checkAtMost("siblings: acknowledged writes lost", lost, 0)
        : checkAtLeast(`${row.trial}: acknowledged writes lost`, lost, 1);
    });
  },
});

interface Timing {
  readonly adds: number;
  readonly skewMs: number;
  readonly thinkMs: number;
}

function runTrial(trial: Trial, { adds, skewMs, thinkMs }: Timing, random: SeededRandom) {
  const cluster = new SimulatedCluster({
    nodes: NODES,
    latency: "exp(1)",
    seed: random.child("cluster").uint32(),
    disk: { load: "0.05", store: "exp(1)" },
    config: {
      n: 3,
      r: 2,
      w: 2,
      sloppy: true,
      hintedHandoff: true,
      readRepair: true,
      gossipIntervalMs: 500,
      antiEntropyIntervalMs: 1_000,
      timeoutMs: 1_000,
      siblingsMax: 10_000,
      ...trial.config,
    },
  });
  const clocks = random.child("clocks");
  for (const node of cluster.ids) {
    const byMs = Math.round((2 * clocks.float() - 1) * skewMs);
    cluster.simulation.inject({ kind: "clock-skew", atMs: 0, forMs: 3_600_000, node, byMs });
  }
  const key = "set";
  const acknowledged = new Set<number>();
  const unacknowledged = new Set<number>();
  let next = 0;
  let holder: number | null = null;
  let healed = !trial.partitioned;
  function* client(index: number, own: SeededRandom): Steps<void> {
    const node = cluster.ids[index] as string;
    while (next < adds) {
      while (trial.mutex && holder !== null) yield* cluster.sleep(1 + own.float());
      holder = index;
      const number = next++;
      const read = yield* cluster.get(node, key);
      if (read.outcome === "ok") {
        const value = btoa([...unionOf(read.values), number].join(","));
        const done = yield* cluster.put(node, key, value, { context: read.context });
        (done.outcome === "ok" ? acknowledged : unacknowledged).add(number);
      } else unacknowledged.add(number);
      holder = null;
      yield* cluster.sleep(-Math.log(1 - own.float()) * thinkMs);
    }
  }
  function* part(): Steps<void> {
    while (next < adds / 10) yield* cluster.sleep(5);
    const minority = twoWithOneOwner(cluster, key);
    const majority = cluster.ids.filter((id) => !minority.includes(id));
    cluster.simulation.inject({
      kind: "partition",
      atMs: cluster.nowMs,
      forMs: 86_400_000,
      how: "drop",
      groups: [minority, majority],
    });
    while (next < adds) yield* cluster.sleep(5);
    // Operations in flight may still end.
    yield* cluster.sleep(2_000);
    cluster.simulation.faults.heal(cluster.simulation);
    healed = true;
  }
  let last: Set<number> = new Set();
  function* judge(): Steps<void> {
    while (next < adds || !healed) yield* cluster.sleep(100);
    yield* cluster.sleep(HEAL_MS);
    const read = yield* cluster.get(cluster.primaries(key)[0] as string, key, { r: 3 });
    if (read.outcome !== "ok") {
      throw new Error(`the healed cluster does not answer: ${read.reason}`);
    }
    last = unionOf(read.values);
  }
  for (let i = 0; i < NODES; i++) cluster.spawn(client(i, random.child(`client ${i}`)));
  if (trial.partitioned) cluster.spawn(part());
  cluster.spawn(judge());
  cluster.run();
  return {
    acknowledged: acknowledged.size,
    lost: [...acknowledged].filter((number) => !last.has(number)).length,
    unacknowledged: unacknowledged.size,
    survivedAnyway: [...unacknowledged].filter((number) => last.has(number)).length,
  };
}

/** A minority of two nodes, of which one owns the key. */
function twoWithOneOwner(cluster: SimulatedCluster, key: string): string[] {
  const owners = cluster.primaries(key);
  const other = cluster.ids.find((id) => !owners.includes(id)) as string;
  return [owners[0] as string, other];
}

function unionOf(values: readonly string[]): Set<number> {
  return new Set(
    values.flatMap((value) => atob(value).split(",")).filter((text) => text !== "").map(Number),
  );
}
