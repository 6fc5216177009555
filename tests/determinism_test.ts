/**
 * A seed gives the same trace in another process, in a worker and in a browser. Links to the time
 * machine rely on this.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runScenario } from "../lib/simulation/run.ts";
import { fuzzSeed } from "../lib/simulation/scenario/fuzz.ts";
import { parseScenario } from "../lib/simulation/scenario/scenario.ts";
import { swarmScenario } from "../lib/simulation/scenario/swarm.ts";
import { launchBrowser } from "./browser.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const SEEDS = [3, 5, 12];

Deno.test("the simulate command gives the same trace hash each time, with and without JSON copies", async () => {
  const args = [
    "--nodes",
    "5",
    "--ops",
    "600",
    "--seed",
    "42",
    "--faults",
    "crash,loss,clock-jump",
  ];
  const first = await simulate([...args, "--json"]);
  const second = await simulate([...args, "--json", "--direct"]);
  assert.equal(first.code, 0, first.err);
  const one = JSON.parse(first.out);
  const two = JSON.parse(second.out);
  assert.match(one.traceHash, /^[0-9a-f]{16}$/);
  assert.equal(two.traceHash, one.traceHash);
  assert.equal(one.operations.total, 600);
  assert.ok(one.checks.every((check: { found: number }) => check.found === 0));
});

Deno.test("a scenario and a seed give the same results here, from a file and in a worker", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const scenario = swarmScenario(5);
    const path = join(directory, "scenario.json");
    await Deno.writeTextFile(path, JSON.stringify(scenario));
    const replayed = await simulate(["--replay", path, "--json"]);
    assert.equal(replayed.code, 0, replayed.err);
    assert.equal(JSON.parse(replayed.out).traceHash, runScenario(scenario).traceHash);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  for (const seed of SEEDS) assert.deepEqual(await inWorker(seed), fuzzSeed(seed));
});

Deno.test("headless Chromium gives the same trace hashes", async () => {
  const here = SEEDS.map((seed) => runScenario(swarmScenario(seed)).traceHash);
  const plain = parseScenario({ seed: 42, workload: { operations: 500 } });
  const script = await bundleForBrowser();
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: script, type: "module" });
    await page.waitForFunction("globalThis.traceHashes !== undefined");
    const there = await page.evaluate("globalThis.traceHashes([3, 5, 12])");
    assert.deepEqual(there, [...here, runScenario(plain).traceHash]);
  } finally {
    await browser.close();
  }
});

async function simulate(args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(PROJECT, "cli/simulate.ts"), ...args],
    cwd: PROJECT,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

function inWorker(seed: number): Promise<unknown> {
  const worker = new Worker(new URL("../cli/fuzz/worker.ts", import.meta.url), { type: "module" });
  const outcome = new Promise<unknown>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
  worker.postMessage({ seed, limits: {} });
  return outcome.finally(() => worker.terminate());
}

async function bundleForBrowser(): Promise<string> {
  const { success, errors, outputFiles = [] } = await Deno.bundle({
    entrypoints: [fileURLToPath(new URL("./determinism_in_browser.ts", import.meta.url))],
    outputDir: "bundle",
    platform: "browser",
    format: "esm",
    write: false,
  });
  assert.ok(success, errors.map((error) => error.text).join("; "));
  return new TextDecoder().decode(outputFiles[0]?.contents);
}
