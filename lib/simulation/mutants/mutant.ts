/**
 * A mutant is a correct node with one rule missing or wrong. It shows that a checker or an assert
 * can detect the bug.
 */
import type { Scenario } from "../scenario/scenario.ts";
import type { SwarmLimits } from "../scenario/swarm.ts";
import type { FaultHook } from "../world/fault_hook.ts";

export interface Mutant {
  readonly name: string;
  /** The bug, in one line. */
  readonly about: string;
  /** What the bug did in real systems, or what it would cause if no assert stopped it. */
  readonly story: string;
  /** The name of the checker that must report it. */
  readonly caughtBy: string;
  /**
   * The invariant whose assert must stop the node, if that happens before a checker can see
   * effects.
   */
  readonly invariant?: string;
  /** It must be caught by one of the seeds from 1 to this number. */
  readonly seeds: number;
  /** A scenario that shows the bug, if random faults rarely do. */
  readonly scenario?: (seed: number) => Scenario;
  /** Limits of the random scenarios, if the bug needs certain faults. */
  readonly limits?: SwarmLimits;
  /** Returns a new hook that puts the bug into a simulation. */
  readonly createHook: () => FaultHook;
}
