/** What a mutant is: one rule of an honest node left out or bent, with what it did to real systems. */
import type { Scenario } from "../scenario/scenario.ts";
import type { SwarmLimits } from "../scenario/swarm.ts";
import type { FaultHook } from "../world/fault_hook.ts";

export interface Mutant {
  readonly name: string;
  /** What is wrong. */
  readonly about: string;
  /** What it did to real systems; for a broken invariant, what would follow from it. */
  readonly story: string;
  /** The checker that must catch it. */
  readonly caughtBy: string;
  /** The invariant that must stop the node, where it does so before any checker can see what follows. */
  readonly invariant?: string;
  /** Within so many seeds, from 1. */
  readonly seeds: number;
  /** Shows the bug where random faults seldom meet as it needs them to; then seeds say nothing. */
  readonly scenario?: (seed: number) => Scenario;
  /** What the swarm is held to, where the bug needs a certain fault to show. */
  readonly limits?: SwarmLimits;
  readonly createHook: () => FaultHook;
}
