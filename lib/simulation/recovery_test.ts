/**
 * Replaced and restored disks in simulated clusters. Strict reads never treat keys that such a disk
 * lacks as absent, and in the end the disk has all acknowledged writes again.
 */
import assert from "node:assert/strict";
import type { TunableConfig } from "../dynamo/types/config.ts";
import type { Fault } from "./faults/faults.ts";
import { Run } from "./run.ts";
import { parseScenario } from "./scenario/scenario.ts";
import type { Operation } from "./workload/history.ts";

const US_PER_MS = 1_000;
const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);

interface Plan {
  readonly nodes?: number;
  readonly config?: Partial<TunableConfig>;
  readonly faults: readonly Fault[];
  /** When and at which node every key is read, in ms. */
  readonly reads: readonly { readonly atMs: number; readonly node: string }[];
}

/**
 * Runs a scenario that puts every key at n1 half a second after the start. Returns the reads in
 * order.
 */
function runPlan({ nodes = 3, config = {}, faults, reads }: Plan) {
  const at = (ms: number) => Math.round(ms * US_PER_MS);
  const puts = KEYS.map((key, i) => (
    { atUs: at(500 + 5 * i), client: 0, act: "put", key, node: "n1", options: {} }
  ));
  const gets = reads.flatMap(({ atMs, node }, client) =>
    KEYS.map((key, i) => (
      { atUs: at(atMs + 20 * i), client: client + 1, act: "get", key, node, options: {} }
    ))
  );
  const scenario = parseScenario({
    name: "disks",
    nodes,
    seed: 5,
    config: { n: 3, r: 2, w: 2, sloppy: false, gossipIntervalMs: 200, timeoutMs: 1_000, ...config },
    network: { latency: "1" },
    workload: { kind: "script", clients: reads.length + 1, operations: [...puts, ...gets] },
    durationMs: 15_000,
    faults,
  });
  const seen: string[] = [];
  const run = Run.start(scenario, {
    tracer: {
      observed: (node, { type, ...rest }) => {
        if (type === "recovering") seen.push(`${node} ${"cause" in rest ? rest.cause : ""}`);
        else if (type === "caught-up") seen.push(`${node} caught up`);
      },
    },
  });
  while (!run.isDone) run.advance(100_000);
  const { operations } = run.driver.history;
  const own = operations.filter(({ healing, kind }) => !healing && kind === "get");
  return { reads: own, seen, result: run.result(), run };
}

function tally(reads: readonly Operation[]) {
  const ok = reads.filter(({ outcome }) => outcome === "ok");
  const absent = ok.filter(({ returned }) => returned.length === 0);
  return {
    value: ok.length - absent.length,
    absent: absent.length,
    failed: reads.length - ok.length,
  };
}

const N3_MISSES_PUTS: Fault = {
  kind: "partition",
  atMs: 0,
  forMs: 1_000,
  groups: [["n1", "n2"], ["n3"]],
  how: "drop",
};

/**
 * All nodes lose power. n2 gets an empty disk and starts first, alone until the others are back.
 */
const POWER_FAILURE: readonly Fault[] = [
  N3_MISSES_PUTS,
  { kind: "crash", atMs: 2_000, node: "n1", downMs: 5_000 },
  { kind: "crash", atMs: 2_000, node: "n3", downMs: 5_000 },
  { kind: "wipe", atMs: 2_000, node: "n2", downMs: 1_000 },
];

/** n2 gets an empty disk, and is partitioned for longer than the timeout of any call. */
const PARTITIONED: readonly Fault[] = [
  N3_MISSES_PUTS,
  { kind: "wipe", atMs: 2_000, node: "n2", downMs: 500 },
  {
    kind: "partition",
    atMs: 2_000,
    forMs: 5_000,
    groups: [["n1", "n3"], ["n2"]],
    how: "drop",
  },
];

for (const gossipIntervalMs of [200, 0]) {
  for (const antiEntropyIntervalMs of [300, 0]) {
    const what = `gossip ${gossipIntervalMs > 0 ? "on" : "off"}, anti-entropy ${
      antiEntropyIntervalMs > 0 ? "on" : "off"
    }`;
    const config = { gossipIntervalMs, antiEntropyIntervalMs };
    Deno.test(`a node with a replaced disk that starts first hides no write (${what})`, () => {
      const reads = [{ atMs: 3_500, node: "n2" }, { atMs: 9_000, node: "n2" }];
      const { reads: got, seen, result } = runPlan({ config, faults: POWER_FAILURE, reads });
      assert.deepEqual(tally(got.slice(0, KEYS.length)), { value: 0, absent: 0, failed: 12 });
      assert.deepEqual(tally(got.slice(KEYS.length)), { value: 12, absent: 0, failed: 0 });
      assert.deepEqual(seen, ["n2 replaced", "n2 caught up"]);
      assert.deepEqual(result.violations, []);
    });

    Deno.test(`a node with a replaced disk that is partitioned hides no write (${what})`, () => {
      const reads = [{ atMs: 4_000, node: "n2" }, { atMs: 9_000, node: "n2" }];
      const { reads: got, seen, result } = runPlan({ config, faults: PARTITIONED, reads });
      assert.deepEqual(tally(got.slice(0, KEYS.length)), { value: 0, absent: 0, failed: 12 });
      assert.deepEqual(tally(got.slice(KEYS.length)), { value: 12, absent: 0, failed: 0 });
      assert.deepEqual(seen, ["n2 replaced", "n2 caught up"]);
      assert.deepEqual(result.violations, []);
    });
  }
}

Deno.test("two nodes with replaced disks recover without waiting for each other", () => {
  const faults: Fault[] = [
    { kind: "wipe", atMs: 2_000, node: "n2", downMs: 100 },
    { kind: "wipe", atMs: 2_000, node: "n3", downMs: 200 },
  ];
  const { reads, seen } = runPlan({ faults, reads: [{ atMs: 4_000, node: "n2" }] });
  assert.deepEqual(tally(reads), { value: 12, absent: 0, failed: 0 });
  assert.deepEqual(seen.toSorted(), [
    "n2 caught up",
    "n2 replaced",
    "n3 caught up",
    "n3 replaced",
  ]);
});

Deno.test("an owner that stays down blocks reads from a replaced disk until it is removed", () => {
  const faults: Fault[] = [
    { kind: "crash", atMs: 2_000, node: "n3", downMs: 30_000 },
    { kind: "wipe", atMs: 3_000, node: "n2", downMs: 100 },
  ];
  const remove: Fault = { kind: "remove", atMs: 5_000, node: "n3" };
  const reads = [{ atMs: 9_000, node: "n2" }];
  const blocked = runPlan({ nodes: 4, faults, reads });
  const { absent, failed } = tally(blocked.reads);
  assert.deepEqual([absent, failed > 0], [0, true], "of n1, n2 and n3 only n1 counts for reads");
  assert.deepEqual(blocked.seen, ["n2 replaced", "n2 caught up"], "once n3 is back");
  const removed = runPlan({ nodes: 4, faults: [...faults, remove], reads });
  assert.deepEqual(tally(removed.reads), { value: 12, absent: 0, failed: 0 });
});

Deno.test("an owner with a failing disk blocks only the recovery of the ranges that it shares", () => {
  // The disk of n1 fails every load, from before n2 gets an empty disk until long after.
  const run = Run.start(parseScenario({
    name: "one owner has a failing disk",
    nodes: 6,
    seed: 5,
    config: { n: 3, r: 2, w: 2, sloppy: false, gossipIntervalMs: 200, timeoutMs: 1_000 },
    network: { latency: "1" },
    workload: {
      kind: "script",
      clients: 1,
      operations: [{
        atUs: 59_000_000,
        client: 0,
        act: "get",
        key: "k",
        node: "n1",
        options: {},
      }],
    },
    durationMs: 60_000,
    faults: [
      {
        kind: "disk-failing",
        atMs: 2_500,
        forMs: 55_000,
        node: "n1",
        probability: 1,
        operations: "loads",
      },
      { kind: "wipe", atMs: 3_000, node: "n2", downMs: 100 },
    ],
  }));
  const wanted = 50_000 * US_PER_MS;
  while (run.simulation.now < wanted) run.advance(50);
  const { recovery, ring } = run.simulation.machines[1]?.replica ?? assert.fail("n2 is down");
  const own = Array.from({ length: ring.rangeCount }, (_, range) => ring.primaries(range))
    .filter((owners) => owners.includes("n2"));
  const withN1 = own.filter((owners) => owners.includes("n1"));
  assert.ok(withN1.length > 0 && withN1.length < own.length);
  assert.deepEqual([recovery.ranges, recovery.waitingFor], [withN1.length, ["n1"]]);
});

Deno.test("without gossip a restored node learns the lives of its peers again, and confirms them", () => {
  const faults: Fault[] = [
    { kind: "wipe", atMs: 2_000, node: "n2", downMs: 100 },
    { kind: "restart", atMs: 3_500, node: "n1" },
    { kind: "restore", atMs: 5_000, node: "n1", agoMs: 3_500, downMs: 100 },
    { kind: "crash", atMs: 8_000, node: "n3", downMs: 60_000 },
    { kind: "restart", atMs: 9_000, node: "n2" },
  ];
  const { reads } = runPlan({
    config: { gossipIntervalMs: 0 },
    faults,
    reads: [{ atMs: 7_000, node: "n1" }, { atMs: 11_000, node: "n2" }],
  });
  assert.deepEqual(tally(reads), { value: 24, absent: 0, failed: 0 });
});

Deno.test("a node with a restored disk recovers, and no dot is issued twice", () => {
  const faults: Fault[] = [
    { kind: "restore", atMs: 4_000, node: "n1", agoMs: 3_700, downMs: 300 },
  ];
  const reads = [{ atMs: 4_310, node: "n1" }, { atMs: 8_000, node: "n1" }];
  const { reads: got, seen, result } = runPlan({ faults, reads });
  assert.equal(tally(got).absent, 0);
  assert.deepEqual(tally(got.slice(KEYS.length)), { value: 12, absent: 0, failed: 0 });
  assert.deepEqual(seen, ["n1 restored", "n1 caught up"]);
  assert.deepEqual(result.violations, []);
});

Deno.test("a node that was restarted, wiped and restarted again is heard by all and not suspected", () => {
  const restarts = [1_000, 2_000, 3_000, 4_000, 5_000]
    .map((atMs): Fault => ({ kind: "restart", atMs, node: "n2" }));
  const faults: Fault[] = [
    ...restarts,
    { kind: "wipe", atMs: 6_000, node: "n2", downMs: 100 },
    { kind: "restart", atMs: 9_000, node: "n2" },
  ];
  const down: number[] = [];
  const scenario = parseScenario({
    name: "restarts",
    nodes: 5,
    seed: 5,
    config: { n: 3, r: 2, w: 2, gossipIntervalMs: 200, timeoutMs: 1_000 },
    network: { latency: "1" },
    workload: {
      kind: "script",
      clients: 1,
      operations: [{
        atUs: 69_000_000,
        client: 0,
        act: "get",
        key: "k",
        node: "n1",
        options: {},
      }],
    },
    durationMs: 70_000,
    faults,
  });
  const run = Run.start(scenario, {
    tracer: {
      observed: (_node, { type }, at) => {
        if (type === "node-down") down.push(at / US_PER_MS);
      },
    },
  });
  while (!run.isDone) run.advance(100_000);
  assert.deepEqual(down.filter((at) => at > 10_000), [], "no suspicion in a minute without faults");
  const [n1, n2] = run.simulation.machines.map(({ replica }) => replica);
  assert.equal(n1?.remembers("n2")?.bootNumber, n2?.life.bootNumber);
});
