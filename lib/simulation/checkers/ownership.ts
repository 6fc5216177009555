/**
 * Checker 5: views and ownership agree, and every range has N distinct owners when there are N nodes.
 */
import { always, type Checker, type Finding, ownersCount } from "./checker.ts";

/** Ranges looked at; in a large ring they are many, and all made by one rule. */
const RANGES_MAX = 256;

export const ownership: Checker = {
  name: "ownership",
  about: "all nodes have one ring, and every range has N distinct owners",
  asserted: always,
  check(evidence) {
    const findings: Finding[] = [];
    const versions = new Set(evidence.rings.map((ring) => ring.version));
    if (versions.size > 1) {
      findings.push({ message: `the nodes have ${versions.size} different rings in the end` });
    }
    const ring = evidence.rings[0];
    const ranges = Math.min(ring?.rangeCount ?? 0, RANGES_MAX);
    for (let range = 0; range < ranges; range++) {
      const owners = ring?.primaries(range) ?? [];
      const wanted = ownersCount(evidence);
      if (new Set(owners).size !== wanted || owners.length !== wanted) {
        findings.push({
          message: `range ${range} should have ${wanted} distinct owners: it has ${owners}`,
        });
      }
    }
    return { examined: ranges, findings };
  },
};
