/**
 * Checker 5: at the end all nodes have the same ring, every range has N distinct owners (or all
 * members if there are fewer), and no other node has copies.
 */
import { always, type Checker, type Finding } from "./checker.ts";

/** The maximum number of examined ranges. A large ring has many, and one rule assigns them all. */
const RANGES_MAX = 256;

export const ownership: Checker = {
  name: "ownership",
  about:
    "all nodes have the same ring, ranges have N distinct owners, and other nodes have no copies",
  asserted: always,
  check(evidence) {
    const findings: Finding[] = [];
    const versions = new Set(evidence.rings.map((ring) => ring.version));
    if (versions.size > 1) {
      findings.push({ message: `the nodes have ${versions.size} different rings at the end` });
    }
    const ring = evidence.rings[0];
    const ranges = Math.min(ring?.rangeCount ?? 0, RANGES_MAX);
    for (let range = 0; range < ranges; range++) {
      const owners = ring?.primaries(range) ?? [];
      const wanted = Math.min(evidence.scenario.config.n, evidence.members);
      if (new Set(owners).size !== wanted || owners.length !== wanted) {
        findings.push({
          message: `range ${range} should have ${wanted} distinct owners: it has ${owners}`,
        });
      }
    }
    for (const { node, key } of evidence.orphanedReplicas) {
      findings.push({ message: `${node} still has a copy of ${key}, which it does not own`, key });
    }
    return { examined: ranges, findings };
  },
};
