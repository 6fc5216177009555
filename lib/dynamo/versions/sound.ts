/**
 * The invariant of exact versioning rules: merging and writing turn sound siblings into sound
 * siblings. A reader's context is built on it. A version that is kept though another supersedes it comes
 * back as a sibling for ever, and a dot given to two versions makes replicas drop one of them unseen
 * (Preguiça et al., 2012).
 *
 * The invariant is about the rules, not about what they are given: a peer or a disk may send anything. So
 * the inputs are looked at too, but only once a result is unsound.
 */
import { assert } from "../util/assert.ts";
import { compareDots } from "./clock.ts";
import {
  hasSeen,
  highestCounterIn,
  type Siblings,
  type Versioning,
  type Write,
  type Written,
} from "./versions.ts";

/** `rules.merge`, held to its invariant. */
export function merged(rules: Versioning, a: Siblings, b: Siblings): Siblings {
  const result = rules.merge(a, b);
  // Most often one side has all that the other has, and is handed back as it was given.
  if (result === a || result === b || !rules.isExact || areSound(result)) return result;
  const isOutside = !areSound(a) || !areSound(b);
  assert(isOutside, "merged siblings are sorted, distinct, and none supersedes another", result);
  return result;
}

/** `rules.write`, held to its invariants. */
export function written(rules: Versioning, siblings: Siblings, write: Write): Written {
  const result = rules.write(siblings, write);
  if (!rules.isExact) return result;
  const { actor } = write;
  const counter = result.version.dot[1];
  const highest = highestCounterIn(siblings, actor, 0);
  // Past the safe integers, adding 1 may change nothing. Such clocks come only from outside.
  const isOutside = !Number.isSafeInteger(counter);
  assert(
    isOutside || counter > highest,
    "an actor's counter only goes up",
    actor,
    counter,
    highest,
  );
  assert(
    isOutside || areSound(result.siblings) || !areSound(siblings),
    "siblings after a write are sorted, distinct, and none supersedes another",
    result.siblings,
  );
  return result;
}

/** Sorted by dot, each dot once, and no version whose writer had seen another of them, or itself. */
function areSound(siblings: Siblings): boolean {
  for (let i = 1; i < siblings.length; i++) {
    const before = siblings[i - 1];
    const version = siblings[i];
    if (before === undefined || version === undefined) return false;
    if (compareDots(before.dot, version.dot) >= 0) return false;
  }
  for (const { dot } of siblings) {
    for (const other of siblings) if (hasSeen(other, dot)) return false;
  }
  return true;
}
