/**
 * A small fixed set of seeds. `deno task fuzz` runs more of them.
 */
import assert from "node:assert/strict";
import { SOMETIMES_NAMES } from "../report/sometimes.ts";
import { addOutcome, emptySummary, fuzzSeed } from "./fuzz.ts";

const SEEDS = 150;

Deno.test(`seeds 1 to ${SEEDS}: no violations, and every interesting situation occurs`, () => {
  let summary = emptySummary();
  for (let seed = 1; seed <= SEEDS; seed++) summary = addOutcome(summary, fuzzSeed(seed));
  assert.deepEqual(summary.failures, []);
  assert.equal(summary.excused, 0, "no scenario destroys the last copy of an acknowledged write");
  assert.equal(summary.seeds, SEEDS);
  assert.deepEqual(summary.never, [], "these situations never occurred");
  assert.equal(SOMETIMES_NAMES.length, Object.keys(summary.sometimes).length);
  const { ok, failed, indeterminate } = summary.operations;
  assert.ok(ok > 10 * SEEDS && failed > SEEDS && indeterminate > SEEDS);
});
