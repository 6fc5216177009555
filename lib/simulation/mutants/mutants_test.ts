import assert from "node:assert/strict";
import { CHECKERS } from "../checkers/mod.ts";
import { runScenario } from "../run.ts";
import { swarmScenario } from "../scenario/swarm.ts";
import type { Mutant } from "./mutant.ts";
import { mutantNamed, MUTANTS, scenarioFor } from "./mutants.ts";

/** Steps that throw are told of by this check, which is not one of the checkers. */
const EXCEPTIONS = "no-exceptions";

/** The first seed on which the checker catches the bug; undefined when none up to the bound does. */
function seedThatCatches(bug: Mutant): number | undefined {
  for (let seed = 1; seed <= bug.seeds; seed++) {
    const scenario = scenarioFor(bug, seed);
    const { violations } = runScenario(scenario, { hook: bug.createHook() });
    const found = violations.find((violation) => violation.checker === bug.caughtBy);
    if (found === undefined) continue;
    if (bug.invariant !== undefined) {
      const stopped = found.message.includes(`InvariantError: ${bug.invariant}`);
      assert.ok(stopped, `seed ${seed} of '${bug.name}' is stopped by another: ${found.message}`);
    }
    return seed;
  }
  return undefined;
}

for (const bug of MUTANTS) {
  const by = bug.invariant === undefined ? bug.caughtBy : `the assert that ${bug.invariant}`;
  Deno.test(`bug ${bug.name} is caught by ${by} within ${bug.seeds} seeds`, () => {
    const seed = seedThatCatches(bug);
    assert.notEqual(seed, undefined, `no seed from 1 to ${bug.seeds} shows '${bug.name}'`);
    const scenario = scenarioFor(bug, seed ?? 0);
    assert.deepEqual(
      runScenario(scenario).violations,
      [],
      `seed ${seed} fails without the bug too`,
    );
  });
}

Deno.test("bugs have names of their own, a story each, and checkers that exist", () => {
  assert.equal(new Set(MUTANTS.map((bug) => bug.name)).size, MUTANTS.length);
  for (const bug of MUTANTS) {
    const isStopped = bug.invariant !== undefined && bug.caughtBy === EXCEPTIONS;
    assert.ok(isStopped || CHECKERS.some(({ name }) => name === bug.caughtBy), bug.name);
    assert.ok(bug.story.length > 40 && bug.about.length > 20, bug.name);
    assert.equal(mutantNamed(bug.name), bug);
  }
  assert.equal(mutantNamed("no such bug"), undefined);
});

Deno.test("negative control: lww loses acknowledged writes, and the checker says so", () => {
  let found = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const { checks, ok } = runScenario(swarmScenario(seed, { mode: "lww", kinds: [] }));
    const lost = checks.find((check) => check.name === "no-lost-write");
    assert.equal(lost?.asserted, false, "in lww mode a loss is reported, not asserted");
    assert.equal(ok, true);
    found += lost?.found ?? 0;
  }
  assert.ok(found > 0, "lww under concurrent writers must lose acknowledged writes");
});
