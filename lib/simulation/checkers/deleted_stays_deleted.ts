/**
 * Checker 6: deleted values do not return. At the end, all values are gone that the client of an
 * acknowledged delete had seen. For a delete without a context, these are the values that its
 * coordinator must have read.
 */
import type { Operation } from "../workload/history.ts";
import {
  type Checker,
  type Evidence,
  type Finding,
  isExact,
  labelOf,
  ownersCount,
  writesIn,
} from "./checker.ts";

export const deletedStaysDeleted: Checker = {
  name: "deleted-stays-deleted",
  about: "values removed by an acknowledged delete do not return",
  asserted: isExact,
  check(evidence) {
    const { history, causality, writes, final } = evidence;
    const findings: Finding[] = [];
    let examined = 0;
    for (const [key, { deletes }] of writes) {
      const acknowledged = deletes.filter((each) => each.outcome === "ok");
      if (acknowledged.length === 0) continue;
      examined += acknowledged.length;
      const present = new Set((final.get(key) ?? []).flatMap((each) => writesIn(each, history)));
      for (const id of present) {
        const by = acknowledged.find((each) =>
          causality.covers(each.id, id) ||
          (each.blind && mustHaveRead(each, history.get(id), evidence))
        );
        if (by === undefined) continue;
        findings.push({
          message:
            `${labelOf(history.get(id))} is still there at the end, although ${labelOf(by)} ` +
            `had seen it and was acknowledged`,
          key,
          operations: [id, by.id],
        });
      }
    }
    return { examined, findings };
  },
};

/**
 * Whether the write's quorum and the quorum of the delete's read share a node, and no copy was
 * destroyed.
 */
function mustHaveRead(deletion: Operation, put: Operation, evidence: Evidence): boolean {
  return !put.options.sloppy && !deletion.options.sloppy &&
    put.outcome === "ok" && put.endedAt <= deletion.startedAt &&
    put.options.w + deletion.options.r > ownersCount(evidence) &&
    !evidence.record.destructions.some((each) => each.key === put.key);
}
