import assert from "node:assert/strict";
import { CHECKERS } from "../checkers/mod.ts";
import { runScenario } from "../run.ts";
import { swarmScenario } from "../scenario/swarm.ts";
import { bugNamed, BUGS, type PlantedBug, scenarioFor } from "./mutants.ts";

/** The first seed on which the checker catches the bug; undefined when none up to the bound does. */
function seedThatCatches(bug: PlantedBug): number | undefined {
  for (let seed = 1; seed <= bug.seeds; seed++) {
    const scenario = scenarioFor(bug, seed);
    const { violations } = runScenario(scenario, { sabotage: bug.plant() });
    if (violations.some((violation) => violation.checker === bug.caughtBy)) return seed;
  }
  return undefined;
}

for (const bug of BUGS) {
  Deno.test(`bug ${bug.name} is caught by ${bug.caughtBy} within ${bug.seeds} seeds`, () => {
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
  assert.equal(new Set(BUGS.map((bug) => bug.name)).size, BUGS.length);
  for (const bug of BUGS) {
    assert.ok(CHECKERS.some((checker) => checker.name === bug.caughtBy), bug.name);
    assert.ok(bug.story.length > 40 && bug.about.length > 20, bug.name);
    assert.equal(bugNamed(bug.name), bug);
  }
  assert.equal(bugNamed("no such bug"), undefined);
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
