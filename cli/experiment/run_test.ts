import assert from "node:assert/strict";
import { join } from "node:path";
import { prepare } from "../../lib/experiments/catalogue/catalogue.ts";
import { readRun } from "./directory.ts";
import { type Ended, engineFor, runAllInto, runInto } from "./run.ts";

const FLAGS = { seed: "3", set: {}, workers: 1 };
const { signal } = new AbortController();

async function inTemporaryDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("run --all: each experiment has its own directory, and an index page lists them", async () => {
  await inTemporaryDirectory(async (dir) => {
    const all = [
      prepare("sibling-explosion", "simulated", {}),
      prepare("availability", "model", {}),
    ];
    const names: string[] = [];
    const listed = await runAllInto(dir, all, FLAGS, signal, ({ prepared, ended }) => {
      assert.equal(ended.done, ended.wanted);
      names.push(prepared.experiment.name);
    });
    assert.deepEqual(names, ["sibling-explosion", "availability"]);
    assert.equal(listed.length, 2);
    const page = await Deno.readTextFile(join(dir, "index.html"));
    for (const name of names) {
      assert.match(page, new RegExp(`<a href="${name}/report.html">`));
      assert.ok((await Deno.stat(join(dir, name, "report.html"))).isFile);
    }
    assert.match(page, /✓ 2 passed/);
    // A second run has nothing left to do.
    const again = await runAllInto(dir, all, FLAGS, signal, () => {});
    const worked = (ended: Ended | undefined) => ended?.result.durationMs;
    assert.deepEqual(
      again.map(({ ended }) => worked(ended)),
      listed.map(({ ended }) => worked(ended)),
    );
  });
});

Deno.test("run --resume does not start a run; --fresh starts again in any directory", async () => {
  await inTemporaryDirectory(async (dir) => {
    const prepared = prepare("sibling-explosion", "simulated", { writes: "6" });
    await assert.rejects(
      runInto(dir, prepared, { ...FLAGS, resume: true }, signal),
      /--resume needs a run to continue/,
    );
    await runInto(dir, prepared, FLAGS, signal);
    const resumed = await runInto(dir, prepared, { ...FLAGS, resume: true }, signal);
    assert.equal(resumed.done, 2);
    const other = prepare("availability", "model", {});
    await assert.rejects(runInto(dir, other, FLAGS, signal), /contains another run: experiment is/);
    await runInto(dir, other, { ...FLAGS, fresh: true }, signal);
    assert.equal((await readRun(dir))?.header.experiment, "availability");
  });
});

Deno.test("a failed point is reported with its number and reason, and other points are kept", async () => {
  await inTemporaryDirectory(async (dir) => {
    const sound = prepare("load-balance", "model", { tokens: "2,4,8", rings: "1", nodes: "5" });
    const ill = {
      ...sound,
      // On this thread, so that it fails for the intended reason.
      engine: "live" as const,
      run: (index: number, context: Parameters<typeof sound.run>[1]) => {
        if (index === 1) throw new Error("a deliberate failure");
        return sound.run(index, context);
      },
    };
    const ended = await runInto(dir, ill, FLAGS, signal);
    assert.equal(ended.failure, "point 1 failed: a deliberate failure");
    assert.equal(ended.done, 1);
    assert.deepEqual(ended.result.checks, []);
    assert.equal((await readRun(dir))?.points.length, 1);
  });
});

Deno.test("--all uses the requested engine, or each experiment's first one", () => {
  assert.equal(engineFor(["simulated", "live"], undefined), "simulated");
  assert.equal(engineFor(["simulated", "live"], "live"), "live");
  assert.equal(engineFor(["model"], "live"), null);
});
