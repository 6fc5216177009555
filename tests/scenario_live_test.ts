/** Scenario files on real processes and in virtual time, and refused scenarios. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runScenario } from "../lib/simulation/run.ts";
import { parseScenario } from "../lib/simulation/scenario/scenario.ts";
import { runScenarioLive } from "../nodes/live_scenario/run.ts";
import { withDirectory } from "./live_cluster.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));

const SCENARIO = {
  name: "a kill, a partition and a pause",
  seed: 5,
  nodes: 5,
  config: {
    sloppy: true,
    hintedHandoff: true,
    timeoutMs: 500,
    gossipIntervalMs: 200,
    handoffIntervalMs: 200,
    antiEntropyIntervalMs: 300,
  },
  network: { latency: "uniform(0,1)", clients: "0.2" },
  workload: { clients: 8, operations: 600, keys: 24, think: "20" },
  faults: [
    { kind: "kill", atMs: 200, node: "n2", downMs: 500 },
    { kind: "partition", atMs: 500, forMs: 500, groups: [["n1", "n2"], ["n3", "n4", "n5"]] },
    { kind: "loss", atMs: 900, forMs: 300, probability: 0.1 },
    { kind: "pause", atMs: 1_000, forMs: 300, node: "n5" },
    { kind: "disk-failing", atMs: 1_000, forMs: 200, node: "n3", probability: 0.3 },
  ],
};

Deno.test("one scenario loses no write, in virtual time and on real processes", async () => {
  const scenario = parseScenario(SCENARIO);
  const simulated = runScenario(scenario);
  const moments: string[] = [];
  const live = await runScenarioLive(scenario, {
    onFault: ({ kind }, begins) => void moments.push(`${kind} ${begins ? "begins" : "ends"}`),
  });
  const details = JSON.stringify(live, null, 1);
  for (const result of [simulated, live]) {
    assert.deepEqual(result.violations, [], details);
    assert.equal(result.ok, true);
    assert.equal(result.operations.total, 600);
    assert.deepEqual(result.faults, {
      "kill": 1,
      "partition": 1,
      "loss": 1,
      "pause": 1,
      "disk-failing": 1,
    });
  }
  assert.deepEqual(live.skipped, []);
  assert.equal(live.convergence.converged, true, details);
  assert.equal(moments.length, 10, "each fault begins and ends");
  assert.ok(live.operations.ok > 100, details);
  const examined = new Map(live.checks.map(({ name, examined }) => [name, examined]));
  for (const name of ["no-lost-write", "exact-siblings", "convergence", "honest-replies"]) {
    assert.ok((examined.get(name) ?? 0) > 0, `${name} must examine something`);
  }
});

Deno.test("a script of operations runs in order, with the context of each client", async () => {
  const operation = (atMs: number, act: string, client = 0) => ({
    atUs: atMs * 1_000,
    client,
    act,
    key: "cart",
    node: "n1",
    options: { r: 3, w: 3 },
  });
  const live = await runScenarioLive(parseScenario({
    nodes: 3,
    workload: {
      kind: "script",
      clients: 2,
      graceMs: 200,
      operations: [
        operation(0, "put"),
        operation(400, "update", 1),
        operation(1_700, "put"),
        operation(2_600, "get", 1),
      ],
    },
    // Without background work, the healing reads make the replicas equal.
    config: { timeoutMs: 500 },
    faults: [{ kind: "partition", atMs: 1_400, forMs: 800, groups: [["n1"], ["clients"]] }],
  }));
  const { operations: { total, ok, indeterminate, byKind }, violations } = live;
  assert.deepEqual(violations, []);
  // The update is a get and a put. The third write was lost between client and node.
  assert.deepEqual([total, ok, indeterminate], [5, 4, 1]);
  assert.deepEqual(byKind["put"], { ok: 2, failed: 0, indeterminate: 1 });
});

async function soak(args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli/soak.ts", ...args],
    cwd: PROJECT,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const TINY = {
  nodes: 3,
  config: { timeoutMs: 200 },
  workload: { clients: 2, operations: 20, keys: 4 },
  faults: [
    { kind: "clock-jump", atMs: 1, node: "n1", byMs: 5 },
    { kind: "slow-node", atMs: 1, forMs: 1, node: "n2", stepMs: 1 },
  ],
};

Deno.test("soak --scenario: faults that are impossible on real processes are refused, or skipped and listed", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "tiny.json");
    await Deno.writeTextFile(path, JSON.stringify(TINY));
    const refused = await soak(["--scenario", path]);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /faults\[0\] \(clock-jump\): .*share its clock/);
    assert.match(refused.stderr, /faults\[1\] \(slow-node\): .*\n.*--skip-unsupported/);

    const { code, stdout } = await soak(["--scenario", path, "--skip-unsupported", "--json"]);
    const result = JSON.parse(stdout);
    assert.equal(code, 0, stdout);
    assert.equal(result.operations.total, 20);
    assert.deepEqual(result.faults, {});
    const skipped = result.skipped.map((each: { kind: string }) => each.kind);
    assert.deepEqual(skipped, ["clock-jump", "slow-node"]);
  });
});

Deno.test("soak --scenario: bad input is refused before anything starts", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "bad.json");
    const loss = { kind: "loss", atMs: 0, forMs: 1, probability: 2 };
    await Deno.writeTextFile(path, JSON.stringify({ ...TINY, faults: [loss] }));
    const cases: readonly [readonly string[], RegExp][] = [
      [["--scenario", path], /faults\[0\]\.probability must be a probability.*current value is 2/],
      [["--scenario", join(directory, "none.json")], /Cannot read --scenario '.*none\.json'/],
      [["--scenario", path, "--clients", "4"], /--clients cannot be given with it: only --skip-/],
      [["--skip-unsupported"], /--skip-unsupported needs --scenario/],
    ];
    for (const [args, wrong] of cases) {
      const { code, stderr } = await soak(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, wrong);
    }
  });
});
