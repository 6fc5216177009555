import assert from "node:assert/strict";
import { join } from "node:path";
import { prepare } from "../../lib/experiments/catalogue/catalogue.ts";
import { DirectoryError, mergeRuns, readRun, requireOwn } from "./directory.ts";
import { runInto } from "./run.ts";

const FLAGS = { seed: "3", set: { writes: "4" }, workers: 1 };
const { signal } = new AbortController();

async function inTemporaryDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Writes a run of two points to `dir` and returns the lines of its file. */
async function runIn(dir: string, seed = FLAGS.seed, shard?: { i: number; n: number }) {
  const prepared = prepare("sibling-explosion", "simulated", FLAGS.set);
  const flags = { ...FLAGS, seed, ...(shard === undefined ? {} : { shard }) };
  await runInto(dir, prepared, flags, signal);
  return (await Deno.readTextFile(join(dir, "points.jsonl"))).trimEnd().split("\n");
}

Deno.test("an invalid points.jsonl is rejected with the line and the reason", async () => {
  await inTemporaryDirectory(async (dir) => {
    const [head = "", first = "", second = ""] = await runIn(dir);
    const broken: [string[], RegExp][] = [
      [[], /line 1 is not the header/],
      [["42", first], /line 1 is not the header/],
      [[head.replace('"writes":"4"', '"writes":4'), first], /line 1 is not the header/],
      [[head, "half a li", second], /line 2 is not JSON/],
      [[head, "42", second], /line 2: not a point of an experiment: .*expected object/],
      [[head, first, second.replace('"index":1', '"index":"1"')], /line 3: .*index: .*number/],
      [[head, first.replace('"index":0', '"index":2')], /'index' must be from 0 to 1: it is 2/],
      [[head, first.replace('"rows":[', '"rows":[7,')], /line 2: .*rows\.0: .*expected record/],
    ];
    for (const [lines, message] of broken) {
      await Deno.writeTextFile(join(dir, "points.jsonl"), lines.join("\n") + "\n");
      await assert.rejects(readRun(dir), (error) => {
        assert.ok(error instanceof DirectoryError);
        assert.match(error.message, message);
        return true;
      });
    }
    // A point that was written twice counts once.
    await Deno.writeTextFile(join(dir, "points.jsonl"), [head, first, first].join("\n"));
    assert.equal((await readRun(dir))?.points.length, 1);
  });
});

Deno.test("merge: a grid that the catalogue no longer has is rejected", async () => {
  await inTemporaryDirectory(async (dir) => {
    const [head = "", ...rest] = await runIn(dir);
    const text = [head.replace('"points":2', '"points":3'), ...rest].join("\n");
    await Deno.writeTextFile(join(dir, "points.jsonl"), text);
    await assert.rejects(mergeRuns([dir]), /a run of 3 points: 'sibling-explosion' now has 2/);
  });
});

Deno.test("merge: another run is not overwritten", async () => {
  await inTemporaryDirectory(async (dir) => {
    const at = (name: string) => join(dir, name);
    await runIn(at("one"), "3", { i: 1, n: 2 });
    await runIn(at("two"), "3", { i: 2, n: 2 });
    await runIn(at("other"), "4");
    const { header, points } = await mergeRuns([at("one"), at("two")]);
    await requireOwn(at("new"), header, points);
    await requireOwn(at("one"), header, points);
    await assert.rejects(
      requireOwn(at("other"), header, points),
      /contains another run: seed is 4 there and 3 here/,
    );
    const half = await mergeRuns([at("one")]);
    await assert.rejects(
      requireOwn(at("two"), half.header, half.points),
      /1 of its points are in none of the merged runs/,
    );
  });
});
