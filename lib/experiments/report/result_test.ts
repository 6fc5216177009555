import assert from "node:assert/strict";
import { checkAtLeast, checkAtMost, checkThat, defineExperiment, numberIn } from "../experiment.ts";
import { integers } from "../parameters.ts";
import { pointsOf, runPoint, runPoints } from "../runner.ts";
import { reportHtml } from "./report_html.ts";
import published from "./result.schema.json" with { type: "json" };
import { compare, type PointResult, readResult, resultJsonSchema, resultOf } from "./result.ts";

/** Draws from its point's generator, so that the tests would notice an error in sharding. */
const DICE = defineExperiment({
  name: "dice",
  title: "Dice",
  question: "What do dice <show>?",
  reproduces: "nothing",
  engines: ["model"],
  parameters: { faces: integers({ default: [6, 8, 20], least: 1, most: 100, about: "faces" }) },
  varies: "the faces",
  reading: "Higher is more.",
  columns: { faces: "of the die", eyes: "drawn" },
  plots: [{
    name: "eyes",
    title: "Eyes & faces",
    from: "rows",
    mark: "line",
    x: "faces",
    y: "eyes",
    xLabel: "faces",
    yLabel: "eyes",
    published: true,
  }],
  reference: {
    source: "a book",
    rows: [{ faces: 6, eyes: 3.5 }, { faces: 99, eyes: 50 }],
    keys: ["faces"],
    compared: ["eyes"],
  },
  points: ({ faces }) => [...faces],
  run: (faces, _, { random, onProgress }) => {
    onProgress(0.5);
    const eyes = 1 + Math.floor(random.float() * faces);
    return { rows: [{ faces, eyes }], series: { throws: [{ faces, t: 0, eyes }] } };
  },
  checks: ({ rows }) => [checkThat("thrown", rows.length > 0, rows.length, "any")],
});

const FACTS = {
  seed: "7",
  startedAt: "2024-01-01T00:00:00.000Z",
  environment: {
    version: "0",
    runtime: "deno",
    os: "linux",
    cores: 1,
    command: "x",
    shard: null,
  },
};
const { signal } = new AbortController();

async function run(shard?: { i: number; n: number }): Promise<PointResult[]> {
  const prepared = DICE.prepare("model", {});
  const points: PointResult[] = [];
  const runner = (index: number, onProgress: (share: number) => void) =>
    runPoint(prepared, index, "7", signal, onProgress);
  await runPoints(prepared, [runner, runner], {
    seed: "7",
    signal,
    onPoint: (point) => points.push(point),
    ...(shard === undefined ? {} : { shard }),
  });
  return points;
}

Deno.test("result: the published schema is the one that parses results", () => {
  assert.deepEqual(published, JSON.parse(JSON.stringify(resultJsonSchema())));
});

Deno.test("result: merged shards equal the whole run", async () => {
  const prepared = DICE.prepare("model", {});
  const whole = resultOf(prepared, await run(), FACTS);
  const shards = [...await run({ i: 2, n: 2 }), ...await run({ i: 1, n: 2 })];
  const merged = resultOf(prepared, shards, FACTS);
  assert.equal(whole.rows.length, 3);
  assert.deepEqual(merged.rows, whole.rows);
  assert.deepEqual(merged.series, whole.series);
  assert.deepEqual(merged.checks, whole.checks);
  assert.deepEqual(readResult(JSON.parse(JSON.stringify(whole))).rows, whole.rows);
});

Deno.test("result: a figure that does not exist is null, and no check of it passes", async () => {
  const shares = defineExperiment({
    ...DICE,
    parameters: { of: integers({ default: [0], least: 0, most: 9, about: "how many" }) },
    points: ({ of }) => [...of],
    run: (of) => ({ rows: [{ of, share: 0 / of }], series: { ms: [{ most: Math.max() }] } }),
    checks: ({ rows }) => [
      checkAtMost("at most", numberIn(rows[0], "share"), 1),
      checkAtLeast("at least", numberIn(rows[0], "share"), 0),
    ],
  });
  const prepared = shares.prepare("model", {});
  const result = resultOf(prepared, [await runPoint(prepared, 0, "7", signal)], FACTS);
  assert.deepEqual(result.rows, [{ of: 0, share: null }]);
  assert.deepEqual(result.series, { ms: [{ most: null }] });
  assert.deepEqual(result.checks.map(({ passed, measured }) => [passed, measured]), [
    [false, null],
    [false, null],
  ]);
});

Deno.test("result: a part of the grid has no checks", async () => {
  const part = resultOf(DICE.prepare("model", {}), await run({ i: 1, n: 3 }), FACTS);
  assert.deepEqual(part.environment.points, { done: 1, total: 3 });
  assert.deepEqual(part.checks, []);
});

Deno.test("result: finished points do not run again", async () => {
  const prepared = DICE.prepare("model", {});
  const ran: number[] = [];
  await runPoints(prepared, [(index) => {
    ran.push(index);
    return runPoint(prepared, index, "7", signal);
  }], { seed: "7", signal, done: new Set([0, 2]), onPoint: () => {} });
  assert.deepEqual(ran, [1]);
});

Deno.test("result: after a stop, finished points are kept and no point begins", async () => {
  const prepared = DICE.prepare("model", {});
  const stop = new AbortController();
  const kept: number[] = [];
  await runPoints(prepared, [(index) => runPoint(prepared, index, "7", stop.signal)], {
    seed: "7",
    signal: stop.signal,
    onPoint: ({ index }) => {
      kept.push(index);
      stop.abort();
    },
  });
  assert.deepEqual(kept, [0]);
});

Deno.test("result: published and measured figures are compared where both exist", () => {
  const rows = [{ faces: 6, eyes: 4 }, { faces: 8, eyes: 1 }];
  const [only, ...others] = compare(DICE.reference as NonNullable<typeof DICE.reference>, rows);
  assert.deepEqual(others, []);
  assert.equal(only?.published, 3.5);
  assert.ok(Math.abs((only?.relativeError ?? 0) - 0.142857) < 1e-6);
});

Deno.test("result: shards are disjoint and cover the grid", () => {
  const shards = [1, 2, 3].flatMap((i) => pointsOf(10, { i, n: 3 }));
  assert.deepEqual(shards.toSorted((a, b) => a - b), pointsOf(10));
});

Deno.test("result: invalid input is rejected with the name of the field", () => {
  assert.throws(() => readResult({ experiment: 3 }), /not a result of an experiment: experiment/);
});

Deno.test("report: is self-contained, escapes text, draws, and compares published figures", async () => {
  const html = reportHtml(DICE, resultOf(DICE.prepare("model", {}), await run(), FACTS));
  assert.match(html, /What do dice &lt;show&gt;\?/);
  assert.match(html, /<svg [^>]*aria-label="Eyes &amp; faces"/);
  assert.match(html, /prefers-color-scheme:dark/);
  assert.match(html, /relative error/);
  assert.match(html, /✓ passed/);
  // Namespaces are names: nothing is loaded from them.
  const links = html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, "");
  assert.doesNotMatch(links, /https?:|<script|<link|<img|@import|url\(/);
});
