import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mutantNamed } from "../lib/simulation/mutants/mutants.ts";
import { swarmScenario } from "../lib/simulation/scenario/swarm.ts";
import { explain } from "./fuzz/explain.ts";

const CLI = dirname(fileURLToPath(import.meta.url));

async function run(command: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(CLI, `${command}.ts`), ...args],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function inTempDir(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("simulate: invalid input exits with 2 and names field, value and what is allowed", async () => {
  await inTempDir(async (directory) => {
    const file = (name: string, scenario: unknown) => {
      const path = join(directory, name);
      Deno.writeTextFileSync(path, JSON.stringify(scenario));
      return path;
    };
    const cases: [string[], RegExp][] = [
      [
        ["--faults", "meteor"],
        /--faults must be none, all, or some of loss,.* 'meteor' is unknown/,
      ],
      [["--faults", "all,none"], /--faults must be .* it is 'all,none', but 'all' must be alone/],
      [["--latency=-3"], /from 0 to 86400000 ms: it is -3/],
      [["--seed", "x"], /--seed must be a whole number .* it is 'x'/],
      [["--r", "4", "--n", "3"], /--r must be a whole number from 1 to 3: current value is 4/],
      [["--ops", "0"], /whole number from 1/],
      [
        ["--nodes", "5", "--weights", "1,2"],
        /--weights must name one for each of the 5 nodes: 2 are/,
      ],
      [
        ["--weights", "1,2", "--zones", "a,b,c"],
        /--zones must name one for each of the 2 nodes: 3/,
      ],
      [["--ops", "1", "--save", join(directory, "no", "file")], /Cannot write --save/],
      [["--ops", "1", "--trace", join(directory, "no", "file")], /Cannot write --trace/],
      [["--replay", join(directory, "none.json")], /Cannot read --replay/],
      [
        ["--replay", "any.json", "--nodes", "9", "--ops", "1000", "--json"],
        /--replay runs .* so --nodes, --ops cannot be given with it: only --save, --trace, --direct, --json can/,
      ],
      [["--replay", file("new.json", { version: 99 })], /version must be at most 1/],
      [
        [
          "--replay",
          file("odds.json", { faults: [{ kind: "loss", atMs: 0, forMs: 1, probability: 2 }] }),
        ],
        /faults\[0\]\.probability must be a probability from 0 to 1: current value is 2/,
      ],
    ];
    const answers = await Promise.all(cases.map(([args]) => run("simulate", ...args)));
    cases.forEach(([args, message], i) => {
      assert.equal(answers[i]?.code, 2, `${args}: ${answers[i]?.err}`);
      assert.match(answers[i]?.err ?? "", message);
      assert.equal(answers[i]?.out, "");
    });
  });
});

Deno.test("simulate: prints text, and writes a trace of every event and the scenario", async () => {
  await inTempDir(async (directory) => {
    const trace = join(directory, "trace.jsonl");
    const saved = join(directory, "scenario.json");
    const args = [
      "--nodes",
      "3",
      "--ops",
      "50",
      "--faults",
      "restart",
      "--trace",
      trace,
      "--save",
      saved,
    ];
    const { code, out } = await run("simulate", ...args);
    assert.equal(code, 0, out);
    const hash = /trace hash ([0-9a-f]{16})/.exec(out)?.[1];
    assert.ok(hash);
    assert.match(out, /3 nodes, N=3 R=2 W=2, dvv, seed 1\n50 operations: /);
    assert.match(out, /ok +no-lost-write/);
    const entries = Deno.readTextFileSync(trace).trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    const events = Number(/(\d+) events/.exec(out)?.[1]);
    assert.equal(entries.filter((entry) => entry.what === "step").length, events);
    assert.ok(entries.some((entry) => entry.what === "fault" && /restart/.test(entry.text)));
    const replayed = await run("simulate", "--replay", saved, "--trace", trace, "--json");
    const { traceHash, operations, healingReads } = JSON.parse(replayed.out);
    assert.equal(traceHash, hash);
    assert.equal(operations.total, 50);
    assert.equal(typeof healingReads.total, "number");
  });
});

Deno.test("fuzz: two workers give the same results as one", async () => {
  const figures = async (workers: string) => {
    const args = ["--seeds", "12", "--from", "7", "--workers", workers, "--json"];
    const { code, out, err } = await run("fuzz", ...args);
    assert.equal(code, 0, err);
    const { realMs: _realMs, seedsPerSecond: _rate, ...summary } = JSON.parse(out);
    return summary;
  };
  const one = await figures("1");
  assert.equal(one.seeds, 12);
  assert.deepEqual(one.failures, []);
  assert.deepEqual(await figures("2"), one);
  const refused = await run("fuzz", "--seeds", "0");
  assert.equal(refused.code, 2);
  assert.match(refused.err, /whole number from 1/);
  const nowhere = await run("fuzz", "--seeds", "1", "--out", fileURLToPath(import.meta.url));
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.err, /--out must be a directory that can be created/);
});

Deno.test("fuzz: a failing seed is shrunk, drawn, and written with the command that replays it", async () => {
  await inTempDir(async (directory) => {
    const mutant = mutantNamed("ack-before-store");
    assert.ok(mutant);
    const options = { checker: mutant.caughtBy, out: directory, triesMax: 200 };
    const run = () => ({ hook: mutant.createHook() });
    const { text, files, scenario } = explain(swarmScenario(1, { mode: "dvv" }), {
      ...options,
      run,
    });
    assert.match(text, /^seed 1 fails honest-replies:/);
    assert.ok(text.includes(`deno task simulate --replay ${files.shrunk}`));
    assert.deepEqual(JSON.parse(await Deno.readTextFile(files.shrunk)), scenario);
    assert.match(await Deno.readTextFile(files.svg), /^<svg /);
    assert.match(await Deno.readTextFile(files.text), /honest-replies/);
    const operations = scenario.workload.kind === "script"
      ? scenario.workload.operations.length
      : 0;
    assert.ok(operations >= 1 && operations <= 5, `${operations} operations are left`);
  });
});
