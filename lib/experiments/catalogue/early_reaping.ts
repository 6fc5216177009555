/**
 * Deleted keys that come back. Suppose that every node drops a tombstone after a grace time, as
 * with Cassandra's gc_grace_seconds. When a node returns that was down during the delete, the
 * tombstone is gone and the node's old value looks new. This store reaps a tombstone only when
 * every member has agreed.
 *
 * The experiment imitates the rule by the clock: after the grace time it removes the tombstones
 * from the disk of each running node and restarts it, so that its Merkle trees do not contain them.
 */
import { positionOf } from "../../dynamo/ring/position.ts";
import { SimulatedCluster, type Steps } from "../engines/simulated_cluster.ts";
import {
  type Check,
  checkAtLeast,
  checkAtMost,
  defineExperiment,
  numberIn,
  type Row,
} from "../experiment.ts";
import { decimals, integer } from "../parameters.ts";

const RULES = ["by-the-clock", "by-everybody's-word"] as const;
const SETTLE_MS = 120_000;
const AT_ONCE = 16;

export const EARLY_REAPING = defineExperiment({
  name: "early-reaping",
  title: "Deleted keys that come back",
  question: "Do deleted keys come back when a node returns that was down during the delete?",
  reproduces:
    "the resurrection of deleted data in Cassandra and Riak, which the Dynamo paper does not discuss",
  engines: ["simulated"],
  parameters: {
    downFor: decimals({
      default: [0.5, 2, 4],
      least: 0.01,
      most: 100,
      about: "how long a node is down, in grace times",
    }),
    graceMs: integer({
      default: 60_000,
      least: 1_000,
      most: 3_600_000,
      about: "time before a tombstone may be dropped",
    }),
    keys: integer({
      default: 200,
      least: 1,
      most: 10_000,
      about: "number of keys of that node that are deleted while it is down",
    }),
    nodes: integer({ default: 5, least: 3, most: 50, about: "nodes" }),
  },
  varies: "the rule for dropping tombstones, and how long the node is down",
  reading:
    "If the node is down for less than the grace time, it finds the tombstones when it returns, with both rules. If it is down for longer, the rule by the clock has dropped them, and anti-entropy spreads the old values from the returned node as if they were new. The other rule needs the agreement of all members, so the tombstones stay until the node is back.",
  columns: {
    rule: "the rule for dropping tombstones",
    downFor: "how long the node was down, in grace times",
    deleted: "keys deleted meanwhile",
    cameBack: "deleted keys that can be read at the end",
    tombstonesLeft: "tombstones on all disks at the end",
  },
  plots: [{
    name: "came-back",
    title: "Deleted keys that came back",
    from: "rows",
    mark: "line",
    x: "downFor",
    y: "cameBack",
    color: "rule",
    xLabel: "time that the node was down, in grace times",
    yLabel: "keys",
  }],
  points: ({ downFor }) => RULES.flatMap((rule) => downFor.map((times) => ({ rule, times }))),
  run({ rule, times }, { graceMs, keys, nodes }, { seed, onProgress }) {
    const byClock = rule === "by-the-clock";
    const cluster = new SimulatedCluster({
      nodes,
      latency: "1;other=1",
      seed,
      config: {
        n: 3,
        r: 2,
        w: 2,
        sloppy: true,
        hintedHandoff: true,
        readRepair: true,
        gossipIntervalMs: 1_000,
        antiEntropyIntervalMs: 1_000,
        timeoutMs: 1_000,
        tombstoneGraceMs: graceMs,
        reapIntervalMs: byClock ? 0 : 1_000,
        // Hints would bring the deletes to the node. Here they expire before it returns.
        hintTtlMs: Math.max(1, Math.round(graceMs / 10)),
      },
    });
    const { simulation } = cluster;
    const sleeper = cluster.ids.at(-1) as string;
    const living = cluster.ids.slice(0, -1);
    const names: string[] = [];
    for (let i = 0; names.length < keys; i++) {
      if (cluster.primaries(`key-${i}`).includes(sleeper)) names.push(`key-${i}`);
    }
    const each = (act: (key: string, node: string) => Steps<void>) => {
      let next = 0;
      function* worker(node: string): Steps<void> {
        for (let key = names[next++]; key !== undefined; key = names[next++]) yield* act(key, node);
      }
      for (let i = 0; i < AT_ONCE; i++) cluster.spawn(worker(living[i % living.length] as string));
      cluster.run();
    };
    each(function* (key, node) {
      yield* cluster.put(node, key, "dg==", { w: 3 });
    });
    cluster.runFor(10_000);
    const downMs = times * graceMs;
    simulation.inject({ kind: "crash", atMs: cluster.nowMs, node: sleeper, downMs });
    const backMs = cluster.nowMs + downMs;
    let deleted = 0;
    each(function* (key, node) {
      const done = yield* cluster.delete(node, key);
      if (done.outcome === "ok") deleted++;
    });
    onProgress(0.3);
    if (byClock && times > 1) {
      cluster.runFor(graceMs);
      for (const node of living) forgetTombstones(cluster, node, names);
    }
    cluster.runFor(Math.max(0, backMs - cluster.nowMs) + SETTLE_MS + 2 * graceMs);
    onProgress(0.8);
    let cameBack = 0;
    each(function* (key, node) {
      const read = yield* cluster.get(node, key, { r: 3 });
      if (read.outcome === "ok" && read.values.length > 0) cameBack++;
    });
    const tombstonesLeft = cluster.ids.reduce(
      (sum, node) => sum + names.filter((key) => isTombstone(cluster, node, key)).length,
      0,
    );
    const row: Row = { rule, downFor: times, deleted, cameBack, tombstonesLeft };
    return { rows: [row] };
  },
  checks({ rows, values }) {
    const cameBack = (rule: string, isLong: boolean) =>
      rows.filter((row) => row.rule === rule && (numberIn(row, "downFor") > 1) === isLong)
        .reduce((sum, row) => sum + numberIn(row, "cameBack"), 0);
    const checks: Check[] = [
      checkAtMost(
        "agreement of all members: keys that came back",
        cameBack(RULES[1], true) + cameBack(RULES[1], false),
        0,
      ),
      checkAtLeast(
        "keys deleted in each run",
        Math.min(...rows.map((row) => numberIn(row, "deleted"))),
        values.keys,
      ),
    ];
    if (rows.some((row) => numberIn(row, "downFor") > 1)) {
      checks.push(
        checkAtLeast(
          "by the clock, down for longer than the grace time: keys that came back",
          cameBack(RULES[0], true),
          1,
        ),
      );
    }
    return checks;
  },
});

function isTombstone(cluster: SimulatedCluster, node: string, key: string): boolean {
  const { disk } = cluster.simulation.machine(cluster.simulation.indexOf(node));
  const siblings = disk.peek(key)?.siblings ?? [];
  return siblings.length > 0 && siblings.every(({ value }) => value === null);
}

const UNWATCHED = { committed: () => {}, removed: () => {}, destroyed: () => {} };

/** Removes the tombstones from the node's disk without telling the node, and restarts it. */
function forgetTombstones(cluster: SimulatedCluster, node: string, keys: readonly string[]): void {
  const { simulation } = cluster;
  const machine = simulation.machine(simulation.indexOf(node));
  const forgotten = keys.filter((key) => isTombstone(cluster, node, key));
  for (const key of forgotten) {
    const removal = machine.disk.begin({ kind: "remove", id: -1, key, position: positionOf(key) });
    machine.disk.finish(removal, UNWATCHED);
  }
  simulation.inject({ kind: "restart", atMs: cluster.nowMs, node });
}
