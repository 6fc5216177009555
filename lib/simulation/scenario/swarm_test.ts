/**
 * A short fixed set of seeds on every run of the tests. `deno task fuzz` has the long ones.
 */
import assert from "node:assert/strict";
import { SOMETIMES_NAMES } from "../report/sometimes.ts";
import { addOutcome, emptySummary, fuzzSeed } from "./fuzz.ts";

const SEEDS = 150;

Deno.test(`seeds 1 to ${SEEDS}: no promise is broken, and the interesting things happen`, () => {
  let summary = emptySummary();
  for (let seed = 1; seed <= SEEDS; seed++) summary = addOutcome(summary, fuzzSeed(seed));
  assert.deepEqual(summary.failures, []);
  assert.equal(summary.excused, 0, "no swarm destroys the last copy of an acknowledged write");
  assert.equal(summary.seeds, SEEDS);
  assert.deepEqual(summary.never, [], "some of these should happen sometimes");
  assert.equal(SOMETIMES_NAMES.length, Object.keys(summary.sometimes).length);
  const { ok, failed, indeterminate } = summary.operations;
  assert.ok(ok > 10 * SEEDS && failed > SEEDS && indeterminate > SEEDS);
});
