/**
 * All mutants. They show that checkers and asserts detect bugs. Each mutant is a mistake that a
 * real system made or could make. Only tests use mutants. A named checker must catch it, or a named
 * invariant must stop it, within a given number of seeds.
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
  return MUTANTS.find((mutant) => mutant.name === name);
}

/** The scenario in which to look for the bug. */
export function scenarioFor(mutant: Mutant, seed: number): Scenario {
  return mutant.scenario?.(seed) ?? swarmScenario(seed, { mode: "dvv", ...mutant.limits });
}
