/**
 * All checkers. For each of them, a mutant shows that it can fail: see `mutants.ts`.
 */
import type { Scenario } from "../scenario/scenario.ts";
import { alwaysWriteable } from "./always_writeable.ts";
import { answersInTime } from "./answers_in_time.ts";
import { bounds } from "./bounds.ts";
import type { Checker, Evidence, Violation } from "./checker.ts";
import { convergence } from "./convergence.ts";
import { deletedStaysDeleted } from "./deleted_stays_deleted.ts";
import { durableBeforeTold } from "./durable_before_told.ts";
import { exactSiblings } from "./exact_siblings.ts";
import { honestReplies } from "./honest_replies.ts";
import { noLostWrite } from "./no_lost_write.ts";
import { ownership } from "./ownership.ts";
import { quorumReads } from "./quorum_reads.ts";
import { removedStayOut } from "./removed_stay_out.ts";
import { uniqueDots } from "./unique_dots.ts";

export type { Checker, Evidence, Violation } from "./checker.ts";

export const CHECKERS: readonly Checker[] = [
  noLostWrite,
  exactSiblings,
  convergence,
  quorumReads,
  ownership,
  deletedStaysDeleted,
  bounds,
  uniqueDots,
  honestReplies,
  answersInTime,
  alwaysWriteable,
  durableBeforeTold,
  removedStayOut,
];

/** What one checker found in one run. */
export interface CheckResult {
  readonly name: string;
  readonly about: string;
  /** Whether findings count as violations in this scenario. Otherwise they are only reported. */
  readonly asserted: boolean;
  /** The number of examined items. */
  readonly examined: number;
  /** The number of all findings. {@link violations} has the first few. */
  readonly found: number;
  readonly violations: readonly Violation[];
  /** The number of losses that are no violation, because the simulator destroyed the last copy. */
  readonly excused: number;
}

const VIOLATIONS_SHOWN_MAX = 10;

/** Runs all checkers, or the given ones. */
export function runCheckers(
  scenario: Scenario,
  evidence: Evidence,
  checkers: readonly Checker[] = CHECKERS,
): CheckResult[] {
  return checkers.map((checker) => {
    const { examined, findings, excused = 0 } = checker.check(evidence);
    const violations = findings.slice(0, VIOLATIONS_SHOWN_MAX)
      .map((finding) => ({ checker: checker.name, ...finding }));
    const { name, about } = checker;
    const asserted = checker.asserted(scenario);
    return { name, about, asserted, examined, found: findings.length, violations, excused };
  });
}
