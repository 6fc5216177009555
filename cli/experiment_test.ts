import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readResult, type Result } from "../lib/experiments/report/result.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const BALANCE = [
  "run",
  "load-balance",
  "--seed",
  "5",
  "--set",
  "tokens=2,4,8",
  "--set",
  "rings=4",
  // Values that the published figure does not have, so that no check compares so few rings with it.
  "--set",
  "nodes=20",
  "--set",
  "strategies=random-tokens,equal-partitions-dealt",
];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function experiment(...args: string[]): Promise<Ended> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli/experiment.ts", ...args],
    cwd: PROJECT,
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function inTemporaryDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function resultIn(dir: string): Promise<Result> {
  return readResult(JSON.parse(await Deno.readTextFile(join(dir, "result.json"))));
}

Deno.test("experiment list names every experiment with its engines", async () => {
  const { code, stdout } = await experiment("list", "--json");
  assert.equal(code, 0);
  const listed = JSON.parse(stdout) as { name: string; engines: string[] }[];
  assert.ok(listed.some(({ name, engines }) => name === "pbs-table" && engines.includes("model")));
});

Deno.test("experiment run writes all files, and two merged shards equal the whole run", async () => {
  await inTemporaryDirectory(async (dir) => {
    const at = (name: string) => join(dir, name);
    const whole = await experiment(...BALANCE, "--out", at("whole"));
    assert.equal(whole.code, 0, whole.stderr);
    const names = [...Deno.readDirSync(at("whole"))].map(({ name }) => name).toSorted();
    assert.deepEqual(names, [
      "efficiency.svg",
      "points.jsonl",
      "report.html",
      "result.json",
      "rows.csv",
    ]);
    for (const i of [1, 2]) {
      const { code, stderr } = await experiment(
        ...[...BALANCE, "--shard", `${i}/2`, "--workers", "1", "--out", at(`part${i}`)],
      );
      assert.equal(code, 0, stderr);
    }
    const merged = await experiment("merge", at("part2"), at("part1"), "--out", at("merged"));
    assert.equal(merged.code, 0, merged.stderr);
    const [one, two] = [await resultIn(at("whole")), await resultIn(at("merged"))];
    assert.equal(one.rows.length, 6);
    assert.deepEqual(two.rows, one.rows);
    assert.deepEqual(two.series, one.series);
    assert.equal(two.environment.command, one.environment.command);
    const half = await experiment("merge", at("part1"), "--out", at("half"));
    assert.equal(half.code, 1);
    assert.match(half.stderr, /3 of 6 points are missing/);
  });
});

Deno.test("experiment run continues where it was stopped", async () => {
  await inTemporaryDirectory(async (dir) => {
    const out = join(dir, "run");
    assert.equal((await experiment(...BALANCE, "--out", out)).code, 0);
    const whole = await resultIn(out);
    const points = join(out, "points.jsonl");
    // The state after a kill: three points and half a line.
    const lines = (await Deno.readTextFile(points)).split("\n");
    const kept = lines.slice(0, 4).map((line) =>
      line.replace(/"durationMs":[\d.]+/, '"durationMs":123456')
    );
    await Deno.writeTextFile(points, kept.join("\n") + "\n" + lines[4]?.slice(0, 20));
    const { code, stderr } = await experiment(...BALANCE, "--out", out);
    assert.equal(code, 0, stderr);
    const resumed = await resultIn(out);
    assert.deepEqual(resumed.rows, whole.rows);
    assert.ok(resumed.durationMs > 3 * 123_456, "the three points were not run again");
    const other = await experiment(...BALANCE, "--set", "nodes=10", "--out", out);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /contains another run: the parameters differ/);
  });
});

Deno.test("experiment rejects invalid input and says what is allowed", async () => {
  await inTemporaryDirectory(async (dir) => {
    const out = ["--out", join(dir, "never")];
    const wrong: [string[], RegExp][] = [
      [["run", "figure-8", ...out], /unknown experiment 'figure-8': there are table-1/],
      [["run", "pbs-table", "--engine", "live", ...out], /no engine 'live': it has model/],
      [["run", "pbs-exponential", "--set", "r=4", ...out], /'r' must be at most N, 3: it is 4/],
      [
        ["run", "pbs-table", "--set", "profiles=LNKD-TAPE", ...out],
        /'profiles' must be a latency spec/,
      ],
      [["run", "pbs-table", "--set", "trials", ...out], /name=value/],
      [["run", "pbs-table", "--shard", "3/2", ...out], /i from 1 to n/],
      [["run", "pbs-table", "--out", ""], /must be the name of a directory/],
      [["merge", dir, ...out], /contains no run/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await experiment(...args);
      assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  });
});

Deno.test("experiment run stops at Ctrl-C, keeps its points and says how to continue", async () => {
  await inTemporaryDirectory(async (dir) => {
    const out = join(dir, "run");
    // One point is quick; the other would take forever.
    const args = ["run", "-A", "cli/experiment.ts", "run", "load-balance", "--workers", "1"];
    const sets = ["tokens=2,1024", "rings=100000", "strategies=equal-partitions", "nodes=4", "n=1"];
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args, ...sets.flatMap((set) => ["--set", set]), "--out", out],
      cwd: PROJECT,
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const points = join(out, "points.jsonl");
    const linesNow = async () => {
      try {
        return (await Deno.readTextFile(points)).split("\n").length - 1;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return 0;
        throw error;
      }
    };
    while (await linesNow() < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    assert.equal(code, 130);
    assert.match(new TextDecoder().decode(stderr), /1 of 2 points are kept/);
    const result = await resultIn(out);
    assert.deepEqual(result.environment.points, { done: 1, total: 2 });
    assert.deepEqual(result.checks, []);
    assert.equal(result.rows.length, 1);
  });
});

Deno.test("experiment run on the live engine measures real processes and leaves none behind", async () => {
  await inTemporaryDirectory(async (dir) => {
    const out = join(dir, "run");
    const sets = ["nodes=4", "quorums=3/1/2", "operations=60", "concurrency=4", "latency=2"];
    sets.push("liveScale=1", "warmUp=20");
    const { code, stderr } = await experiment(
      ...["run", "table-1", "--engine", "live", ...sets.flatMap((set) => ["--set", set])],
      ...["--out", out],
    );
    // The check against the model compares times, so it may fail on a busy machine.
    assert.ok(code === 0 || code === 1, stderr);
    const { rows } = await resultIn(out);
    assert.deepEqual(rows.map(({ operation, operations }) => [operation, operations]), [
      ["get", 60],
      ["put", 60],
    ]);
    // A put at W=2 waits for the legs of one replica, 4 ms. A get at R=1 waits only if forwarded.
    assert.ok(rows.every(({ mean }) => typeof mean === "number" && mean > 0));
    assert.ok((rows[1]?.mean as number) >= 4);
  });
});
