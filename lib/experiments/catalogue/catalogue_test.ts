/**
 * Runs every experiment of the catalogue at a small size. It must explain its columns and draw its
 * plots. Where a small size is enough, it must also pass its own checks.
 */
import assert from "node:assert/strict";
import type { Engine } from "../experiment.ts";
import { ParameterError } from "../parameters.ts";
import { columnsOf } from "../report/csv.ts";
import { plotSvg } from "../report/plot_svg.ts";
import { type PointResult, type Result, resultOf } from "../report/result.ts";
import { runPoint } from "../runner.ts";
import { CATALOGUE, experimentNamed, prepare } from "./catalogue.ts";

/** The names are a contract. */
const NAMES = [
  "table-1",
  "response-times",
  "hot-keys",
  "failure-rate",
  "failing-nodes",
  "delta-p",
  "latest-proportion",
  "pbs-table",
  "pbs-exponential",
  "pbs-replication",
  "load-balance",
  "coordination",
  "write-buffer",
  "divergence",
  "sibling-explosion",
  "gossip-convergence",
  "failure-detection",
  "anti-entropy-cost",
  "availability",
  "partition-trials",
  "hint-storm",
  "early-reaping",
  "tuning",
  "three-ways",
];

interface Small {
  readonly given: Readonly<Record<string, string>>;
  /** Whether this size must pass the experiment's own checks. */
  readonly passes?: true;
}

const SMALL: Readonly<Record<string, Small>> = {
  "table-1": { given: { operations: "1500" }, passes: true },
  "response-times": { given: { operations: "400" }, passes: true },
  "hot-keys": { given: { operations: "1500", quorums: "3/1/3" } },
  "failure-rate": { given: { operations: "500", rates: "0,50" }, passes: true },
  "failing-nodes": { given: { operations: "400", failed: "0,5" }, passes: true },
  "delta-p": { given: { trials: "300", times: "0,40,100" }, passes: true },
  "latest-proportion": { given: { trials: "200", times: "0,50,100" }, passes: true },
  "pbs-table": { given: { trials: "20000", profiles: "LNKD-SSD" } },
  "pbs-exponential": { given: { trials: "200000", writeRates: "4,0.1" }, passes: true },
  "pbs-replication": { given: { trials: "20000", replicas: "2,10" }, passes: true },
  "load-balance": { given: { tokens: "8,32", rings: "400" }, passes: true },
  "coordination": { given: { operations: "3000" } },
  "write-buffer": { given: { operations: "1500" } },
  "divergence": { given: { reads: "2000" } },
  "sibling-explosion": { given: {}, passes: true },
  "gossip-convergence": { given: { nodes: "5,50", rumours: "2" }, passes: true },
  "failure-detection": {
    given: {
      thresholds: "1,8",
      intervalsMs: "500",
      calmMs: "20000",
      freezes: "1",
      bothKinds: "false",
    },
    passes: true,
  },
  "anti-entropy-cost": { given: { held: "100,400", differing: "0,1,8" }, passes: true },
  "availability": {
    given: { rounds: "1", operations: "200", quorums: "3/2/2", failed: "0,5" },
    passes: true,
  },
  "partition-trials": { given: { runs: "2", adds: "200" }, passes: true },
  "hint-storm": { given: { caps: "2,64", writes: "600" }, passes: true },
  "early-reaping": { given: { keys: "30", downFor: "2", graceMs: "20000" }, passes: true },
  "tuning": {
    given: { quorums: "3/1/1,3/2/2", patienceMs: "100", seeds: "2", operations: "800" },
    passes: true,
  },
  "three-ways": { given: { trials: "300", modelTrials: "50000", quorums: "3/1/2" } },
};

async function run(
  name: string,
  engine: Engine,
  more: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const prepared = prepare(name, engine, { ...SMALL[name]?.given, ...more });
  const { signal } = new AbortController();
  const points: PointResult[] = [];
  for (let index = 0; index < prepared.pointCount; index++) {
    points.push(await runPoint(prepared, index, "1", signal));
  }
  return resultOf(prepared, points, {
    seed: "1",
    startedAt: "2024-01-01T00:00:00.000Z",
    environment: { version: "0", runtime: "", os: "", cores: 1, command: "", shard: null },
  });
}

Deno.test("catalogue: the names are as documented", () => {
  assert.deepEqual(CATALOGUE.map(({ name }) => name).toSorted(), NAMES.toSorted());
  assert.throws(
    () => experimentNamed("table-2"),
    /unknown experiment 'table-2': there are table-1/,
  );
});

Deno.test("catalogue: the defaults are allowed values", () => {
  for (const experiment of CATALOGUE) {
    for (const engine of experiment.engines) {
      assert.ok(prepare(experiment.name, engine, {}).pointCount > 0, experiment.name);
    }
  }
});

Deno.test("catalogue: R and W above N are rejected in every experiment that has them", () => {
  const wrong: [string, Record<string, string>][] = [
    ["pbs-exponential", { r: "4" }],
    ["failure-rate", { w: "5" }],
    ["failing-nodes", { r: "5" }],
    ["availability", { quorums: "3/4/1" }],
    ["delta-p", { quorums: "9/1/1" }],
    ["table-1", { quorums: "4/1/5" }],
    ["write-buffer", { w: "4" }],
    // N above the number of nodes.
    ["table-1", { nodes: "3" }],
    ["response-times", { nodes: "3" }],
    ["hot-keys", { quorums: "9/1/1" }],
    ["latest-proportion", { nodes: "3" }],
    ["three-ways", { nodes: "2" }],
    ["tuning", { quorums: "7/1/1" }],
  ];
  for (const [name, given] of wrong) {
    assert.throws(() => prepare(name, undefined, given), ParameterError, name);
  }
});

for (const { name, engines, columns, plots } of CATALOGUE) {
  for (const engine of engines.filter((engine) => engine !== "live")) {
    Deno.test(`catalogue: ${name} (${engine}) runs, explains its columns, and draws`, async () => {
      const result = await run(name, engine);
      assert.ok(result.rows.length > 0);
      for (const column of columnsOf(result.rows)) {
        assert.ok(columns[column] !== undefined, `column '${column}' is explained`);
      }
      for (const plot of plots) {
        if (engine === "model" && plot.name === "latency") continue;
        assert.ok(plotSvg(plot, result) !== null, `plot '${plot.name}' has something to draw`);
      }
      if (SMALL[name]?.passes !== true) return;
      assert.deepEqual(result.checks.filter(({ passed }) => !passed), []);
    });
  }
}

Deno.test("catalogue: unusual parameters give a result, with null for missing figures", async () => {
  const odd: [string, Record<string, string>, (result: Result) => void][] = [
    ["failure-detection", { loss: "0.99" }, ({ rows, checks }) => {
      assert.ok(rows.some(({ detectMs }) => detectMs === null));
      assert.ok(checks.some(({ passed }) => !passed), "what was never noticed is no success");
    }],
    ["table-1", { latency: "0", quorums: "1/1/1", nodes: "1", keys: "1" }, ({ rows, checks }) => {
      assert.ok(rows.every(({ mean, error }) => mean === 0 && error === null));
      assert.deepEqual(checks.filter(({ passed }) => !passed), []);
    }],
    // Fewer than W nodes are left: no put is guaranteed, and nothing is checked.
    ["failing-nodes", { failed: "6" }, ({ checks }) => assert.deepEqual(checks, [])],
    ["availability", { failed: "7" }, ({ checks }) => assert.equal(checks.length, 1)],
    ["response-times", { latency: "5" }, ({ checks }) => {
      assert.deepEqual(checks.filter(({ passed }) => !passed), []);
    }],
    ["delta-p", { latencies: "0", quorums: "4/1/1" }, ({ checks }) => {
      assert.deepEqual(checks.filter(({ passed }) => !passed), []);
    }],
    ["sibling-explosion", { writers: "1" }, ({ checks }) => {
      assert.deepEqual(checks.map(({ measured, passed }) => [measured, passed]), [
        [1, true],
        [1, true],
      ]);
    }],
  ];
  for (const [name, given, look] of odd) look(await run(name, "simulated", given));
});

Deno.test("catalogue: a seed repeats a simulated run to the last digit", async () => {
  for (const name of ["hot-keys", "partition-trials", "failure-detection"]) {
    const [first, again] = [await run(name, "simulated"), await run(name, "simulated")];
    assert.deepEqual(again.rows, first.rows, name);
  }
});

Deno.test("catalogue: delta-p shows what read repair contributes", async () => {
  const latest = async (repair: string) => {
    const { signal } = new AbortController();
    const prepared = prepare("delta-p", "simulated", {
      quorums: "4/2/1",
      latencies: "W=exp(0.01);A=0;R=1;S=1",
      trials: "300",
      times: "0,5,10,20,40,80",
      repair,
    });
    const { rows } = await runPoint(prepared, 0, "1", signal);
    return Number(rows.find(({ t }) => t === 40)?.latest);
  };
  const [bare, repaired] = [await latest("none"), await latest("read-repair")];
  // Earlier reads have repaired the replicas. With 300 reads, the standard error is below 3 points.
  assert.ok(repaired > bare + 10, `${bare}% → ${repaired}%`);
});
