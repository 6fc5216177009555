import assert from "node:assert/strict";
import { CHECKERS } from "../checkers/mod.ts";
import { runScenario } from "../run.ts";
import { swarmScenario } from "../scenario/swarm.ts";
import type { Mutant } from "./mutant.ts";
import { mutantNamed, MUTANTS, scenarioFor } from "./mutants.ts";

/** The check that reports exceptions. It is part of the run, not one of the checkers. */
const EXCEPTIONS = "no-exceptions";

/** The first seed for which the checker catches the mutant; undefined if no seed does. */
function seedThatCatches(mutant: Mutant): number | undefined {
  for (let seed = 1; seed <= mutant.seeds; seed++) {
    const scenario = scenarioFor(mutant, seed);
    const { violations } = runScenario(scenario, { hook: mutant.createHook() });
    const found = violations.find((violation) => violation.checker === mutant.caughtBy);
    if (found === undefined) continue;
    if (mutant.invariant !== undefined) {
      const stopped = found.message.includes(`InvariantError: ${mutant.invariant}`);
      assert.ok(
        stopped,
        `seed ${seed} of '${mutant.name}' is stopped by another assert: ${found.message}`,
      );
    }
    return seed;
  }
  return undefined;
}

for (const mutant of MUTANTS) {
  const by = mutant.invariant === undefined
    ? mutant.caughtBy
    : `the assert that ${mutant.invariant}`;
  Deno.test(`mutant ${mutant.name} is caught by ${by} within ${mutant.seeds} seeds`, () => {
    const seed = seedThatCatches(mutant);
    assert.notEqual(seed, undefined, `no seed from 1 to ${mutant.seeds} shows '${mutant.name}'`);
    const scenario = scenarioFor(mutant, seed ?? 0);
    assert.deepEqual(
      runScenario(scenario).violations,
      [],
      `seed ${seed} also fails without the mutant`,
    );
  });
}

Deno.test("every mutant has a unique name, a story, and an existing checker", () => {
  assert.equal(new Set(MUTANTS.map((mutant) => mutant.name)).size, MUTANTS.length);
  for (const mutant of MUTANTS) {
    const isStopped = mutant.invariant !== undefined && mutant.caughtBy === EXCEPTIONS;
    assert.ok(isStopped || CHECKERS.some(({ name }) => name === mutant.caughtBy), mutant.name);
    assert.ok(mutant.story.length > 40 && mutant.about.length > 20, mutant.name);
    assert.equal(mutantNamed(mutant.name), mutant);
  }
  assert.equal(mutantNamed("no such mutant"), undefined);
});

Deno.test("negative control: lww loses acknowledged writes, and the checker reports it", () => {
  let found = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const { checks, ok } = runScenario(swarmScenario(seed, { mode: "lww", kinds: [] }));
    const lost = checks.find((check) => check.name === "no-lost-write");
    assert.equal(lost?.asserted, false, "in lww mode a loss is reported, not asserted");
    assert.equal(ok, true);
    found += lost?.found ?? 0;
  }
  assert.ok(found > 0, "lww with concurrent writers must lose acknowledged writes");
});
