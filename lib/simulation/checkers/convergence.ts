/**
 * Checker 3: after healing, within the stated bound, all owners of every key hold the same, no hints
 * remain, and the membership has come to rest: no range is still to move.
 */
import { always, type Checker } from "./checker.ts";

export const convergence: Checker = {
  name: "convergence",
  about:
    "after healing, all owners of a key become equal and all hints are delivered, within a bound",
  asserted: always,
  check({ final, converged, divergentKeys, hintsLeft, unsettled = [], scenario }) {
    const owed = hintsLeft.map(({ node, target, count }) => ({
      message: `${node} still holds ${count} hints for ${target}`,
    }));
    const findings = converged ? [] : divergentKeys.map((key) => {
      const held = (final.get(key) ?? []).map(({ node, siblings }) =>
        `${node} ${
          siblings === null
            ? "cannot read its record"
            : `has ${siblings?.map((version) => version.dot.join(":")).join(", ") || "nothing"}`
        }`
      );
      return {
        message: `the owners of ${key} still differ ${scenario.convergeWithinMs} ms after ` +
          `healing: ${held.join("; ")}`,
        key,
      };
    });
    const restless = converged ? [] : unsettled.map((what) => ({
      message: `${what}, ${scenario.convergeWithinMs} ms after healing`,
    }));
    return { examined: final.size, findings: [...findings, ...owed, ...restless] };
  },
};
