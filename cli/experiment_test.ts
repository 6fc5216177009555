import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readResult, type Result } from "../lib/experiments/result.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const BALANCE = [
  ...["run", "load-balance", "--seed", "5", "--set", "tokens=2,4,8", "--set", "rings=4"],
  // Other than the published figure's, so that no check is made of so few rings.
  ...["--set", "nodes=20", "--set", "strategies=random-tokens,equal-partitions-dealt"],
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

Deno.test("experiment run writes everything, and two shards merged are the whole", async () => {
  await inTemporaryDirectory(async (dir) => {
    const at = (name: string) => join(dir, name);
    const whole = await experiment(...BALANCE, "--out", at("whole"));
    assert.equal(whole.code, 0, whole.stderr);
    const names = [...Deno.readDirSync(at("whole"))].map(({ name }) => name).toSorted();
    assert.deepEqual(names, [
      ...["efficiency.svg", "points.jsonl", "report.html", "result.json", "rows.csv"],
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

Deno.test("experiment run goes on where it was stopped", async () => {
  await inTemporaryDirectory(async (dir) => {
    const out = join(dir, "run");
    assert.equal((await experiment(...BALANCE, "--out", out)).code, 0);
    const whole = await resultIn(out);
    const points = join(out, "points.jsonl");
    // As a kill leaves it: three points, and half a line.
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
    assert.match(other.stderr, /holds another run: the parameters differ/);
  });
});

Deno.test("experiment refuses what cannot be with the place and what is allowed", async () => {
  await inTemporaryDirectory(async (dir) => {
    const out = ["--out", join(dir, "never")];
    const wrong: [string[], RegExp][] = [
      [["run", "figure-8", ...out], /unknown experiment 'figure-8': there are pbs-table/],
      [["run", "pbs-table", "--engine", "live", ...out], /no engine 'live': it has model/],
      [["run", "pbs-exponential", "--set", "r=4", ...out], /'r' must be at most N, 3: it is 4/],
      [
        ["run", "pbs-table", "--set", "profiles=LNKD-TAPE", ...out],
        /'profiles' is no latency spec/,
      ],
      [["run", "pbs-table", "--set", "trials", ...out], /name=value/],
      [["run", "pbs-table", "--shard", "3/2", ...out], /i from 1 to n/],
      [["merge", dir, ...out], /holds no run/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await experiment(...args);
      assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  });
});
