/** `deno task pbs` as users run it. */
import assert from "node:assert/strict";

async function pbs(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("./pbs.ts", import.meta.url).pathname, ...args],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("pbs --json: the requested figures, the same with any number of workers", async () => {
  const args = ["--profile", "LNKD-DISK", "--n", "3", "--r", "1", "--w", "1"];
  const run = async (workers: string) => {
    const { code, out, err } = await pbs(
      ...[...args, "--trials", "200000", "--seed", "7", "--workers", workers, "--json"],
    );
    assert.equal(code, 0, err);
    return JSON.parse(out);
  };
  const report = await run("1");
  assert.deepEqual(
    [report.profile, report.n, report.r, report.w, report.trials, report.seed],
    ["LNKD-DISK", 3, 1, 1, 200_000, 7],
  );
  assert.ok(Math.abs(report.readP999 - 0.66) < 0.02);
  assert.ok(Math.abs(report.writeP999 - 10.99) < 0.7);
  assert.ok(report.tVisibility999 > 40 && report.tVisibility999 < 65);
  assert.deepEqual(report.pConsistent[0].t, 0);
  assert.ok(Math.abs(report.pConsistent[0].p - 0.439) < 0.01);
  assert.deepEqual(await run("2"), report);
});

Deno.test("pbs: prints text, with a ranking when there is a target", async () => {
  const { code, out } = await pbs(
    ...["--latency", "exp(1)", "--trials", "20000", "--consistent", "0.9", "--after-ms", "2"],
  );
  assert.equal(code, 0);
  assert.match(out, /99\.9% of reads see a write that was answered .* ms before/);
  assert.match(out, /meets {2}R {2}W/);
});

Deno.test("pbs: invalid input exits with 2 and says what is allowed", async () => {
  const empty = await Deno.makeTempFile({ suffix: ".csv" });
  const cases: [string[], RegExp][] = [
    [["--profile", "LNKD-DISK", "--r", "4"], /--r must be from 1 to N, 3: it is 4/],
    [["--profile", "LNKD-DISK", "--w", "9", "--n", "5"], /--w must be from 1 to N, 5: it is 9/],
    [["--profile", "NOPE"], /character 1: unknown name 'NOPE'.*LNKD-SSD, LNKD-DISK, YMMR/],
    [["--latency", "mix(0.5*exp(1)+0.4*2)"], /must add up to 1 within .*: they give 0\.9/],
    [["--latency", "mix(0.5*exp(1)+0.5*2"], /at character 21: expected '\)' to close mix\(/],
    [["--samples", empty], /at line 1: the file is empty/],
    [["--profile", "WAN", "--trials", "0"], /whole number from 1 to 4000000000/],
    [[], /exactly one of --profile, --latency and --samples is needed: 0 are given/],
  ];
  try {
    for (const [args, message] of cases) {
      const { code, out, err } = await pbs(...args);
      assert.equal(code, 2, args.join(" "));
      assert.match(err, message);
      assert.equal(out, "");
    }
  } finally {
    await Deno.remove(empty);
  }
});
