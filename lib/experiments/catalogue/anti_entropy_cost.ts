/**
 * The cost of anti-entropy. A replica misses some writes while it is cut off, and nothing else
 * repairs them. The experiment counts messages and bytes until all owners are equal again.
 */
import { areEqual, holdingsOf } from "../../simulation/healing.ts";
import { SimulatedCluster, type Steps } from "../engines/simulated_cluster.ts";
import {
  type Check,
  checkAtMost,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import { integer, integers, requireAtMost } from "../parameters.ts";

const INTERVAL_MS = 200;
const GIVE_UP_MS = 600_000;
/** How long messages are counted when there is nothing to repair. */
const IDLE_MS = 4_000;
/** How often the experiment checks whether all are equal. */
const LOOK_MS = 5;
const AT_ONCE = 32;

export const ANTI_ENTROPY_COST = defineExperiment({
  name: "anti-entropy-cost",
  title: "The cost of anti-entropy",
  question:
    "How many bytes and messages does anti-entropy need, by keys that differ and by keys held?",
  reproduces:
    "Dynamo (SOSP 2007), section 4.7: Merkle trees; bound d · F · log_F(L) for d differing leaves of L",
  engines: ["simulated"],
  parameters: {
    held: integers({
      default: [500, 2_000, 8_000],
      least: 1,
      most: 1_000_000,
      about: "keys each node holds",
    }),
    differing: integers({
      default: [0, 1, 4, 16, 64, 256],
      least: 0,
      most: 100_000,
      about: "number of keys that one of three nodes has missed",
    }),
    valueBytes: integer({ default: 100, least: 1, most: 65_536, about: "size of a value" }),
    partitions: integer({
      default: 16,
      least: 3,
      most: 1_024,
      about: "Q; each partition has its own tree",
    }),
  },
  varies: "the number of keys that differ, and of keys held",
  reading:
    "The lines for few and for many keys are close together: the cost depends on the difference, not on the data. With nothing to repair (0 in the table), the nodes only compare roots, for four seconds. Each differing key costs its record and the path to it, until so many differ that they share paths.",
  columns: {
    held: "keys on each of three nodes",
    differing: "keys that one of them had missed",
    messages: "messages of comparisons and repairs until all were equal",
    bytes: "bytes of these messages, as JSON",
    bytesPerKey: "bytes for each differing key",
    tookMs: "virtual time until all were equal, ms",
    whole: "bytes of all records held, for comparison",
  },
  plots: [{
    name: "bytes",
    title: "Bytes until all are equal",
    from: "lines",
    mark: "line",
    x: "differing",
    y: "bytes",
    color: "held",
    xScale: "log",
    yScale: "log",
    xLabel: "keys that differ",
    yLabel: "bytes",
  }],
  validate({ held, differing }) {
    requireAtMost("differing", Math.max(...differing), "the least of held", Math.min(...held));
  },
  points: ({ held, differing }) =>
    held.flatMap((keys) => differing.map((missed) => ({ keys, missed }))),
  run({ keys, missed }, { valueBytes, partitions }, { seed }) {
    const cluster = new SimulatedCluster({
      nodes: 3,
      latency: "0.5;other=0.5",
      seed,
      config: {
        n: 3,
        r: 1,
        w: 1,
        partitions,
        antiEntropyIntervalMs: INTERVAL_MS,
        reapIntervalMs: 0,
        timeoutMs: 1_000,
        storageSlowMs: 10_000,
      },
    });
    const { simulation } = cluster;
    const value = btoa("x".repeat(valueBytes));
    const write = (from: number, to: number, w: number, node: string) => {
      let next = from;
      function* writer(): Steps<void> {
        while (next < to) yield* cluster.put(node, `key-${next++}`, value, { w });
      }
      for (let i = 0; i < AT_ONCE; i++) cluster.spawn(writer());
      cluster.run();
    };
    const [first = "", , last = ""] = cluster.ids;
    write(0, keys - missed, 3, first);
    simulation.inject({
      kind: "partition",
      atMs: cluster.nowMs,
      forMs: 86_400_000,
      how: "drop",
      groups: [cluster.ids.slice(0, 2), [last]],
    });
    write(keys - missed, keys, 2, first);
    // Calls to the third node time out before it can be reached again.
    cluster.runFor(6_000);
    simulation.faults.heal(simulation);
    const cost = { messages: 0, bytes: 0 };
    simulation.tracer = {
      sent: ({ content }) => {
        cost.messages++;
        cost.bytes += JSON.stringify(content).length;
      },
    };
    const begunMs = cluster.nowMs;
    const names = Array.from({ length: missed }, (_, i) => `key-${keys - missed + i}`);
    const isEqual = () => names.every((key) => areEqual(holdingsOf(simulation, key)));
    do cluster.runFor(LOOK_MS); while (
      cluster.nowMs < begunMs + IDLE_MS && missed === 0 ||
      (!isEqual() && cluster.nowMs < begunMs + GIVE_UP_MS)
    );
    if (!isEqual()) throw new Error(`${missed} of ${keys} keys did not become equal`);
    simulation.tracer = null;
    const record = JSON.stringify(simulation.machine(0).disk.peek("key-0")).length;
    const tookMs = cluster.nowMs - begunMs;
    const row: Row = {
      held: keys,
      differing: missed,
      messages: cost.messages,
      bytes: cost.bytes,
      bytesPerKey: missed === 0 ? null : rounded(cost.bytes / missed),
      tookMs,
      whole: record * keys,
    };
    const line: Row = { held: `${keys} keys held`, differing: missed, bytes: cost.bytes };
    return { rows: [row], series: { lines: [line] } };
  },
  checks({ rows, values }) {
    const bytes = (held: number, differing: number) => {
      const row = rows.find((row) => row.held === held && row.differing === differing);
      return row === undefined ? null : numberIn(row, "bytes");
    };
    const [few, many] = [Math.min(...values.held), Math.max(...values.held)];
    const checks: Check[] = [];
    for (const differing of values.differing) {
      const [small, large] = [bytes(few, differing), bytes(many, differing)];
      if (small === null || large === null || few === many) continue;
      if (differing === 0 || differing > few / 8) continue;
      checks.push(checkAtMost(
        `${differing} differing: bytes at ${many} keys held over those at ${few}`,
        large / small,
        // The node that repairs first varies, and two nodes may repair the same key.
        2.5,
        "times",
      ));
    }
    const [one, most] = [bytes(many, 1), bytes(many, Math.max(...values.differing))];
    if (one !== null && most !== null && one !== most) {
      checks.push(
        checkThat("more differing keys cost more", most > one, `${one} → ${most} bytes`, "more"),
      );
    }
    return checks;
  },
});
