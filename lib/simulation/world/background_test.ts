/**
 * Background work under random faults: gossip, hints, anti-entropy, recovery and reaping are
 * switched on in swarm scenarios that would not have them. Uses a small fixed set of seeds.
 */
import assert from "node:assert/strict";
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import { Run } from "../run.ts";
import { swarmScenario } from "../scenario/swarm.ts";

const BACKGROUND: Partial<ClusterConfig> = {
  gossipIntervalMs: 200,
  antiEntropyIntervalMs: 300,
  handoffIntervalMs: 200,
  reapIntervalMs: 50,
  tombstoneGraceMs: 3_000,
};

const DRAIN_US = 5_000_000;

interface Corpus {
  /** `seed: checker: message` for each violation of an asserted checker. */
  readonly found: string[];
  readonly observed: Map<string, number>;
}

function runSeeds(
  from: number,
  count: number,
  config: Partial<ClusterConfig>,
  counts: (checker: string) => boolean,
): Corpus {
  const found: string[] = [];
  const observed = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    const scenario = swarmScenario(seed, { mode: "dvv" });
    const run = Run.start({ ...scenario, config: { ...scenario.config, ...config } });
    while (!run.isDone) run.step();
    for (const [type, times] of run.simulation.processes.observations) {
      observed.set(type, (observed.get(type) ?? 0) + times);
    }
    const result = run.result();
    // The run ends when the owners are equal. Delivering the last hints may take a little longer.
    run.simulation.runUntil(run.simulation.now + DRAIN_US);
    for (const { id, replica } of run.simulation.machines) {
      const hints = replica?.stats().hints ?? {};
      if (Object.keys(hints).length > 0) {
        found.push(`${seed}: ${id} still holds ${JSON.stringify(hints)}`);
      }
    }
    for (const { checker, message } of result.violations) {
      if (counts(checker)) found.push(`${seed}: ${checker}: ${message}`);
    }
  }
  return { found, observed };
}

/** Gossip never stops, so some request is always in progress; and reaping draws new actors. */
const NOT_BOUNDS = (checker: string) => checker !== "bounds";
/** A sloppy quorum guarantees nothing about reads, only about the final state. */
const FINAL_STATE = new Set([
  "no-exceptions",
  "no-lost-write",
  "exact-siblings",
  "convergence",
  "unique-dots",
]);

function requireSeen(observed: ReadonlyMap<string, number>, types: readonly string[]): void {
  const missing = types.filter((type) => (observed.get(type) ?? 0) === 0);
  assert.deepEqual(missing, [], "these should have happened sometimes");
}

Deno.test("background: with strict quorums every guarantee holds, also for reads", () => {
  const { found, observed } = runSeeds(1, 60, { ...BACKGROUND, sloppy: false }, NOT_BOUNDS);
  assert.deepEqual(found, []);
  requireSeen(observed, [
    "anti-entropy",
    "node-down",
    "node-up",
    "recovering",
    "caught-up",
    "recovered",
    "reaped",
  ]);
});

Deno.test("background: with sloppy quorums no acknowledged write is lost, and replicas become equal", () => {
  const config = { ...BACKGROUND, sloppy: true, hintedHandoff: true };
  const { found, observed } = runSeeds(1, 60, config, (checker) => FINAL_STATE.has(checker));
  assert.deepEqual(found, []);
  requireSeen(observed, ["hint-stored", "hint-delivered", "anti-entropy", "node-down"]);
});

Deno.test("background: reaping tombstones while old messages still arrive brings deleted values back", () => {
  const early = { ...BACKGROUND, sloppy: false, tombstoneGraceMs: 200 };
  const { found } = runSeeds(170, 1, early, NOT_BOUNDS);
  assert.ok(found.some((each) => each.includes("deleted-stays-deleted")), `${found}`);
  const { found: inTime } = runSeeds(170, 1, { ...BACKGROUND, sloppy: false }, NOT_BOUNDS);
  assert.deepEqual(inTime, []);
});
