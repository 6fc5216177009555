/**
 * The gallery of mutants: what checkers and invariants are worth. Each is a mistake that a real system
 * has made or could make, is switched on by tests and by the time machine only, and is caught by a named
 * checker, or stopped by a named invariant, within a stated number of seeds.
 */
import type { Scenario } from "../scenario/scenario.ts";
import { swarmScenario } from "../scenario/swarm.ts";
import { INVARIANT_MUTANTS } from "./invariant_gallery.ts";
import { MEMBERSHIP_MUTANTS } from "./membership_gallery.ts";
import type { Mutant } from "./mutant.ts";
import { REPAIR_MUTANTS } from "./repair_gallery.ts";
import { REQUEST_MUTANTS } from "./request_gallery.ts";
import { VERSION_MUTANTS } from "./version_gallery.ts";

export const MUTANTS: readonly Mutant[] = [
  ...VERSION_MUTANTS,
  ...REQUEST_MUTANTS,
  ...REPAIR_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...INVARIANT_MUTANTS,
];

export function mutantNamed(name: string): Mutant | undefined {
  return MUTANTS.find((bug) => bug.name === name);
}

/** What the bug is looked for in. */
export function scenarioFor(bug: Mutant, seed: number): Scenario {
  return bug.scenario?.(seed) ?? swarmScenario(seed, { mode: "dvv", ...bug.limits });
}
