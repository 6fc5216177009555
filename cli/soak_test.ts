/** The soak: what its ledger counts as a loss, and a short run with real processes. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { PutResult } from "../lib/client/client.ts";
import { Ledger, setOfText, textOfSet } from "./soak/ledger.ts";
import { runSoak } from "./soak/run.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const ERROR = { message: "", status: 503, code: "quorum-not-met", tried: [] };
const OK: PutResult = {
  outcome: "ok",
  context: "",
  coordinator: "n1",
  acks: ["n1", "n2"],
  hints: [],
  node: "",
};

Deno.test("soak: acknowledged writes must exist, refused ones must not, the others may", () => {
  const ledger = new Ledger();
  const ends: readonly [string, PutResult][] = [
    ["kept", OK],
    ["gone", OK],
    ["refused", { outcome: "failed", error: ERROR }],
    ["unsure", { outcome: "indeterminate", error: ERROR }],
  ];
  for (const [element, result] of ends) {
    ledger.begin("k", element);
    ledger.end("k", element, result);
  }
  ledger.begin("k", "under way");
  const found = setOfText(textOfSet(new Set(["kept", "refused", "unsure", "nobody's"])));
  const { lost, surfaced, strangers } = ledger.compare("k", found);
  assert.deepEqual(lost.map(({ element }) => element), ["gone"]);
  assert.deepEqual([surfaced, strangers], [["refused"], ["nobody's"]]);
  const { acknowledged, failed, indeterminate, puts } = ledger.counts;
  assert.deepEqual([acknowledged, failed, indeterminate, puts], [2, 1, 1, 5]);
  assert.deepEqual(ledger.compare("other", new Set()).lost, []);
});

Deno.test("soak: no acknowledged write is lost while nodes are killed, paused and cut off", async () => {
  const acts: string[] = [];
  const report = await runSoak({
    launch: {
      nodes: 5,
      port: 0,
      config: {
        n: 3,
        r: 2,
        w: 2,
        timeoutMs: 1_000,
        gossipIntervalMs: 200,
        handoffIntervalMs: 200,
        antiEntropyIntervalMs: 200,
      },
    },
    clients: 16,
    keys: 64,
    seconds: 8,
    acts: ["kill", "pause", "cut"],
    actMs: 700,
    settleMs: 60_000,
    seed: "soak test",
    onAct: (act) => void acts.push(act),
  });
  const told = JSON.stringify(report, null, 1);
  assert.deepEqual(report.verdict.lost, [], told);
  assert.deepEqual(report.verdict.surfaced, [], told);
  assert.deepEqual(report.verdict.strangers, [], told);
  assert.equal(report.convergence.converged, true, told);
  assert.equal(report.ok, true);
  assert.deepEqual(new Set(acts), new Set(["kill", "pause", "cut"]), "each has befallen them");
  const { puts, acknowledged, failed, indeterminate } = report.operations;
  assert.equal(acknowledged + failed + indeterminate, puts, "every write has an end");
  assert.ok(acknowledged > 0, told);
});

Deno.test("soak: nothing is lost while a sixth node joins under load and leaves again", async () => {
  const acts: string[] = [];
  const report = await runSoak({
    launch: {
      nodes: 5,
      port: 0,
      config: {
        n: 3,
        r: 2,
        w: 2,
        timeoutMs: 1_000,
        partitions: 32,
        gossipIntervalMs: 200,
        handoffIntervalMs: 200,
        antiEntropyIntervalMs: 200,
      },
    },
    clients: 8,
    keys: 64,
    seconds: 8,
    acts: ["leave", "cut", "join", "kill"],
    actMs: 500,
    settleMs: 60_000,
    seed: "soak of a membership",
    onAct: (act) => void acts.push(act),
  });
  const told = JSON.stringify(report, null, 1);
  assert.deepEqual(report.verdict.lost, [], told);
  assert.equal(report.moves?.settled, true, told);
  assert.equal(report.convergence.converged, true, told);
  assert.equal(report.convergence.hintsLeft, 0);
  assert.equal(report.ok, true, told);
  assert.ok(report.acts.join >= 1 && report.acts.leave >= 1, acts.join());
  assert.ok(acts.indexOf("join") < acts.indexOf("leave"), acts.join());
  assert.equal(report.nodes, 5 + report.acts.join - report.acts.leave, told);
});

Deno.test("soak: a wrong flag is rejected before anything starts", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["--clients", "0"], /--clients.*'0'.*whole number from 1 to 1000/],
    [["--acts", "kill,leave"], /--acts.*leave needs join/],
    [["--acts", "jump"], /--acts.*disk, join, leave: 'jump' is not/],
  ];
  for (const [flags, wrong] of cases) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "cli/soak.ts", ...flags],
      cwd: PROJECT,
    }).output();
    assert.equal(code, 2);
    assert.match(new TextDecoder().decode(stderr), wrong);
  }
});
