/**
 * Checker 3: within a time limit after healing, the owners of every key have equal replicas, all
 * hints are delivered, and all membership changes and range transfers are complete.
 */
import { always, type Checker } from "./checker.ts";

export const convergence: Checker = {
  name: "convergence",
  about:
    "within a time limit after healing, the owners of every key agree and all hints are delivered",
  asserted: always,
  check({ final, converged, divergentKeys, hintsLeft, unsettled = [], scenario }) {
    const undelivered = hintsLeft.map(({ node, target, count }) => ({
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
    return { examined: final.size, findings: [...findings, ...undelivered, ...restless] };
  },
};
